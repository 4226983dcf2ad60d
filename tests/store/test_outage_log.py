"""Laws of the lines that the store logs about outages of bots and queries."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.errors import (
    ApiError,
    DatesUnverified,
    Rejected,
    ServerError,
    Throttled,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from exporter.model import Bot, Config, Plan, Query, TokenSource
from exporter.plan import make_plan
from exporter.store.bot_record import LINES_WITHIN, MOST_LINES, SILENT
from exporter.store.store import Store
from tests.clock import FakeClock

BOT = Bot("main", "1", TokenSource(env="TOKEN"))
QUERY = Query("conversations", "Help.", "conversations", every=60.0, stale_after=300.0, bots=("main",))
NAMES = tuple(f"q{number}" for number in range(8))
DENIED = Unauthorized("GET conversations/_count answered 401", status=401)
FORBIDDEN = Unauthorized("GET conversations/_count answered 403", status=403)
LATE = TimedOut("GET conversations/_count: no answer within 10 s")
UNREACHABLE = Unreachable("no connection to 127.0.0.1:9: connection refused")
THROTTLED = Throttled("GET conversations/_count answered 429", status=429)
BROKEN = ServerError("GET conversations/_count answered 500", status=500)
WRONG = Rejected("GET conversations/_count answered 400", status=400)
UNPROVEN = DatesUnverified("conversations have no field StartedAt yet")


def plan_of(names: Sequence[str], bot: Bot = BOT) -> Plan:
    return make_plan(Config((bot,), tuple(replace(QUERY, name=name) for name in names)))


class Bots:
    """One bot with queries of one series each, in a store that logs."""

    def __init__(
        self, caplog: pytest.LogCaptureFixture, clock: FakeClock, names: Sequence[str] = NAMES
    ) -> None:
        caplog.set_level(logging.INFO)
        caplog.clear()
        self._log = caplog
        self.clock = clock
        self.store = Store(clock)
        self.apply(names)

    def apply(self, names: Sequence[str], bot: Bot = BOT) -> None:
        plan = plan_of(names, bot)
        self.store.apply(plan)
        self.polls = {poll.query.name: poll for poll in plan.polls}

    def ask(self, name: str, error: ApiError | None, duration: float = 0.0) -> None:
        """Let the bot answer a query's request, or fail to."""
        self.store.asked(self.polls[name], error, self.clock.now - duration)

    def end(self, name: str, error: ApiError | None, duration: float = 0.1) -> None:
        """Let a query's run end."""
        self.store.finished(self.polls[name], duration, error)

    def run(self, name: str, error: ApiError | None) -> None:
        self.ask(name, error)
        self.end(name, error)

    def run_all(self, error: ApiError | None) -> None:
        for name in self.polls:
            self.clock.now += 1.0
            self.run(name, error)

    @property
    def events(self) -> list[dict[str, object]]:
        """The lines since the last call."""
        lines = [
            {"level": line.levelname, "msg": line.getMessage(), **line.__dict__["fields"]}
            for line in self._log.records
        ]
        self._log.clear()
        return lines

    @property
    def lines(self) -> list[tuple[object, object]]:
        """The messages since the last call, each with its query."""
        return [(event["msg"], event.get("query")) for event in self.events]


@pytest.fixture
def bots(caplog: pytest.LogCaptureFixture, clock: FakeClock) -> Bots:
    return Bots(caplog, clock)


@pytest.fixture
def single(caplog: pytest.LogCaptureFixture, clock: FakeClock) -> Bots:
    return Bots(caplog, clock, ["conversations"])


def test_an_outage_of_a_bot_is_one_line_when_it_begins_and_one_when_it_ends(bots: Bots) -> None:
    bots.run_all(None)
    for _ in range(3):
        bots.run_all(DENIED)
    [down] = bots.events
    assert down == {
        "level": "WARNING",
        "msg": "bot is down",
        "bot": "main",
        "reason": "unauthorized",
        "status": 401,
        "queries": 8,
        "error": DENIED,
        "advice": "check the bot's token and id in its Settings on NativeChat",
    }
    bots.clock.now += 175.0
    bots.run_all(None)
    [up] = bots.events
    assert up == {
        "level": "INFO",
        "msg": "bot is up again",
        "bot": "main",
        "reason": "unauthorized",
        "status": 401,
        "down_for": "3m19s",
        "queries": 8,
    }


