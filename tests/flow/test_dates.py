"""A query whose dates the API does not understand shows no value, rather than 0."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

    Query = Callable[..., dict[str, Any]]

FORMATS = ("iso", "extended-json", "epoch-ms")


@pytest.fixture
def queries(query: Query) -> list[dict[str, Any]]:
    """Two queries: one with a date, which all of the history is younger than, and one without."""
    since = {"StartedAt": {"$gte": {"$date": "now-60d"}}}
    return [query("dated", query=since, every="1s"), query("undated")]


@pytest.fixture
def start(exporter: StartExporter, queries: list[dict[str, Any]]) -> Callable[..., Running]:
    """Start an exporter that polls each of these APIs as a bot of its own."""

    def start(chats: dict[str, Chat], dates: str) -> Running:
        environ = {f"TOKEN_{number}": chat.tokens[0] for number, chat in enumerate(chats.values())}
        bots = [
            {
                "name": name,
                "id": chat.simulation.bots[0].id,
                "token": {"env": f"TOKEN_{number}"},
                "api": {"url": chat.url},
            }
            for number, (name, chat) in enumerate(chats.items())
        ]
        config = next(iter(chats.values())).config(queries, dates=dates) | {"bots": bots}
        return exporter(config, env=environ)

    return start


def counted(chats: dict[str, Chat]) -> dict[str, float]:
    return {name: chat.simulation.counts(chat.names[0])["conversations"] for name, chat in chats.items()}


def test_dates_found_out_by_asking_give_values(
    start: Callable[..., Running], nativechat: Callable[..., Chat]
) -> None:
    chats = {stored.replace("-", "_"): nativechat(dates=stored) for stored in FORMATS}
    running = start(chats, "auto")
    metrics = running.until(lambda metrics: len(metrics.values("nativechat_dated")) == len(FORMATS))
    assert metrics.by("bot", "nativechat_dated") == counted(chats)
    assert sum(metrics.values("nativechat_exporter_query_failures_total")) == 0


def test_dates_in_the_wrong_format_show_no_value_and_say_why(
    start: Callable[..., Running], nativechat: Callable[..., Chat]
) -> None:
    chats = {
        f"{stored}_{undecoded}".replace("-", "_"): nativechat(dates=stored, undecoded_dates=undecoded)
        for stored in FORMATS[1:]
        for undecoded in ("refuse", "nothing")
    }
    running = start(chats, "iso")
    metrics = running.until(
        lambda metrics: min(metrics.values("nativechat_exporter_query_runs_total", query="dated")) > 2
    )
    for bot in chats:
        failures = metrics.by("reason", "nativechat_exporter_bot_failures_total", bot=bot)
        assert {reason for reason, count in failures.items() if count} == {"dates_unverified"}
    assert metrics.values("nativechat_dated") == []
    assert set(metrics.values("nativechat_exporter_query_up", query="dated")) == {0}
    assert set(metrics.values("nativechat_exporter_query_up", query="undated")) == {1}
    assert metrics.by("bot", "nativechat_undated") == counted(chats)
    lines = running.logged("query fails", len(chats))
    assert {(line["bot"], line["query"], line["reason"]) for line in lines} == {
        (bot, "dated", "dates_unverified") for bot in chats
    }
    assert all("dates: auto" in line["advice"] for line in lines)


MISREAD = {
    "offset": "{0:%Y-%m-%dT%H:%M:%S}+02:00",
    "no_zone": "{0:%Y-%m-%d %H:%M:%S}",
    "slashes": "{0:%d/%m/%Y}",
    "words": "{0:%a %b %d %Y}",
}


def test_dates_that_would_compare_wrongly_show_no_value_and_say_why(
    start: Callable[..., Running], nativechat: Callable[..., Chat]
) -> None:
    chats = {
        "mixed": nativechat(dates="epoch-ms"),
        "micros": nativechat(history=0, dates="epoch-ms", shown_dates="as-stored"),
    }
    now = datetime.now(UTC)
    chats["mixed"].simulation.burst(chats["mixed"].names[0], 50, {"StartedAt": f"{now:%Y-%m-%dT%H:%M:%SZ}"})
    chats["micros"].simulation.burst(chats["micros"].names[0], 5, {"StartedAt": int(now.timestamp() * 1e6)})
    for name, form in MISREAD.items():
        chats[name] = nativechat(history=0)
        chats[name].simulation.burst(chats[name].names[0], 5, {"StartedAt": form.format(now)})
    running = start(chats, "auto")
    metrics = running.until(
        lambda metrics: min(metrics.values("nativechat_exporter_query_runs_total", query="dated")) > 2
    )
    assert metrics.values("nativechat_dated") == []
    for bot in chats:
        failures = metrics.by("reason", "nativechat_exporter_bot_failures_total", bot=bot)
        assert {reason for reason, count in failures.items() if count} == {"dates_unverified"}
    assert metrics.by("bot", "nativechat_undated") == counted(chats)
    lines = running.logged("query fails", len(chats))
    assert all("`verify` shows how each is written" in line["advice"] for line in lines)
