"""Laws of the outage log: one line when an outage begins, changes its reason, and ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exporter.daemon.daemon import Daemon
from exporter.errors import ServerError, TimedOut, Unauthorized
from exporter.model import Poll

Events = Callable[[], list[dict[str, object]]]

DENIED = Unauthorized("GET conversations/_count answered 401", status=401)
WHO = {"bot": "main", "query": "conversations"}
FAILS = {
    "level": "WARNING",
    "msg": "query fails",
    **WHO,
    "reason": "unauthorized",
    "status": 401,
    "error": DENIED,
    "advice": "check the bot's token and id in its Settings on NativeChat",
}


def first(daemon: Daemon) -> Poll:
    return daemon.store.snapshot().polls[0].poll


def test_an_outage_is_logged_when_it_begins_changes_and_ends(
    daemon: Daemon, clock: Any, events: Events
) -> None:
    poll, late = first(daemon), TimedOut("GET conversations/_count: no answer within 10 s")
    events()
    daemon.store.finished(poll, 0.1, DENIED)
    assert events() == [FAILS]
    clock.now += 90.0
    daemon.store.finished(poll, 0.1, late)
    assert events() == [
        {
            "level": "WARNING",
            "msg": "query fails for another reason",
            **WHO,
            "reason": "timeout",
            "error": late,
            "failing_for": "1m30s",
            "advice": "the API is slow or hangs; api.timeout bounds one request",
        }
    ]
    clock.now += 3600.0
    daemon.store.finished(poll, 0.1, None)
    assert events() == [
        {
            "level": "INFO",
            "msg": "query works again",
            **WHO,
            "reason": "timeout",
            "failing_for": "1h1m30s",
        }
    ]


def test_a_failure_that_repeats_is_logged_once(daemon: Daemon, events: Events) -> None:
    events()
    for _ in range(5):
        daemon.store.finished(first(daemon), 0.1, DENIED)
    assert events() == [FAILS]


def test_the_same_reason_with_another_status_is_another_reason(daemon: Daemon, events: Events) -> None:
    events()
    for status in (500, 500, 502):
        daemon.store.finished(first(daemon), 0.1, ServerError("it failed", status=status))
    assert [(line["msg"], line["status"]) for line in events()] == [
        ("query fails", 500),
        ("query fails for another reason", 502),
    ]


def test_a_query_that_works_is_not_logged(daemon: Daemon, events: Events) -> None:
    events()
    for _ in range(3):
        daemon.store.finished(first(daemon), 0.1, None)
    assert events() == []


def test_an_outage_shorter_than_a_second_has_a_duration(daemon: Daemon, clock: Any, events: Events) -> None:
    events()
    daemon.store.finished(first(daemon), 0.1, DENIED)
    clock.now += 0.2
    daemon.store.finished(first(daemon), 0.1, None)
    assert events()[-1]["failing_for"] == "0s"