def test_an_outage_of_a_query_is_logged_when_it_begins_changes_and_ends(bots: Bots) -> None:
    bots.run("q0", WRONG)
    bots.clock.now += 90.0
    bots.ask("q0", None)
    bots.end("q0", UNPROVEN)
    bots.clock.now += 3600.0
    bots.run("q0", None)
    began, changed, ended = bots.events
    query = {"bot": "main", "query": "q0"}
    assert began == {
        "level": "WARNING",
        "msg": "query fails",
        **query,
        "reason": "rejected",
        "status": 400,
        "error": WRONG,
        "advice": "check the bot's id, api.url and this query's predicate",
    }
    assert changed == {
        "level": "WARNING",
        "msg": "query fails for another reason",
        **query,
        "reason": "dates_unverified",
        "failing_for": "1m30s",
        "error": UNPROVEN,
        "advice": "try `api: {dates: auto}`, or another of its formats",
    }
    assert ended == {
        "level": "INFO",
        "msg": "query works again",
        **query,
        "reason": "dates_unverified",
        "failing_for": "1h1m30s",
    }


def test_the_only_query_of_a_bot_has_no_line_of_its_own_while_the_bot_is_down(single: Bots) -> None:
    single.run("conversations", LATE)
    single.run("conversations", LATE)
    single.run("conversations", None)
    assert single.lines == [("bot is down", None), ("bot is up again", None)]


def test_an_outage_shorter_than_a_second_has_a_duration(single: Bots) -> None:
    single.run("conversations", DENIED)
    single.clock.now += 0.2
    single.run("conversations", None)
    down, up = single.events
    assert ("down_for" in down, up["down_for"]) == (False, "0s")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(NAMES * 2),
    error=st.sampled_from([LATE, DENIED]),
    well=st.booleans(),
    step=st.sampled_from([0.0, 1.0]),
)
def test_queries_that_fail_with_their_bot_have_one_line_in_any_order(
    caplog: pytest.LogCaptureFixture, order: list[str], error: ApiError, well: bool, step: float
) -> None:
    bots = Bots(caplog, FakeClock())
    if well:
        bots.run_all(None)
    asked: set[str] = set()
    for name in order:
        bots.clock.now += step
        if name not in asked:
            asked.add(name)
            bots.ask(name, error)
        else:
            bots.end(name, error, duration=10.0)
    bots.run_all(error)
    assert bots.lines == [("bot is down", None)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(NAMES),
    error=st.sampled_from([LATE, DENIED]),
    answered=st.sets(st.sampled_from(NAMES[1:])),
)
def test_answers_to_requests_from_before_an_outage_do_not_end_it(
    caplog: pytest.LogCaptureFixture, order: list[str], error: ApiError, answered: set[str]
) -> None:
    bots = Bots(caplog, FakeClock())
    bots.run_all(None)
    began = bots.clock.now
    for name in order:
        bots.clock.now += 0.1
        result = None if name in answered else error
        bots.ask(name, result, duration=bots.clock.now - began)
        bots.end(name, result, duration=bots.clock.now - began)
    bots.run_all(error)
    assert bots.lines == [("bot is down", None)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(NAMES),
    outage=st.sampled_from([LATE, DENIED]),
    failed=st.sets(st.sampled_from(NAMES[:-1])),
)
def test_runs_that_were_in_flight_at_the_end_of_an_outage_have_no_line(
    caplog: pytest.LogCaptureFixture, order: list[str], outage: ApiError, failed: set[str]
) -> None:
    bots = Bots(caplog, FakeClock())
    bots.run_all(outage)
    for name in order:
        bots.clock.now += 0.1
        error = outage if name in failed else None
        bots.ask(name, error)
        bots.end(name, error, duration=30.0)
    bots.run_all(None)
    assert bots.lines == [("bot is down", None), ("bot is up again", None)]


