"""What a real Prometheus makes of the metrics."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.flow.prometheus import asked, prometheus

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

    Installed = Callable[[str, str], str]

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module")
def chat(nativechat: Callable[..., Chat]) -> Chat:
    return nativechat(bots=2)


@pytest.fixture(scope="module")
def running(exporter: StartExporter, chat: Chat, query: Callable[..., dict[str, Any]]) -> Running:
    """An exporter that has counted everything; help and labels of one query need care in every format."""
    awkward = query(
        "by_name",
        help='A "quoted" back\\slash,\nand a second line: …',
        labels={"first_name": ["Zoë", 'O"Neill', "back\\slash", "two\nlines"]},
        query={"Data.user.FirstName": "{first_name}"},
    )
    running = exporter(chat.config([query(), awkward]), env=chat.environ)
    running.until(lambda metrics: metrics.value("nativechat_exporter_series") == 10)
    return running


@pytest.fixture(scope="module")
def address(
    installed: Installed, running: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a Prometheus answers that scrapes the exporter."""
    program = installed("prometheus", "prometheus")
    with prometheus(program, {"nativechat": [running.address]}, tmp_path_factory.mktemp("p")) as address:
        yield address


def test_promtool_has_nothing_to_say_about_the_metrics(running: Running, installed: Installed) -> None:
    promtool = installed("promtool", "prometheus")
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=running.ask("/metrics").text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_both_formats_say_the_same(running: Running) -> None:
    metrics = running.metrics()
    answer = running.ask("/metrics", headers={"Accept": OPENMETRICS})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    samples = [sample for family in families for sample in family.samples]

    def counted(samples: list[Any]) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
        return {
            (sample.name, tuple(sorted(sample.labels.items())), sample.value)
            for sample in samples
            if sample.name in {"nativechat_conversations", "nativechat_by_name"}
        }

    assert len(counted(samples)) == 10
    assert counted(samples) == counted(metrics.samples)


def test_prometheus_scrapes_it_and_a_query_returns_the_values(
    address: str, chat: Chat, eventually: Callable[..., Any]
) -> None:
    counted = {(name,): float(chat.simulation.counts(name)["conversations"]) for name in chat.names}
    assert eventually(lambda: asked(address, "nativechat_conversations")) == counted
    assert asked(address, 'up{job="nativechat"}') == {("",): 1}
    assert asked(address, "min by (bot) (nativechat_exporter_query_up)") == dict.fromkeys(counted, 1)
    assert asked(address, "count by (bot) (nativechat_by_name)") == dict.fromkeys(counted, 4)


def test_prometheus_sees_ages_and_rates(address: str, chat: Chat, eventually: Callable[..., Any]) -> None:
    age = "max by (bot) (time() - nativechat_exporter_query_last_success_timestamp_seconds)"
    assert all(0 <= seconds < 5 for seconds in eventually(lambda: asked(address, age)).values())
    runs = "sum by (bot) (rate(nativechat_exporter_query_runs_total[10s]))"
    assert eventually(lambda: asked(address, runs)).keys() == {(name,) for name in chat.names}
