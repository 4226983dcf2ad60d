"""Whatever is recorded in whatever order, the store returns the last fresh count of each series, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from exporter.errors import (
    REASONS,
    ApiError,
    BadAnswer,
    Rejected,
    ServerError,
    Throttled,
    TimedOut,
    Unreachable,
)
from exporter.model import Bot, Config, Plan, Poll, Predicate, Query, Series, TokenSource, Variant
from exporter.plan import keep_same, make_plan
from exporter.snapshot import PollSnapshot
from exporter.store.record import OutageEvent
from exporter.store.store import Store
from tests.clock import FakeClock


@dataclass(frozen=True)
class State:
    """The state of a poll, without its counts."""

    up: bool = False
    last_success: float = 0.0
    last_run: float = 0.0
    duration: float = 0.0
    runs: int = 0
    skipped: int = 0
    failures: tuple[int, ...] = (0,) * len(REASONS)


def state(poll: PollSnapshot) -> State:
    return State(**{name.name: getattr(poll, name.name) for name in fields(State)})


NOTHING = Plan((), ZoneInfo("UTC"), 1)
ERRORS = (
    Unreachable("refused"),
    TimedOut("too slow"),
    Throttled("patience", status=429, retry_after=1.0),
    ServerError("down", status=500),
    ServerError("down", status=502),
    Rejected("bad predicate", status=400),
    Rejected("unknown bot", status=404),
    BadAnswer("no count", status=200),
)

errors = st.sampled_from(ERRORS)
stale_afters = st.sampled_from([3.0, 10.0, 30.0])
outcomes = st.none() | errors
predicates = st.sampled_from([Predicate('{"A":1}'), Predicate('{"A":2}'), Predicate('{"B":1}', ("B",))])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw plans that are often equal: few names, few predicates, few times."""
    bots = tuple(
        Bot(name, f"id of {name}", TokenSource(env=draw(st.sampled_from(["ONE", "TWO"]))))
        for name in draw(st.lists(st.sampled_from("ab"), unique=True, min_size=1))
    )
    names = tuple(bot.name for bot in bots)
    queries = []
    for name in draw(st.lists(st.sampled_from(["q", "r"]), unique=True, min_size=1)):
        values = draw(st.lists(st.sampled_from("xyz"), unique=True, min_size=1))
        variants = tuple(Variant((("value", value),), draw(predicates)) for value in values)
        stale_after = draw(stale_afters)
        queries.append(Query(name, "Help.", "messages", 5.0, stale_after, names, variants=variants))
    return make_plan(Config(bots, tuple(draw(st.permutations(queries)))))


@dataclass
class Known:
    """The model of one poll: simple, and not fast."""

    poll: Poll
    counts: dict[Series, tuple[int, float]] = field(default_factory=dict)
    state: State = field(default_factory=State)
    ended: bool = False
    attempted: bool = False
    failed: tuple[ApiError, float] | None = None
    outage: tuple[ApiError, float] | None = None

    def forget_stale(self, now: float) -> None:
        limit = self.poll.query.stale_after
        self.counts = {series: one for series, one in self.counts.items() if now - one[1] <= limit}


def for_a_poll(method: Callable[[Any, st.DataObject], None]) -> Callable[[Any, st.DataObject], None]:
    """Make a rule of a method that records something for a poll, once there is a poll."""
    return precondition(lambda machine: bool(machine.every_poll))(rule(data=st.data())(method))