def test_a_run_in_flight_at_the_end_of_an_outage_has_a_line_if_it_fails_for_a_reason_of_its_own(
    bots: Bots,
) -> None:
    bots.run_all(LATE)
    bots.run("q0", None)
    bots.ask("q1", WRONG)
    bots.end("q1", WRONG, duration=30.0)
    assert bots.lines == [("bot is down", None), ("bot is up again", None), ("query fails", "q1")]


def test_each_outage_has_its_own_error(bots: Bots) -> None:
    later = TimedOut("GET conversations/_count: no answer within 20 s")
    for error in (LATE, None, later):
        bots.run_all(error)
    assert [event.get("error") for event in bots.events] == [LATE, None, later]


def test_a_bot_that_forbids_one_query_is_still_down_for_the_others(bots: Bots) -> None:
    bots.run_all(None)
    bots.run("q0", LATE)
    bots.clock.now += SILENT
    bots.run("q0", LATE)
    bots.run("q1", FORBIDDEN)
    assert bots.lines == [("bot is down", None), ("bot is down for another reason", None)]


def test_a_query_that_fails_alone_has_a_line_once_its_bot_answers_another(bots: Bots) -> None:
    bots.run_all(None)
    bots.run("q3", BROKEN)
    assert bots.lines == []
    bots.clock.now += 20.0
    bots.run("q4", None)
    [line] = bots.events
    assert line == {
        "level": "WARNING",
        "msg": "query fails",
        "bot": "main",
        "query": "q3",
        "reason": "server_error",
        "status": 500,
        "failing_for": "20s",
        "error": BROKEN,
        "advice": "the API itself fails; wait until it works again",
    }
    for _ in range(3):
        for name in NAMES:
            bots.run(name, BROKEN if name == "q3" else None)
            bots.clock.now += 10.0
    assert bots.lines == []
    bots.run("q3", None)
    [line] = bots.events
    assert line == {
        "level": "INFO",
        "msg": "query works again",
        "bot": "main",
        "query": "q3",
        "reason": "server_error",
        "status": 500,
        "failing_for": "4m20s",
    }


def test_a_failure_is_not_logged_that_is_over_before_it_is_known_whether_the_query_fails_alone(
    bots: Bots,
) -> None:
    bots.run("q0", BROKEN)
    bots.ask("q0", None, duration=1.0)
    bots.end("q0", None)
    bots.run("q1", None)
    assert bots.lines == []


def test_a_run_of_many_series_of_which_one_fails_has_a_line_at_once(bots: Bots) -> None:
    bots.ask("q0", BROKEN)
    bots.ask("q0", None)
    bots.end("q0", BROKEN, duration=2.0)
    assert bots.lines == [("query fails", "q0")]


@pytest.mark.parametrize("error", [WRONG, UNPROVEN])
def test_an_error_of_another_kind_than_the_bot_s_is_the_query_s_own(bots: Bots, error: ApiError) -> None:
    bots.run_all(LATE)
    bots.end("q2", error)
    assert bots.lines == [("bot is down", None), ("query fails", "q2")]


def test_a_query_that_still_fails_when_its_bot_is_up_again_gets_its_line_then(bots: Bots) -> None:
    bots.run_all(BROKEN)
    for _ in range(2):
        for name in NAMES:
            bots.clock.now += 1.0
            bots.run(name, BROKEN if name == "q7" else None)
    bots.run("q0", None)
    assert bots.lines == [("bot is down", None), ("bot is up again", None), ("query fails", "q7")]


