"""Laws of the lines that the store logs about an outage; test_store.py checks when it logs one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from exporter.errors import ApiError, TimedOut, Unauthorized
from exporter.model import Bot, Config, Query, TokenSource
from exporter.plan import make_plan
from exporter.store.store import Store

BOT = Bot("main", "1", TokenSource(env="TOKEN"))
QUERY = Query("conversations", "Help.", "conversations", every=60.0, stale_after=300.0, bots=("main",))
DENIED = Unauthorized("GET conversations/_count answered 401", status=401)
LATE = TimedOut("GET conversations/_count: no answer within 10 s")

End = Callable[[ApiError | None], dict[str, object]]


@pytest.fixture
def end_run(store: Store, caplog: pytest.LogCaptureFixture) -> End:
    """Return a function that ends a run of the poll, and returns the line that is logged."""
    caplog.set_level(logging.INFO)
    plan = make_plan(Config((BOT,), (QUERY,)))
    store.apply(plan)

    def end(error: ApiError | None) -> dict[str, object]:
        caplog.clear()
        store.finished(plan.polls[0], 0.1, error)
        [line] = caplog.records
        return {"level": line.levelname, "msg": line.getMessage(), **line.__dict__["fields"]}

    return end


def test_an_outage_is_logged_when_it_begins_changes_and_ends(end_run: End, clock: Any) -> None:
    poll = {"bot": "main", "query": "conversations"}
    assert end_run(DENIED) == {
        "level": "WARNING",
        "msg": "query fails",
        **poll,
        "reason": "unauthorized",
        "status": 401,
        "error": DENIED,
        "advice": "check the bot's token and id in its Settings on NativeChat",
    }
    clock.now += 90.0
    assert end_run(LATE) == {
        "level": "WARNING",
        "msg": "query fails for another reason",
        **poll,
        "reason": "timeout",
        "error": LATE,
        "failing_for": "1m30s",
        "advice": "the API is slow or hangs; api.timeout limits one request",
    }
    clock.now += 3600.0
    assert end_run(None) == {
        "level": "INFO",
        "msg": "query works again",
        **poll,
        "reason": "timeout",
        "failing_for": "1h1m30s",
    }


def test_an_outage_shorter_than_a_second_has_a_duration(end_run: End, clock: Any) -> None:
    end_run(DENIED)
    clock.now += 0.2
    assert end_run(None)["failing_for"] == "0s"
