"""A real Prometheus reads one exporter, and three that share its configuration, as the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from exporter.model import SHARD_BY
from exporter.plan import owner
from tests.flow.prometheus import asked, prometheus

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

BOTS, SHARDS = 7, 3
CHANNELS = ["facebook", "viber", 'a "quoted" back\\slash,\nand a second line: …']


@pytest.fixture(scope="module")
def chat(nativechat: Callable[..., Chat]) -> Chat:
    return nativechat(bots=BOTS, history=100)


@pytest.fixture(scope="module")
def configured(chat: Chat, query: Callable[..., dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """Write a configuration of 7 bots, each with 5 series of 3 metrics."""
    by_channel = query(
        "by_channel",
        help=f"Conversations by {CHANNELS[-1]}",
        labels={"channel": CHANNELS},
        query={"Data.channel.ProviderName": "{channel}"},
    )
    queries = [query(), query("messages", collection="messages"), by_channel]
    return lambda shard_by: {"shard_by": shard_by, **chat.config(queries)}


@pytest.fixture(scope="module")
def shards(
    exporter: StartExporter, chat: Chat, configured: Callable[[str], dict[str, Any]]
) -> dict[str, list[Running]]:
    """Three exporters for each `shard_by`, which have polled everything once."""
    started: dict[str, list[Running]] = {
        shard_by: [
            exporter(
                configured(shard_by),
                f"--shard.total={SHARDS}",
                f"--shard.ordinal={ordinal}",
                env=chat.environ,
            )
            for ordinal in range(SHARDS)
        ]
        for shard_by in SHARD_BY
    }
    for running in chain.from_iterable(started.values()):
        running.until(lambda metrics: 0 not in metrics.values("nativechat_exporter_query_up"))
    return started


@pytest.fixture(scope="module")
def alone(exporter: StartExporter, chat: Chat, configured: Callable[[str], dict[str, Any]]) -> Running:
    """One exporter that has polled everything."""
    running = exporter(configured("bot"), env=chat.environ)
    running.until(lambda metrics: metrics.value("nativechat_exporter_series") == BOTS * 5)
    return running


@pytest.fixture(scope="module")
def address(
    alone: Running,
    shards: dict[str, list[Running]],
    installed: Callable[[str, str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of a Prometheus that scrapes all of them."""
    targets = {job: [running.address for running in each] for job, each in shards.items()}
    targets["alone"] = [alone.address]
    home = tmp_path_factory.mktemp("prometheus")
    with prometheus(installed("prometheus", "prometheus"), targets, home) as address:
        yield address


@pytest.mark.parametrize("shard_by", SHARD_BY)
@pytest.mark.parametrize(
    ("expression", "by", "how_many"),
    [
        ("sum by (bot) (nativechat_conversations{job='%s'})", ("bot",), BOTS),
        ("sum by (bot) (nativechat_messages{job='%s'})", ("bot",), BOTS),
        ("sum by (channel) (nativechat_by_channel{job='%s'})", ("channel",), len(CHANNELS)),
        (
            "max without (instance) (nativechat_by_channel{job='%s'})",
            ("bot", "channel"),
            BOTS * len(CHANNELS),
        ),
        ("sum(nativechat_conversations{job='%s'})", (), 1),
        ("sum(nativechat_exporter_series{job='%s'})", (), 1),
        ("count(nativechat_exporter_query_up{job='%s'})", (), 1),
    ],
)
def test_one_query_over_all_shards_gives_what_one_exporter_gives(
    address: str,
    eventually: Callable[..., Any],
    *,
    shard_by: str,
    expression: str,
    by: tuple[str, ...],
    how_many: int,
) -> None:
    def both() -> list[dict[tuple[str, ...], float]] | None:
        each = [asked(address, expression % job, by) for job in ("alone", shard_by)]
        return each if [len(one) for one in each] == [how_many] * 2 and each[0] == each[1] else None

    assert eventually(both)


def test_a_query_returns_what_the_api_counts(
    address: str, chat: Chat, eventually: Callable[..., Any]
) -> None:
    counted = {(name,): float(chat.simulation.counts(name)["conversations"]) for name in chat.names}
    assert eventually(lambda: asked(address, "nativechat_conversations{job='alone'}")) == counted


@pytest.mark.parametrize("shard_by", SHARD_BY)
def test_every_series_is_on_one_shard_alone(shards: dict[str, list[Running]], shard_by: str) -> None:
    series = [
        (sample.name, *sorted(sample.labels.items()))
        for running in shards[shard_by]
        for sample in running.metrics().samples
        if sample.name in {"nativechat_conversations", "nativechat_messages", "nativechat_by_channel"}
    ]
    assert len(series) == len(set(series)) == BOTS * 5


@pytest.mark.parametrize("shard_by", SHARD_BY)
def test_each_shard_says_which_it_is(address: str, eventually: Callable[..., Any], shard_by: str) -> None:
    ordinals = f'count_values("ordinal", nativechat_exporter_shard_ordinal{{job="{shard_by}"}})'
    once_each = {(str(ordinal),): 1.0 for ordinal in range(SHARDS)}
    assert eventually(lambda: asked(address, ordinals, ("ordinal",))) == once_each
    totals = f'count_values("total", nativechat_exporter_shard_total{{job="{shard_by}"}})'
    assert asked(address, totals, ("total",)) == {(str(SHARDS),): float(SHARDS)}


def test_a_shard_that_holds_nothing_is_ready_and_says_so(
    exporter: StartExporter, chat: Chat, configured: Callable[[str], dict[str, Any]]
) -> None:
    empty = next(n for n in range(64) if n not in {owner(name, 64) for name in chat.names})
    running = exporter(configured("bot"), "--shard.total=64", f"--shard.ordinal={empty}", env=chat.environ)
    assert running.ask("/-/ready").status == 200
    assert running.ask("/-/healthy").status == 200
    assert "This shard has no query." in running.ask("/").text
    metrics = running.metrics()
    assert metrics.value("nativechat_exporter_shard_ordinal") == empty
    assert metrics.value("nativechat_exporter_series") == 0
    assert running.end() == 0


def test_a_pod_of_a_stateful_set_takes_its_index_from_its_environment(
    exporter: StartExporter, chat: Chat, configured: Callable[[str], dict[str, Any]]
) -> None:
    index = {"NATIVECHAT_EXPORTER_SHARD_TOTAL": "3", "NATIVECHAT_EXPORTER_SHARD_ORDINAL": "2"}
    metrics = exporter(configured("bot"), env=chat.environ | index).metrics()
    assert metrics.value("nativechat_exporter_shard_ordinal") == 2
    assert metrics.value("nativechat_exporter_shard_total") == 3