def test_a_query_that_fails_alone_is_not_logged_again_after_an_outage_of_its_bot(bots: Bots) -> None:
    bots.run("q0", BROKEN)
    bots.run("q1", None)
    assert bots.lines == [("query fails", "q0")]
    bots.run_all(LATE)
    for name in NAMES[1:]:
        bots.run(name, None)
    bots.run("q0", BROKEN)
    assert bots.lines == [("bot is down", None), ("bot is up again", None)]
    bots.run("q0", None)
    assert bots.lines == [("query works again", "q0")]


def test_a_bot_is_down_when_it_is_silent_though_not_all_its_queries_were_tried(bots: Bots) -> None:
    bots.run_all(None)
    bots.run("q0", LATE)
    bots.clock.now += SILENT - 0.1
    bots.run("q0", LATE)
    assert bots.lines == []
    bots.clock.now += 0.1
    bots.run("q0", LATE)
    assert bots.lines == [("bot is down", None)]


@pytest.mark.parametrize("error", [DENIED, UNREACHABLE, THROTTLED])
def test_an_error_that_depends_on_the_bot_is_an_outage_of_the_bot_at_once(
    bots: Bots, error: ApiError
) -> None:
    bots.run_all(None)
    bots.run("q0", error)
    assert bots.lines == [("bot is down", None)]


def test_a_query_that_alone_gets_such_an_error_is_taken_for_its_bot_only_once(bots: Bots) -> None:
    for _ in range(5):
        bots.run("q0", UNREACHABLE)
        bots.run("q1", None)
        bots.clock.now += 60.0
    assert bots.lines == [("bot is down", None), ("bot is up again", None), ("query fails", "q0")]


def test_a_bot_whose_errors_vary_floods_no_log(bots: Bots) -> None:
    for second in range(600):
        bots.clock.now += 1.0
        status = 500 + second % 48
        bots.run(f"q{second % 8}", ServerError(f"answered {status}", status=status) if second % 3 else None)
    begun = [line for line in bots.lines if line[0] != "bot is up again" and line[0] != "query works again"]
    assert len(begun) <= 9 * MOST_LINES * 600.0 / LINES_WITHIN


def test_a_query_that_flaps_is_logged_a_few_times_and_again_once_it_lasts(single: Bots) -> None:
    for _ in range(20):
        single.run("conversations", WRONG)
        single.run("conversations", None)
        single.clock.now += 2.0
    began, ended = ("query fails", "conversations"), ("query works again", "conversations")
    assert single.lines == [began, ended] * MOST_LINES
    single.run("conversations", WRONG)
    single.clock.now += LINES_WITHIN
    single.run("conversations", WRONG)
    single.run("conversations", None)
    assert single.lines == [began, ended]


def test_a_bot_that_flaps_leaves_no_line_to_its_queries(bots: Bots) -> None:
    for _ in range(20):
        bots.run_all(UNREACHABLE)
        bots.run_all(None)
    lines = bots.lines
    assert lines[: 2 * MOST_LINES] == [("bot is down", None), ("bot is up again", None)] * MOST_LINES
    assert not [line for line in lines if line[1]]


def test_a_bot_that_is_throttled_for_long_is_down_before_its_run_ends(bots: Bots) -> None:
    bots.ask("q0", THROTTLED)
    assert bots.lines == [("bot is down", None)]


def test_a_bot_that_hangs_is_down_before_a_run_of_many_series_ends(bots: Bots) -> None:
    bots.run_all(None)
    bots.ask("q0", LATE)
    bots.clock.now += SILENT - 0.1
    bots.ask("q0", LATE)
    assert bots.lines == []
    bots.clock.now += 0.1
    bots.ask("q0", LATE)
    assert bots.lines == [("bot is down", None)]
    bots.end("q0", LATE, duration=SILENT)
    bots.ask("q0", LATE)
    assert bots.lines == []


def test_a_query_of_many_series_that_hangs_alone_is_not_taken_for_its_bot_again(bots: Bots) -> None:
    bots.run("q0", LATE)
    bots.run("q1", None)
    assert bots.lines == [("query fails", "q0")]
    for _ in range(3):
        bots.ask("q0", LATE)
        bots.clock.now += SILENT
    assert bots.lines == []


