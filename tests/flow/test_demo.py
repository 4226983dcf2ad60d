"""`demo` shows the whole thing on one machine, with nothing but the shipped configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server import Server

if TYPE_CHECKING:
    from tests.flow.conftest import Metrics, Running, StartExporter

SHIPPED = Path(__file__).parents[2] / "config.yaml"
QUERIES = (
    "conversations",
    "conversations_by_channel",
    "conversations_by_outcome",
    "conversations_with_errors",
    "messages",
    "conversations_engaged",
)


@pytest.fixture(scope="module")
def demo(exporter: StartExporter) -> Iterator[Running]:
    running = exporter(SHIPPED, command="demo", env={})
    yield running
    assert running.end() == 0


def complete(metrics: Metrics) -> bool:
    return metrics.value("nativechat_exporter_series") == 9


def test_a_demo_shows_every_shipped_query_within_a_few_seconds(demo: Running) -> None:
    metrics = demo.until(complete)
    for query in QUERIES:
        assert metrics.values(f"nativechat_{query}", bot="main"), query
        assert metrics.value("nativechat_exporter_query_up", bot="main", query=query) == 1


def test_a_demo_is_ready_and_healthy_once_it_has_asked_everything(demo: Running) -> None:
    demo.until(complete)
    assert demo.ask("/-/ready").status == 200
    assert demo.ask("/-/healthy").status == 200


def test_the_numbers_of_a_demo_fit_together(demo: Running) -> None:
    metrics = demo.until(complete)
    whole = metrics.value("nativechat_conversations", bot="main")
    assert whole is not None
    channels = metrics.by("channel", "nativechat_conversations_by_channel", bot="main")
    assert channels.keys() == {"facebook", "viber", "darvin"}
    assert 0.8 * whole < sum(channels.values()) <= whole + 10
    outcomes = metrics.by("outcome", "nativechat_conversations_by_outcome", bot="main")
    assert outcomes.keys() == {"success", "error"}
    assert 0 < outcomes["error"] < outcomes["success"] < whole
    assert metrics.value("nativechat_conversations_with_errors", bot="main") == pytest.approx(
        outcomes["error"], abs=5
    )
    messages = metrics.value("nativechat_messages", bot="main")
    assert messages is not None
    assert messages > 2 * whole


def test_the_numbers_of_a_demo_grow_while_one_watches(demo: Running) -> None:
    before = demo.until(complete)

    def grown(now: Metrics) -> bool:
        return all(
            sum(now.values(f"nativechat_{query}")) > sum(before.values(f"nativechat_{query}"))
            for query in ("conversations", "conversations_by_channel", "messages")
        )

    demo.until(grown)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"])
def test_a_demo_ignores_proxies(exporter: StartExporter, name: str) -> None:
    with Server(lambda wire: wire.answer(b"", 502)) as proxy:
        environ = {name: f"http://127.0.0.1:{proxy.port}", "NO_PROXY": "elsewhere.example"}
        running = exporter(SHIPPED, command="demo", env=environ)
        running.until(complete)
        assert proxy.accepts == 0
        assert running.end() == 0


MINE: dict[str, Any] = {
    "api": {"url": "https://api.nativechat.com/v1"},
    "bots": [
        {"name": "set", "id": {"env": "MY_ID"}, "token": {"env": "MY_TOKEN"}},
        {"name": "missing", "id": {"env": "OTHER_ID"}, "token": {"env": "OTHER_TOKEN"}},
        {"name": "written", "id": "5990b7b5d57ae86c1b2dfd6e", "token": {"env": "EMPTY_TOKEN"}},
    ],
    "queries": [{"name": "conversations", "help": "Counted.", "collection": "conversations"}],
}


def test_a_demo_of_any_configuration_needs_no_variables_and_respects_those_that_are_set(
    exporter: StartExporter,
) -> None:
    environ = {"MY_ID": "5bfd1c9d8f2a4e0012345678", "MY_TOKEN": "s3cr3t", "EMPTY_TOKEN": ""}
    running = exporter(MINE, command="demo", env=environ)
    up = {"set": 1, "missing": 1, "written": 1}
    running.until(lambda metrics: metrics.by("bot", "nativechat_up") == up)
    assert "s3cr3t" not in running.output
    assert running.end() == 0


def test_a_demo_needs_none_of_the_files_that_its_configuration_names(exporter: StartExporter) -> None:
    elsewhere = {"name": "elsewhere", "id": {"file": "none/id"}, "token": {"file": "none/token"}}
    config = {**MINE, "api": {"ca_file": "none/ca.pem"}, "bots": [elsewhere]}
    running = exporter(config, command="demo", env={})
    running.until(lambda metrics: metrics.by("bot", "nativechat_up") == {"elsewhere": 1})
    assert running.end() == 0


def test_a_wrong_variable_is_reported_as_without_a_demo(exporter: StartExporter) -> None:
    running = exporter({**MINE, "bots": MINE["bots"][:1]}, command="demo", env={"MY_ID": "a/b"})
    assert running.process.wait(30) == 2
    assert "not a bot's id" in running.output


def test_a_demo_prints_the_address_to_open_once(demo: Running) -> None:
    told = f"open http://{demo.address}/ in a browser; Ctrl-C ends the demo\n"
    demo.until(complete)
    assert demo.output.count(told) == 1
