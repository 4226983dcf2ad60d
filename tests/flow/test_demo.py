"""`demo` shows the whole thing on one machine, with nothing but the shipped configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