def test_a_query_that_hangs_while_later_requests_are_answered_fails_alone(bots: Bots) -> None:
    bots.clock.now += 10.0
    bots.ask("q1", None, duration=1.0)
    for name in ("q0", "q2"):
        bots.ask(name, LATE, duration=10.0)
        bots.end(name, LATE, duration=10.0)
        bots.clock.now += SILENT
    assert bots.lines == [("query fails", "q0"), ("query fails", "q2")]


def test_each_reason_of_an_outage_is_logged_once(bots: Bots) -> None:
    for _ in range(3):
        bots.run_all(LATE)
        bots.run_all(BROKEN)
    bots.run_all(None)
    assert bots.lines == [
        ("bot is down", None),
        ("bot is down for another reason", None),
        ("bot is up again", None),
    ]


def test_each_reason_of_a_query_that_fails_alone_is_logged_once(bots: Bots) -> None:
    for _ in range(3):
        bots.run("q0", WRONG)
        bots.run("q0", UNPROVEN)
    bots.run("q0", None)
    messages = ("query fails", "query fails for another reason", "query works again")
    assert bots.lines == [(message, "q0") for message in messages]


def test_403s_are_the_queries_own_while_others_are_answered_and_the_bot_s_if_all_get_one(bots: Bots) -> None:
    bots.run_all(None)
    bots.run("q0", FORBIDDEN)
    bots.clock.now += SILENT
    bots.run("q1", FORBIDDEN)
    assert bots.lines == [("query fails", "q0"), ("query fails", "q1")]
    bots.run_all(None)
    assert bots.lines == [("query works again", "q0"), ("query works again", "q1")]
    for name in NAMES:
        bots.run(name, FORBIDDEN)
    assert bots.lines == [("bot is down", None)]


def test_an_outage_goes_on_over_a_reload_that_changes_the_bot(bots: Bots) -> None:
    bots.run_all(DENIED)
    bots.apply(NAMES, replace(BOT, token=TokenSource(env="ANOTHER")))
    bots.run_all(DENIED)
    bots.run_all(None)
    assert bots.lines == [("bot is down", None), ("bot is up again", None)]


def test_a_query_that_a_reload_removed_is_not_logged(bots: Bots) -> None:
    bots.run("q0", BROKEN)
    bots.apply(NAMES[1:])
    bots.run_all(None)
    assert bots.lines == []


def test_the_queries_that_a_reload_left_decide_whether_all_fail(bots: Bots) -> None:
    bots.run_all(None)
    bots.apply(NAMES[:2])
    bots.run("q0", DENIED)
    bots.run("q1", DENIED)
    assert bots.lines == [("bot is down", None)]


def test_a_query_that_a_reload_removed_and_another_brought_back_starts_anew(bots: Bots) -> None:
    bots.run("q0", WRONG)
    bots.apply(NAMES[1:])
    bots.apply(NAMES)
    bots.run("q0", WRONG)
    assert bots.lines == [("query fails", "q0")] * 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(NAMES[:3]),
            st.sampled_from([None, LATE, DENIED, BROKEN, WRONG, FORBIDDEN, UNREACHABLE]),
            st.sampled_from([0.0, 1.0, 6.0, 30.0]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_each_outage_that_was_logged_has_a_line_at_its_end(
    caplog: pytest.LogCaptureFixture, steps: list[tuple[str, ApiError | None, float, bool]]
) -> None:
    bots = Bots(caplog, FakeClock(), NAMES[:3])
    for name, error, passed, ends in steps:
        bots.clock.now += passed
        bots.ask(name, error, duration=passed / 2)
        if ends:
            bots.end(name, error, duration=passed)
    bots.run_all(None)
    lines = Counter(bots.lines)
    assert lines["bot is down", None] == lines["bot is up again", None]
    for name in NAMES[:3]:
        assert lines["query fails", name] == lines["query works again", name]