class StoreMachine(RuleBasedStateMachine):
    """Calls a store and a model alike, and compares their results."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.store = Store(self.clock)
        self.plan = NOTHING
        self.known: dict[tuple[str, str], Known] = {}
        self.up: dict[str, tuple[Bot, bool | None, tuple[ApiError, float] | None, float]] = {}
        self.every_poll: list[Poll] = []

    @rule(seconds=st.sampled_from([1.0, 2.0, 3.0, 7.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        for known in self.known.values():
            known.forget_stale(self.clock.now)

    # Called by the daemon

    @initialize(plan=plans())
    def first_plan(self, plan: Plan) -> None:
        self.load(plan)

    @rule(data=st.data())
    def reload(self, data: st.DataObject) -> None:
        match data.draw(
            st.sampled_from(["another plan", "stale_after", "one poll less", "order", "nothing"])
        ):
            case "another plan":
                plan = data.draw(plans())
            case "stale_after":
                plan = self.with_stale_after(data.draw(stale_afters))
            case "one poll less":
                plan = replace(self.plan, polls=self.plan.polls[:-1])
            case "order":
                plan = replace(self.plan, polls=self.plan.polls[::-1])
            case _:
                plan = self.plan
        self.load(plan)

    def with_stale_after(self, stale_after: float) -> Plan:
        changed = [replace(p, query=replace(p.query, stale_after=stale_after)) for p in self.plan.polls]
        return replace(self.plan, polls=tuple(changed))

    def load(self, plan: Plan) -> None:
        self.plan = keep_same(plan, self.plan)
        self.every_poll.extend(poll for poll in self.plan.polls if not self.is_known(poll))
        self.store.apply(self.plan)
        before, self.known = self.known, {}
        for poll in self.plan.polls:
            known = replace(before[poll.key], poll=poll) if poll.key in before else Known(poll)
            known.counts = {series: one for series, one in known.counts.items() if series in poll.series}
            known.forget_stale(self.clock.now)
            self.known[poll.key] = known
        same = {bot.name: bot for bot in self.plan.bots}
        self.up = {
            name: self.up[name] if name in self.up and self.up[name][0] == bot else (bot, None, None, 0.0)
            for name, bot in same.items()
        }

    def is_known(self, poll: Poll) -> bool:
        return any(poll is one for one in self.every_poll)

    # Called by polling, for removed polls too

    def pick(self, data: st.DataObject) -> tuple[Poll, Known | None]:
        in_use = st.sampled_from(self.plan.polls or self.every_poll)
        poll = data.draw(in_use | in_use | st.sampled_from(self.every_poll))
        known = self.known.get(poll.key)
        return poll, known if known is not None and known.poll is poll else None

    @for_a_poll
    def started(self, data: st.DataObject) -> None:
        poll, known = self.pick(data)
        self.store.started(poll)
        if known:
            known.state = replace(known.state, runs=known.state.runs + 1, last_run=self.clock.wall())

    @for_a_poll
    def skipped(self, data: st.DataObject) -> None:
        poll, known = self.pick(data)
        self.store.skipped(poll)
        if known:
            known.state = replace(known.state, skipped=known.state.skipped + 1)

    @for_a_poll
    def counted(self, data: st.DataObject) -> None:
        poll, known = self.pick(data)
        rows = st.integers(0, len(poll.series) - 1)
        for row in data.draw(st.lists(rows, unique=True, min_size=1)):
            count = data.draw(st.integers(0, 3) | st.integers(0, 2**53))
            self.store.counted(poll, row, count)
            if known:
                known.attempted = True
                known.counts[poll.series[row]] = (count, self.clock.now)

    @for_a_poll
    def failed(self, data: st.DataObject) -> None:
        poll, known = self.pick(data)
        error = data.draw(errors)
        self.store.failed(poll, range(len(poll.series)), error)
        if known:
            known.attempted = True
            known.failed = (error, self.clock.now)
            failures = tuple(
                number + (reason == error.reason)
                for number, reason in zip(known.state.failures, REASONS, strict=True)
            )
            known.state = replace(known.state, failures=failures)

    @for_a_poll
    def finished(self, data: st.DataObject) -> None:
        poll, known = self.pick(data)
        error = data.draw(outcomes)
        duration = data.draw(st.floats(0.0, 10.0))
        event = self.store.finished(poll, duration, error)
        if known is None:
            assert event is None
            return
        known.ended = True
        success = known.state.last_success if error else self.clock.wall()
        known.state = replace(known.state, up=not error, duration=duration, last_success=success)
        assert event == self.outage_event(known, error)

    def outage_event(self, known: Known, error: ApiError | None) -> OutageEvent | None:
        before = known.outage
        known.outage = (error, before[1] if before else self.clock.now) if error else None
        match before, error:
            case (None, None):
                return None
            case (None, ApiError() as begun):
                return OutageEvent("began", begun, self.clock.now)
            case ((old, since), None):
                return OutageEvent("ended", old, since)
            case ((old, since), ApiError() as new):
                alike = (old.reason, old.status) == (new.reason, new.status)
                return None if alike else OutageEvent("changed", new, since)
        raise AssertionError(before, error)

    @for_a_poll
    def asked(self, data: st.DataObject) -> None:
        poll, known = self.pick(data)
        error = data.draw(outcomes)
        self.store.asked(poll, error)
        if known:
            bot, _, last, _ = self.up[poll.bot.name]
            answers = error is None or error.status in (400, 422)
            self.up[poll.bot.name] = (
                bot,
                answers,
                (error, self.clock.now) if error else last,
                self.clock.now,
            )

    # Called by the pages

    @rule()
    def look(self) -> None:
        snapshot = self.store.snapshot()
        assert self.store.all_attempted() == all(known.attempted for known in self.known.values())
        assert [poll.poll for poll in snapshot.polls] == list(self.plan.polls)
        for poll, known in zip(snapshot.polls, self.known.values(), strict=True):
            self.compare(poll, known)
        shown = [
            (bot.bot, bot.up, bot.asked_at, bot.last_error, bot.last_error_at if bot.last_error else 0.0)
            for bot in snapshot.bots
        ]
        assert shown == [(bot, up, at, *(last or (None, 0.0))) for bot, up, last, at in self.up.values()]

    def compare(self, poll: PollSnapshot, known: Known) -> None:
        assert (state(poll), poll.ended) == (known.state, known.ended)
        assert poll.last_error == (known.failed[0] if known.failed else None)
        assert poll.failing_since_at == (known.outage[1] if known.outage else None)
        counts = [known.counts.get(series) for series in known.poll.series]
        assert list(poll.counts) == [one[0] if one else None for one in counts]
        assert all(at == one[1] for at, one in zip(poll.counted_at, counts, strict=True) if one)

    def teardown(self) -> None:
        self.look()


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=100, stateful_step_count=50)
