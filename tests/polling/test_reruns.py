"""Laws of a query with a long interval whose run failed: it is repeated soon, and harms nobody."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import time
from typing import TYPE_CHECKING

import pytest

from exporter.errors import ServerError, Throttled, Unauthorized, Unreachable
from exporter.polling.calendar import DAY

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

HOUR = 3600.0


def gone(call: Call) -> Outcome:
    return 0.01, Unreachable("gone")


def gaps(starts: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(starts)]


@pytest.mark.parametrize(("every", "at"), [(6 * HOUR, None), (DAY, time(0, 5))])
def test_an_outage_of_ten_seconds_costs_minutes_and_no_whole_interval(
    kit: Kit, make_world: MakeWorld, every: float, at: time | None
) -> None:
    world = make_world(gone)
    world.apply(kit.plan([kit.bot()], [kit.query("q", every=every, at=at)]))
    world.run(10.0)
    world.behave = lambda _: (0.01, 7)
    world.run(120.0)
    assert world.recorder.counts["support", "q"] == [(0, 7)]


def test_failed_runs_are_repeated_after_one_two_four_and_then_each_five_minutes(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(gone)
    world.apply(kit.plan([kit.bot(retries=0)], [kit.query("q", every=DAY)]))
    world.run(HOUR)
    waits = gaps(world.starts("support"))
    assert waits[:5] == pytest.approx([60.0, 120.0, 240.0, 300.0, 300.0], rel=0.11)
    assert len(set(waits[3:])) > 1, "jittered"


def test_a_success_ends_the_reruns_and_keeps_the_grid(kit: Kit, make_world: MakeWorld) -> None:
    calm, disturbed = make_world(lambda _: (0.01, 7)), make_world(gone)
    for world in (calm, disturbed):
        world.apply(kit.plan([kit.bot()], [kit.query("q", every=HOUR)]))
        world.run(100.0)
        world.behave = lambda _: (0.01, 7)
        world.run(5 * HOUR)
    assert disturbed.starts("support")[-4:] == pytest.approx(calm.starts("support")[-4:])


def test_a_query_with_a_short_interval_is_not_repeated(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(gone)
    world.apply(kit.plan([kit.bot(retries=0)], [kit.query("q", every=300.0)]))
    world.run(HOUR)
    assert len(world.calls) in (12, 13)


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (Throttled("slow down", status=429, retry_after=200.0), 200.0),
        (Unauthorized("no", status=401), 60.0),
    ],
)
def test_a_rerun_waits_for_the_end_of_a_pause_and_of_a_refusal(
    kit: Kit, make_world: MakeWorld, error: Exception, pause: float
) -> None:
    world = make_world(lambda _: (0.01, error))
    world.apply(kit.plan([kit.bot()], [kit.query("q", every=DAY)]))
    world.run(600.0)
    assert len(world.calls) == world.recorder.runs["support", "q"]
    assert all(wait >= 0.89 * pause for wait in gaps(world.starts("support")))


@pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (500, ServerError)])
def test_ten_minutes_of_errors_bring_hardly_more_requests_than_a_well_api(
    kit: Kit, make_world: MakeWorld, status: int, kind: type[Throttled | ServerError]
) -> None:
    series = [{"n": n} for n in range(10)]
    well, ill = make_world(lambda _: (0.05, 7)), make_world(lambda _: (0.05, kind("ill", status=status)))
    for world in (well, ill):
        world.apply(kit.plan([kit.bot()], [kit.query("q", *series, every=10.0)]))
        world.run(600.0)
    assert len(ill.calls) <= 1.2 * len(well.calls)
    ill.behave = well.behave
    ill.recorder.counts.clear()
    ill.run(20.0)
    assert {row for row, _ in ill.recorder.counts["support", "q"]} == set(range(10))


def test_a_second_run_is_at_most_one_interval_after_the_first(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda _: (0.0, 7))
    queries = [kit.query(f"query_{n}", every=30.0) for n in range(50)]
    world.apply(kit.plan([kit.bot(rate=None)], queries))
    ends: dict[str, list[float]] = {}
    for _ in range(700):
        world.run(0.1)
        for query in queries:
            done = len(world.recorder.ends["support", query.name])
            ends.setdefault(query.name, []).extend(
                [world.clock.steady()] * (done - len(ends.get(query.name, [])))
            )
    assert all(max(gaps(times)) <= 30.11 for times in ends.values())


def test_a_step_of_the_wall_clock_costs_no_rerun(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(gone)
    world.apply(kit.plan([kit.bot(retries=0)], [kit.query("q", every=DAY, at=time(3, 0))]))
    world.run(10.0)
    world.behave = lambda _: (0.01, 7)
    world.clock.step_wall(2.0)
    world.run(120.0)
    assert world.recorder.counts["support", "q"] == [(0, 7)]


def test_a_reload_keeps_the_rerun_of_a_poll_that_stays(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(gone)
    plan = kit.plan([kit.bot(retries=0)], [kit.query("q", every=DAY)])
    world.apply(plan)
    world.run(10.0)
    world.behave = lambda _: (0.01, 7)
    world.apply(kit.plan(plan.bots, [kit.query("q", every=DAY), kit.query("new", every=DAY)], before=plan))
    world.run(120.0)
    assert world.recorder.counts["support", "q"] == [(0, 7)]


def test_the_next_run_of_a_poll_is_its_rerun(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(gone)
    world.apply(kit.plan([kit.bot(retries=0)], [kit.query("q", every=DAY)]))
    world.run(10.0)
    [start] = world.starts("support")
    assert world.dispatcher.next_run(("support", "q")) == pytest.approx(start + 60.0, abs=7.0)


def test_dropped_counts_of_long_intervals_are_counted_again_within_a_minute(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(lambda _: (0.01, 7))
    both = ("support", "sales")
    queries = [kit.query("daily", every=DAY, bots=both), kit.query("q", every=60.0, bots=both)]
    world.apply(kit.plan([kit.bot("support"), kit.bot("sales")], queries))
    world.run(100.0)
    before = len(world.recorder.counts["support", "daily"])
    world.dispatcher.repeat("support")
    world.run(60.0)
    assert len(world.recorder.counts["support", "daily"]) == before + 1
    assert len(world.recorder.counts["sales", "daily"]) == before
    assert abs(world.recorder.runs["support", "q"] - world.recorder.runs["sales", "q"]) <= 1


@pytest.mark.parametrize("after", [3.0, 8.0, 30.0])
def test_a_run_that_is_in_flight_when_counts_are_dropped_is_ended_and_made_anew(
    kit: Kit, make_world: MakeWorld, after: float
) -> None:
    world = make_world(lambda _: (0.05, 7))
    query = kit.query("daily", *({"n": n} for n in range(100)), every=DAY)
    world.apply(kit.plan([kit.bot(rate=10.0)], [query]))
    world.run(after)
    world.dispatcher.repeat("support")
    world.dispatcher.repeat("gone by a reload")
    world.recorder.counts.clear()
    world.run(120.0)
    assert sorted(row for row, _ in world.recorder.counts["support", "daily"]) == list(range(100))


def test_a_proof_of_dates_goes_with_the_counts(kit: Kit, make_world: MakeWorld) -> None:
    formats = {"epoch-ms": '{"$gte":1', "iso": '{"$gte":"'}
    dates = "iso"

    def behave(call: Call) -> Outcome:
        return 0.01, 12 if formats[dates] in call.asked or "$ne" in call.asked else 0

    world = make_world(behave)
    query = kit.query("q", {"StartedAt": {"$gte": {"$date": "now-1h"}}}, every=60.0)
    world.apply(kit.plan([kit.bot(dates="auto")], [query]))
    world.run(100.0)
    dates = "epoch-ms"
    world.dispatcher.repeat("support")
    world.run(120.0)
    assert world.recorder.counts["support", "q"][-1] == (0, 12)


def test_what_documents_have_is_looked_for_again_once_counts_are_dropped(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(lambda call: (0.01, 5 if "$ne" in call.asked or call.asked.endswith(" ") else 0))
    world.apply(kit.plan([kit.bot()], [kit.query("q", {"Errors": {"$gt": 900}}, every=60.0)]))
    world.run(300.0)
    looks = sum("$ne" in call.asked for call in world.calls)
    assert looks == 1
    world.dispatcher.repeat("support")
    world.run(300.0)
    assert sum("$ne" in call.asked for call in world.calls) == 2
