"""Laws of when a poll is due: soon at first, then on its grid or at its time, whatever the clocks do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Plan, Poll
from exporter.polling.calendar import DAY
from exporter.polling.timetable import FIRST_RUNS_AFTER, FIRST_RUNS_WITHIN, Timetable

if TYPE_CHECKING:
    from tests.clock import FakeClock
    from tests.polling.conftest import Kit

HOUR = 3600.0
KEY = ("support", "all")

intervals = st.integers(1, 3600).map(float)
names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)


class Run:
    """A timetable on a fake clock, and every start it made: which, when, and when it was due."""

    def __init__(self, clock: FakeClock, plan: Plan) -> None:
        self.clock = clock
        self.starts: list[tuple[str, float, float]] = []
        self.timetable = Timetable(clock, self._start)
        self.timetable.apply(plan)

    def _start(self, poll: Poll, due: float) -> None:
        self.starts.append((poll.query.name, self.clock.steady(), due))

    def times(self, name: str = "all") -> list[float]:
        return [at for started, at, _ in self.starts if started == name]

    def walk(self, seconds: float, lateness: Callable[[], float] = lambda: 0.0) -> None:
        """Let time pass, with each wake-up late by `lateness`."""
        end = self.clock.steady() + seconds
        while True:
            self.timetable.run_due()
            if (due := min(self.timetable.next_times(), default=math.inf)) > end:
                break
            self.clock.move_to(due + lateness())
        self.clock.move_to(end)

    def wall_times(self, zone: str) -> list[str]:
        """Return the start times on a wall clock that was never changed, without the first run."""
        ahead = self.clock.wall() - self.clock.steady()
        return [
            f"{datetime.fromtimestamp(at + ahead, ZoneInfo(zone)):%d %H:%M:%S}" for at in self.times()[1:]
        ]


def wall(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def daily(kit: Kit, wall: float, at: time = time(2, 30), zone: str = "UTC", days: int = 1) -> Run:
    query = kit.query(every=days * DAY, at=at)
    return Run(kit.Clock(wall=wall), kit.plan([kit.bot()], [query], zone=zone))


@given(st.lists(names, unique=True, min_size=1, max_size=20), intervals)
def test_every_poll_runs_first_within_five_seconds_and_within_its_interval(
    kit: Kit, queries: list[str], every: float
) -> None:
    clock = kit.Clock()
    run = Run(clock, kit.plan([kit.bot()], [kit.query(name, every=every) for name in queries]))
    began = clock.steady()
    run.walk(min(every, FIRST_RUNS_WITHIN))
    assert all(run.times(name)[0] - began <= min(every, FIRST_RUNS_WITHIN) for name in queries)


def test_first_runs_are_spread_and_the_same_in_every_process(kit: Kit) -> None:
    plan = kit.plan([kit.bot()], [kit.query(f"query_{n}") for n in range(600)])
    clock = kit.Clock()
    run = Run(clock, plan)
    run.walk(FIRST_RUNS_WITHIN)
    per_second = [sum(n <= at - 1000.0 < n + 1 for _, at, _ in run.starts) for n in range(5)]
    assert all(90 <= runs <= 150 for runs in per_second)
    assert run.times("query_7")[0] - 1000.0 == pytest.approx(4.15)


@pytest.mark.parametrize(
    ("queries", "within"), [(1, FIRST_RUNS_AFTER), (100, 1.0), (1000, FIRST_RUNS_WITHIN)]
)
def test_first_runs_start_after_the_page_and_within_a_time_that_fits_their_number(
    kit: Kit, queries: int, within: float
) -> None:
    run = Run(kit.Clock(), kit.plan([kit.bot()], [kit.query(f"query_{n}") for n in range(queries)]))
    run.walk(0.99 * FIRST_RUNS_AFTER)
    assert not run.starts
    run.walk(within - 0.99 * FIRST_RUNS_AFTER)
    assert len({name for name, _, _ in run.starts}) == queries


@given(intervals, st.lists(st.floats(0.0, 0.49), min_size=1, max_size=30))
def test_after_the_first_run_an_interval_is_a_grid_without_drift(
    kit: Kit, every: float, parts: list[float]
) -> None:
    run = Run(kit.Clock(), kit.plan([kit.bot()], [kit.query(every=every)]))
    late = iter(parts * 100)
    run.walk(40 * every, lambda: next(late) * every)
    dues = [due for _, _, due in run.starts][1:]
    assert [b - a for a, b in itertools.pairwise(dues)] == pytest.approx([every] * (len(dues) - 1))
    assert len(dues) in (38, 39, 40)


@given(intervals, st.floats(1.0, 1e6))
def test_due_times_missed_by_a_suspended_machine_become_one_run_and_then_the_grid(
    kit: Kit, every: float, suspended: float
) -> None:
    run = Run(kit.Clock(), kit.plan([kit.bot()], [kit.query(every=every)]))
    run.walk(3 * every)
    before = len(run.starts)
    grid = run.starts[-1][2]
    run.clock.sleep(every + suspended)
    run.timetable.run_due()
    assert len(run.starts) == before + 1
    due = run.timetable.next_run(KEY)
    assert due is not None
    assert due > run.clock.steady()
    assert (due - grid) / every == pytest.approx(round((due - grid) / every))


@given(st.lists(st.sampled_from([-HOUR, HOUR, -20 * DAY, 20 * DAY]), min_size=1, max_size=5), intervals)
def test_steps_of_the_wall_clock_leave_intervals_alone(kit: Kit, steps: list[float], every: float) -> None:
    disturbed, calm = (Run(kit.Clock(), kit.plan([kit.bot()], [kit.query(every=every)])) for _ in range(2))
    for step in steps:
        disturbed.clock.step_wall(step)
        for run in (disturbed, calm):
            run.walk(2.5 * every)
    assert disturbed.starts == calm.starts


@given(
    st.sampled_from(["UTC", "America/New_York", "Europe/Sofia", "Australia/Lord_Howe", "Asia/Beirut"]),
    st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59])),
)
def test_a_daily_poll_runs_once_on_every_day_of_a_year_with_its_clock_changes(
    kit: Kit, zone: str, at: time
) -> None:
    start = wall("2023-12-31T23:59:50", zone)
    run = daily(kit, start, at, zone)
    run.walk(wall("2024-12-31T23:59:59", zone) - start)
    days = {at.split()[0] for at in run.wall_times(zone)}
    assert len(run.times()) - 1 == 366
    assert len(days) == 31


@pytest.mark.parametrize(
    ("day", "at", "times"),
    [
        ("2024-03-10", time(2, 30), ["10 03:30:00", "11 02:30:00"]),
        ("2024-11-03", time(1, 30), ["03 01:30:00", "04 01:30:00"]),
    ],
)
def test_a_time_of_day_that_is_missing_or_comes_twice_runs_once(
    kit: Kit, day: str, at: time, times: list[str]
) -> None:
    run = daily(kit, wall(f"{day}T00:00", "America/New_York"), at, "America/New_York")
    run.walk(1.9 * DAY)
    assert run.wall_times("America/New_York") == times


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_daily_poll_moves_to_the_wall_clocks_new_time(kit: Kit, step: float) -> None:
    run = daily(kit, wall("2024-05-01T00:00"))
    run.walk(60.0)
    run.clock.step_wall(step)
    run.walk(12 * HOUR)
    assert [at[3:] for at in run.wall_times("UTC")] == ["02:30:00"]


def test_a_clock_set_past_the_time_of_day_runs_it_at_once_and_once(kit: Kit) -> None:
    run = daily(kit, wall("2024-05-01T02:00"))
    run.walk(60.0)
    run.clock.step_wall(HOUR)
    run.walk(DAY)
    assert run.wall_times("UTC") == ["01 03:01:00", "02 02:30:00"]


def test_a_clock_set_back_over_the_time_of_day_does_not_run_it_again_that_day(kit: Kit) -> None:
    run = daily(kit, wall("2024-05-01T02:00"))
    run.walk(1860.0)
    run.clock.step_wall(-HOUR)
    run.walk(DAY + HOUR)
    called = [at + run.clock.wall() - run.clock.steady() for at in run.times()[1:]]
    assert called == [wall("2024-05-01T01:30"), wall("2024-05-02T02:30")]


def test_a_clock_that_was_years_ahead_does_not_stop_a_daily_poll(kit: Kit) -> None:
    run = daily(kit, wall("2030-01-01T00:00"))
    run.walk(DAY)
    run.clock.step_wall(wall("2024-05-01T00:00") - wall("2030-01-02T00:00"))
    run.walk(DAY)
    assert run.wall_times("UTC")[-1] == "01 02:30:00"


def test_a_clock_that_wakes_up_in_1970_and_is_set_right_runs_a_daily_poll_once(kit: Kit) -> None:
    run = daily(kit, 10.0)
    run.walk(60.0)
    run.clock.step_wall(wall("2024-05-01T12:00"))
    run.walk(60.0)
    assert len(run.times()) == 2
    run.walk(DAY)
    assert run.wall_times("UTC")[-1] == "02 02:30:00"


def test_a_first_run_replaces_the_run_at_a_time_of_day_that_it_passes(kit: Kit) -> None:
    run = daily(kit, wall("2024-05-01T02:29:59.999"))
    run.walk(HOUR)
    assert len(run.times()) == 1


def test_a_clock_set_back_before_the_first_run_costs_no_day(kit: Kit) -> None:
    run = daily(kit, wall("2024-05-01T02:45"))
    run.clock.step_wall(-HOUR)
    run.walk(2 * HOUR)
    assert run.wall_times("UTC") == ["01 02:30:00"]


def test_a_weekly_poll_runs_at_its_time_every_seventh_day(kit: Kit) -> None:
    run = daily(kit, wall("2024-05-01T12:00"), days=7)
    run.walk(16 * DAY)
    assert run.wall_times("UTC") == ["02 02:30:00", "09 02:30:00", "16 02:30:00"]


def test_a_poll_that_a_new_plan_has_too_keeps_its_due_time_and_any_other_starts_soon(kit: Kit) -> None:
    queries = [kit.query("same"), kit.query("changed"), kit.query("gone")]
    old = kit.plan([kit.bot()], queries)
    run = Run(kit.Clock(), old)
    run.walk(30.0)
    before = run.timetable.next_run(("support", "same"))
    run.starts.clear()
    changed = [kit.query("same"), kit.query("changed", {"Status": "success"}), kit.query("new")]
    run.timetable.apply(kit.plan([kit.bot()], changed, before=old))
    assert run.timetable.next_run(("support", "same")) == before
    run.walk(FIRST_RUNS_WITHIN)
    assert {"changed", "new"} <= {name for name, _, _ in run.starts} <= {"changed", "new", "same"}
    assert run.timetable.next_run(("support", "gone")) is None


def test_a_new_time_zone_restarts_only_the_polls_with_a_time_of_day(kit: Kit) -> None:
    queries = [kit.query("often"), kit.query("daily", every=DAY, at=time(2, 30))]
    old = kit.plan([kit.bot()], queries)
    run = Run(kit.Clock(), old)
    run.walk(30.0)
    before = run.timetable.next_run(("support", "often"))
    run.starts.clear()
    run.timetable.apply(kit.plan([kit.bot()], queries, zone="Europe/Sofia", before=old))
    assert run.timetable.next_run(("support", "often")) == before
    run.walk(FIRST_RUNS_WITHIN)
    assert len(run.times("daily")) == 1
    due = run.timetable.next_run(("support", "daily"))
    assert due is not None
    called = datetime.fromtimestamp(due + run.clock.wall() - run.clock.steady(), UTC)
    assert called.astimezone(ZoneInfo("Europe/Sofia")).time() == time(2, 30)


def test_nothing_to_poll_is_never_due(kit: Kit) -> None:
    assert Run(kit.Clock(), kit.plan([], [])).timetable.next_times() == []


def test_a_start_that_raises_costs_no_run_of_any_poll(kit: Kit) -> None:
    clock = kit.Clock()
    started: list[str] = []

    def start(poll: Poll, due: float) -> None:
        started.append(poll.query.name)
        if poll.query.name == "bad":
            raise RuntimeError("a defect")

    timetable = Timetable(clock, start)
    timetable.apply(kit.plan([kit.bot()], [kit.query("bad"), kit.query("good")]))
    clock.sleep(FIRST_RUNS_WITHIN)
    with pytest.raises(RuntimeError, match="a defect"):
        timetable.run_due()
    timetable.run_due()
    assert sorted(started) == ["bad", "good"]
    clock.sleep(90.0)
    with pytest.raises(RuntimeError, match="a defect"):
        timetable.run_due()
    timetable.run_due()
    assert sorted(started) == ["bad", "bad", "good", "good"]
