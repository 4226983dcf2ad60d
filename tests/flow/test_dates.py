"""A date written in a way the API does not understand shows no value, rather than a calm 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, StartExporter

    Query = Callable[..., dict[str, Any]]

FORMATS = ("iso", "extended-json", "epoch-ms")


@pytest.fixture
def queries(query: Query) -> list[dict[str, Any]]:
    """Two queries: one with a date, which all of the history is younger than, and one without."""
    since = {"StartedAt": {"$gte": {"$date": "now-60d"}}}
    return [query("dated", query=since, every="1s"), query("undated")]


@pytest.mark.parametrize("stored", FORMATS)
def test_dates_found_out_by_asking_give_values(
    exporter: StartExporter, nativechat: Callable[..., Chat], queries: list[dict[str, Any]], stored: str
) -> None:
    chat = nativechat(dates=stored)
    running = exporter(chat.config(queries, dates="auto"), env=chat.environ)
    metrics = running.until(lambda metrics: metrics.values("nativechat_dated"))
    assert metrics.values("nativechat_dated") == [chat.simulation.counts(chat.names[0])["conversations"]]
    assert sum(metrics.values("nativechat_exporter_query_failures_total")) == 0


@pytest.mark.parametrize("stored", FORMATS[1:])
@pytest.mark.parametrize("undecoded", ["refuse", "nothing"])
def test_dates_in_the_wrong_format_show_no_value_and_say_why(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    queries: list[dict[str, Any]],
    stored: str,
    undecoded: str,
) -> None:
    chat = nativechat(dates=stored, undecoded_dates=undecoded)
    running = exporter(chat.config(queries, dates="iso"), env=chat.environ)
    metrics = running.until(
        lambda metrics: (metrics.value("nativechat_exporter_query_runs_total", query="dated") or 0) > 2
    )
    failures = metrics.by("reason", "nativechat_exporter_query_failures_total", query="dated")
    assert {reason for reason, count in failures.items() if count} == {"dates_unverified"}
    assert metrics.values("nativechat_dated") == []
    assert metrics.value("nativechat_exporter_query_up", query="dated") == 0
    assert metrics.value("nativechat_exporter_query_up", query="undated") == 1
    assert metrics.values("nativechat_undated") == [chat.simulation.counts(chat.names[0])["conversations"]]
    (line,) = running.told("query fails")
    assert (line["query"], line["reason"]) == ("dated", "dates_unverified")
    assert "dates: auto" in line["advice"]


def test_dates_are_proven_once_there_is_something_to_prove_them_with(
    exporter: StartExporter, nativechat: Callable[..., Chat], queries: list[dict[str, Any]]
) -> None:
    chat = nativechat(history=0, dates="extended-json")
    (bot,) = chat.names
    running = exporter(chat.config(queries, dates="auto"), env=chat.environ)
    metrics = running.until(
        lambda metrics: metrics.value(
            "nativechat_exporter_query_failures_total", reason="dates_unverified", query="dated"
        )
    )
    assert metrics.values("nativechat_dated") == []
    assert metrics.values("nativechat_undated") in ([], [0])
    chat.simulation.burst(bot, 3)
    running.until(lambda metrics: metrics.values("nativechat_dated") == [3])
    assert len(running.told("query works again", query="dated")) == 1
