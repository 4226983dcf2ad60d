"""Laws of polling as a whole: every request is made once, on time, and within each bot's limits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import Throttled, TimedOut, Unreachable
from exporter.rate_limiter import CATCH_UP

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

KEY = ("support", "all")


def quick(call: Call) -> Outcome:
    return 0.01, 7


def hang_for(*silent: str) -> Behave:
    """Make bots of these names time out; the others answer quickly."""

    def behave(call: Call) -> Outcome:
        return (call.budget, TimedOut("no answer")) if call.bot.name in silent else quick(call)

    return behave


def test_each_run_requests_every_series_once_and_records_each_count(kit: Kit, make_world: MakeWorld) -> None:
    numbers = {f'conversations {{"Status":"{n}"}}': n + 1 for n in range(5)}
    world = make_world(lambda call: (0.01, numbers[call.asked]))
    queries = [kit.query("all", *({"Status": str(n)} for n in range(5)), every=10.0)]
    world.apply(kit.plan([kit.bot()], queries))
    world.run(60.0)
    runs = world.recorder.runs[KEY]
    assert runs in (6, 7)
    assert sorted(world.recorder.counts[KEY]) == sorted((n, n + 1) for n in range(5) for _ in range(runs))
    assert world.recorder.requests["support"] == len(world.calls) == 5 * runs
    assert [error for _, error in world.recorder.ends[KEY]] == [None] * runs


def test_a_poll_that_is_due_while_its_run_is_in_flight_is_skipped(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda _: (25.0, 7))
    world.apply(kit.plan([kit.bot(timeout=60.0)], [kit.query(every=10.0)]))
    world.run(200.0)
    began = world.starts("support")
    assert all(b - a >= 25.0 for a, b in itertools.pairwise(began))
    assert world.recorder.runs[KEY] == len(began)
    assert world.recorder.skips[KEY] >= 2 * (len(began) - 1)


def test_runs_start_on_time_when_nothing_delays_them(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(quick)
    world.apply(kit.plan([kit.bot()], [kit.query(f"query_{n}", every=10.0) for n in range(50)]))
    world.run(100.0)
    assert max(world.lags) == 0.0


@settings(max_examples=15)
@given(
    concurrency=st.integers(1, 6),
    rate=st.sampled_from([None, 0.5, 3.0, 40.0]),
    workers=st.integers(1, 12),
    seconds=st.lists(st.floats(0.0, 4.0), min_size=1, max_size=10),
)
def test_a_bots_concurrency_and_rate_are_never_exceeded(
    kit: Kit,
    make_world: MakeWorld,
    *,
    concurrency: int,
    rate: float | None,
    workers: int,
    seconds: list[float],
) -> None:
    durations = itertools.cycle(seconds)
    world = make_world(lambda _: (next(durations), 7))
    bot = kit.bot(concurrency=concurrency, rate=rate, timeout=60.0)
    queries = [kit.query(f"query_{n}", *({"Errors": m} for m in range(3)), every=10.0) for n in range(6)]
    world.apply(kit.plan([bot], queries, workers=workers))
    world.run(60.0)
    starts = world.starts("support")
    assert starts
    assert world.most["support"] <= min(concurrency, workers)
    if rate:
        made_good = min(CATCH_UP, 1 / rate) + 1e-6
        for (i, first), (j, second) in itertools.combinations(enumerate(starts), 2):
            assert second - first >= (j - i) / rate - made_good


def test_a_backlog_is_requested_at_the_full_rate(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda _: (0.3, 7))
    queries = [kit.query("all", *({"Errors": n} for n in range(100)), every=600.0)]
    world.apply(kit.plan([kit.bot(rate=10.0, concurrency=8)], queries))
    world.run(30.0)
    starts = world.starts("support")
    assert len(starts) == 100
    assert starts[-1] - starts[0] == pytest.approx(10.0, abs=0.6)


def test_a_bot_that_has_never_answered_gets_one_request_at_a_time(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(kit.hang)
    queries = [kit.query(f"query_{n}", every=10.0) for n in range(20)]
    world.apply(kit.plan([kit.bot(rate=None)], queries))
    world.run(100.0)
    assert world.most["support"] == 1


def test_bots_that_do_not_answer_occupy_at_most_half_of_the_workers(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(kit.hang)
    names = [f"bot_{n}" for n in range(30)]
    queries = [kit.query(every=10.0, bots=tuple(names))]
    world.apply(kit.plan([kit.bot(name) for name in names], queries, workers=20))
    world.run(120.0)
    assert world.most[""] == 10
    assert min(world.recorder.runs[name, "all"] for name in names) >= 2


@pytest.mark.parametrize("answered_before", [False, True])
def test_thirty_bots_that_hang_do_not_delay_the_others(
    kit: Kit, make_world: MakeWorld, *, answered_before: bool
) -> None:
    silent, good = tuple(f"silent_{n}" for n in range(30)), ("one", "two")
    world = make_world(quick if answered_before else hang_for(*silent))
    bots = [kit.bot(name) for name in (*silent, *good)]
    queries = [kit.query(f"query_{n}", every=10.0, bots=(*silent, *good)) for n in range(10)]
    world.apply(kit.plan(bots, queries))
    world.run(20.0)
    world.behave = hang_for(*silent)
    world.run(120.0)
    for name in good:
        ends = [took for n in range(10) for took, _ in world.recorder.ends[name, f"query_{n}"]]
        assert len(ends) >= 130
        assert max(ends) <= 1.0
        assert all(not world.recorder.skips[name, f"query_{n}"] for n in range(10))


def test_bots_that_hang_do_not_lower_the_concurrency_of_others(kit: Kit, make_world: MakeWorld) -> None:
    silent = tuple(f"silent_{n}" for n in range(40))
    world = make_world(hang_for(*silent))
    many = kit.query("all", *({"Errors": n} for n in range(40)), every=10.0, bots=("good",))
    slow = kit.query("slow", every=10.0, bots=silent)
    bots = [kit.bot(name, concurrency=8, rate=None) for name in ("good", *silent)]
    world.apply(kit.plan(bots, [many, slow]))
    world.run(60.0)
    world.most.clear()
    world.run(60.0)
    assert world.most["good"] == 8


def test_retry_after_pauses_that_bot_alone(kit: Kit, make_world: MakeWorld) -> None:
    def behave(call: Call) -> Outcome:
        return 0.01, Throttled("slow down", status=429, retry_after=45.0) if call.bot.name == "slow" else 7

    world = make_world(behave)
    queries = [kit.query(f"query_{n}", every=10.0, bots=("slow", "good")) for n in range(3)]
    world.apply(kit.plan([kit.bot("slow"), kit.bot("good")], queries))
    world.run(200.0)
    assert all(b - a >= 45.0 for a, b in itertools.pairwise(world.starts("slow")))
    assert len(world.starts("slow")) >= 4
    assert len(world.starts("good")) >= 57


def test_a_retry_gets_the_remaining_seconds_and_the_request_counts_once(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(lambda _: (1.0, Unreachable("gone")))
    world.apply(kit.plan([kit.bot(timeout=10.0, retries=2)], [kit.query(every=600.0)]))
    world.run(30.0)
    first, second, third = world.calls
    assert first.budget == 10.0
    for call in (second, third):
        assert call.budget == pytest.approx(10.0 - (call.began - first.began))
    assert second.began - first.began < third.began - second.began
    assert world.recorder.requests["support"] == 1
    assert world.recorder.reasons(KEY) == ["unreachable"]


def test_a_request_that_waits_too_long_for_its_retry_ends_with_its_error(
    kit: Kit, make_world: MakeWorld
) -> None:
    answers = iter([(0.1, Unreachable("gone"))])
    world = make_world(lambda call: next(answers, (call.budget, TimedOut("no answer"))))
    queries = [kit.query("all", {"Errors": 1}, {"Errors": 2}, every=600.0)]
    world.apply(kit.plan([kit.bot(timeout=10.0, rate=5.0)], queries))
    world.run(40.0)
    began = world.starts("support")[0]
    assert sorted(world.recorder.reasons(KEY)) == ["timeout", "unreachable"]
    assert world.recorder.ends[KEY][0][0] <= 2 * 10.0
    assert len(world.calls) == 2
    assert began == min(call.began for call in world.calls)


def test_a_limit_of_one_worker_serves_every_bot(kit: Kit, make_world: MakeWorld) -> None:
    names = tuple(f"bot_{n}" for n in range(8))
    world = make_world(hang_for("bot_0"))
    queries = [kit.query(every=60.0, bots=names)]
    world.apply(kit.plan([kit.bot(name) for name in names], queries, workers=1))
    world.run(300.0)
    assert world.most[""] == 1
    assert all(world.recorder.counts[name, "all"] for name in names[1:])
    assert world.recorder.reasons(("bot_0", "all"))


def test_bots_that_fail_while_they_wait_for_a_worker_do_not_delay_those_behind(
    kit: Kit, make_world: MakeWorld
) -> None:
    """A bot that stopped answering while it waited is then limited like others that do not answer."""
    names = tuple(f"bot_{n}" for n in range(12))
    world = make_world(quick)
    queries = [kit.query("all", *({"Errors": n} for n in range(6)), every=10.0, bots=names)]
    world.apply(kit.plan([kit.bot(name, rate=None) for name in names], queries, workers=4))
    world.run(20.0)
    world.behave = hang_for(*names[:9])
    world.run(600.0)
    for name in names[9:]:
        assert max(took for took, _ in world.recorder.ends[name, "all"][3:]) <= 22.0
        assert len(world.recorder.ends[name, "all"][-1:]) == 1
    assert world.most[""] <= 4


def test_a_bot_that_was_limited_as_workers_were_scarce_gets_more_once_they_are_not(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(lambda _: (0.5, 7))
    bots = [kit.bot(name, rate=None, concurrency=8) for name in ("slow", "other")]
    queries = [
        kit.query("all", {"v": "first"}, {"v": "second"}, bots=("slow",)),
        kit.query("all_other", bots=("other",)),
    ]
    plan = kit.plan(bots, queries, workers=4)
    world.apply(plan)
    world.run(10.0)
    world.behave = lambda call: ((8.0 if "first" in call.asked else 1.0), 7)
    world.calls.clear()
    for poll in plan.polls:
        world.dispatcher.start(poll, world.clock.steady())
    world.run(7.0)
    assert len(world.starts("slow")) == 2, "the second does not wait for the first"


@pytest.mark.parametrize("workers", [1, 4])
def test_bots_that_answer_without_a_break_leave_a_worker_to_one_that_has_not_answered_yet(
    kit: Kit, make_world: MakeWorld, workers: int
) -> None:
    names = tuple(f"bot_{n}" for n in range(workers + 1))
    world = make_world(lambda _: (0.9, 7))
    queries = [kit.query(f"query_{n}", every=1.0, bots=names) for n in range(3)]
    world.apply(
        kit.plan([kit.bot(name, rate=None, concurrency=1) for name in names], queries, workers=workers)
    )
    world.run(120.0)
    assert all(len(world.starts(name)) > 10 for name in names)
