"""What an operator reads in the log of an outage: a line for each bot, and none for each of its queries."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.server import Server, Wire

if TYPE_CHECKING:
    from tests.flow.conftest import Running, StartExporter

QUERIES = 8
IDS = {"hanging": "a" * 24, "refused": "b" * 24, "well": "c" * 24}


class Api:
    """While it is not `well`, it lets one bot wait, refuses one, and answers the third."""

    def __init__(self) -> None:
        self.well = threading.Event()

    def answer(self, wire: Wire) -> None:
        path = wire.head.decode()
        if IDS["hanging"] in path and not self.well.is_set():
            self.well.wait(60)
            wire.close()
        elif IDS["refused"] in path and not self.well.is_set():
            wire.answer(b"", 401)
        else:
            wire.answer()


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def running(api: Api, exporter: StartExporter, query: Callable[..., dict[str, Any]]) -> Iterator[Running]:
    with Server(api.answer) as server:
        config = {
            "api": {"url": server.url, "timeout": "1s", "rate": "none"},
            "bots": [{"name": name, "id": key, "token": {"env": "TOKEN"}} for name, key in IDS.items()],
            "defaults": {"every": "1s", "stale_after": "1m"},
            "queries": [query(f"q{number}") for number in range(QUERIES)],
        }
        yield exporter(config, env={"TOKEN": "secret"})
        api.well.set()


def test_an_outage_of_two_bots_of_eight_queries_is_two_lines_when_it_begins_and_two_when_it_ends(
    api: Api, running: Running
) -> None:
    running.until(lambda metrics: sum(metrics.values("nativechat_exporter_query_up", bot="well")) == QUERIES)
    running.logged("bot is down", 2)
    # All queries of both bots have failed.
    running.until(
        lambda metrics: all(
            any(metrics.values("nativechat_exporter_query_failures_total", bot=bot, query=f"q{number}"))
            for bot in ("hanging", "refused")
            for number in range(QUERIES)
        )
    )
    api.well.set()
    running.until(lambda metrics: sum(metrics.values("nativechat_exporter_query_up")) == QUERIES * len(IDS))
    running.logged("bot is up again", 2)
    assert running.end() == 0
    messages = re.findall(r' msg=("[^"]*"|\S+)', running.output)
    assert [message.strip('"') for message in messages] == [
        "configuration in use",
        "listening",
        "bot is down",
        "bot is down",
        "bot is up again",
        "bot is up again",
        "ending",
        "ended",
    ]
    reasons = {line["bot"]: (line["reason"], line["queries"]) for line in running.log("bot is down")}
    assert reasons == {"hanging": ("timeout", "8"), "refused": ("unauthorized", "8")}
