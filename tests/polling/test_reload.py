"""Laws of a new plan: what it shares flies on, what it changes or drops is answered to nobody."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

from exporter.errors import Throttled, Unreachable

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

SAME, CHANGED, GONE = (("support", name) for name in ("same", "changed", "gone"))


def slow(call: Call) -> Outcome:
    return 8.0, 7


def test_an_unchanged_poll_keeps_its_flight_and_lane_and_the_others_lose_theirs(
    kit: Kit, world: MakeWorld
) -> None:
    run = world(lambda _: (0.01, 7))
    queries = [kit.query("same", every=20.0), kit.query("changed", every=20.0), kit.query("gone", every=20.0)]
    old = kit.plan([kit.bot(timeout=60.0)], queries)
    run.poller.apply(old)
    run.run(30.0)
    run.behave = lambda call: (30.0, 8 if "Errors" in call.asked else 7)
    while run.open() < 3:
        run.run(0.5)
    run.notes.counts.clear()
    changed = [queries[0], kit.query("changed", {"Errors": 1}, every=20.0)]
    run.poller.apply(kit.plan([kit.bot(timeout=60.0)], changed, before=old))
    assert run.poller.in_flight() == {"support": 3}
    run.run(31.0)
    assert run.notes.counts[SAME] == [(0, 7)]
    assert run.notes.counts[CHANGED] == [(0, 8)] * len(run.notes.counts[CHANGED])
    assert not run.notes.counts[GONE]
    assert len(run.askers) == 1
    assert not run.askers[0].closed


def test_a_plan_has_names_and_certificates_looked_up_anew_and_pruning_leaves_them(
    kit: Kit, world: MakeWorld
) -> None:
    run = world(lambda _: (0.01, 7))
    plan = kit.plan([kit.bot()], [kit.query("q", every=20.0)])
    run.poller.apply(plan)
    run.poller.prune()
    run.run(30.0)
    run.poller.apply(plan)
    run.poller.prune()
    assert [(asker.renewals, asker.prunings) for asker in run.askers] == [(1, 1)]


def test_late_answers_to_a_poll_that_changed_are_dropped_and_not_asked_again(
    kit: Kit, world: MakeWorld
) -> None:
    run = world(lambda _: (3.0, Unreachable("gone")))
    old = kit.plan([kit.bot(retries=5)], [kit.query("changed", every=600.0)])
    run.poller.apply(old)
    run.run(5.0)
    calls = len(run.calls)
    run.behave = lambda _: (0.01, 8)
    run.poller.apply(kit.plan([kit.bot(retries=5)], [], before=old))
    run.run(30.0)
    assert len(run.calls) == calls
    assert run.notes.requests["support"] == 0
    assert not run.notes.ends[CHANGED]
    assert run.open() == 0


def test_a_poll_whose_predicate_changed_is_counted_by_its_new_one_only(kit: Kit, world: MakeWorld) -> None:
    run = world(lambda call: (2.0, 1 if '"Errors":1' in call.asked else 2))
    plans = [kit.plan([kit.bot()], [kit.query("changed", {"Errors": n}, every=5.0)]) for n in (1, 2)]
    for plan, count in zip(
        itertools.islice(itertools.cycle(plans), 30), itertools.cycle((1, 2)), strict=False
    ):
        run.poller.apply(plan)
        run.notes.counts.clear()
        run.run(7.0)
        assert {got for _, got in run.notes.counts[CHANGED]} <= {count}
    run.run(20.0)
    assert run.notes.counts[CHANGED]


def test_new_settings_of_a_bot_give_it_a_new_lane_and_close_the_old_client(
    kit: Kit, world: MakeWorld
) -> None:
    run = world(slow)
    queries = [kit.query("same", every=20.0, bots=("support", "other"))]
    bots = [kit.bot(rate=1.0), kit.bot("other")]
    old = kit.plan(bots, queries)
    run.poller.apply(old)
    run.run(6.0)
    run.poller.apply(kit.plan([kit.bot(rate=2.0), bots[1]], queries, before=old))
    assert run.poller.in_flight()["support"] == 0
    assert {asker.bot.name: asker.closed for asker in run.askers} == {"support": True, "other": False}
    run.run(60.0)
    assert run.notes.counts[SAME]
    assert sorted((asker.bot.name, asker.bot.api.rate, asker.closed) for asker in run.askers) == [
        ("other", bots[1].api.rate, False),
        ("support", 1.0, True),
        ("support", 2.0, False),
    ]
    run.poller.apply(kit.plan([], []))
    assert all(asker.closed for asker in run.askers)
    assert run.poller.in_flight() == {}


def test_a_new_lane_obeys_the_pause_that_the_bot_asked_for(kit: Kit, world: MakeWorld) -> None:
    run = world(lambda _: (0.01, Throttled("slow down", status=429, retry_after=100.0)))
    queries = [kit.query(every=10.0)]
    run.poller.apply(kit.plan([kit.bot()], queries))
    run.run(5.0)
    run.poller.apply(kit.plan([kit.bot(concurrency=2)], queries))
    run.run(90.0)
    assert len(run.calls) == 1
    run.run(20.0)
    assert len(run.calls) == 2


def test_reloads_again_and_again_keep_the_bots_rate(kit: Kit, world: MakeWorld) -> None:
    run = world(lambda _: (0.01, 7))
    for n in range(50):
        labels = (("release", str(n)),)
        queries = [kit.query(f"query_{m}", every=60.0) for m in range(20)]
        run.poller.apply(kit.plan([kit.bot(labels=labels, rate=2.0)], queries))
        run.run(1.7)
    starts = run.starts("support")
    assert len(starts) >= 90
    assert all(b - a >= 0.5 - 0.05 - 1e-6 for a, b in itertools.pairwise(starts))


def test_a_poll_that_was_dropped_and_came_back_is_polled_again(kit: Kit, world: MakeWorld) -> None:
    run = world(slow)
    with_it = kit.plan([kit.bot()], [kit.query("same", every=10.0)])
    for plan in (with_it, kit.plan([], []), with_it):
        run.poller.apply(plan)
        run.run(6.0)
    run.run(60.0)
    assert len(run.notes.counts[SAME]) >= 4


def test_more_workers_are_used_at_once(kit: Kit, world: MakeWorld) -> None:
    run = world(lambda _: (0.5, 7))
    names = tuple(f"bot_{n}" for n in range(6))
    bots = [kit.bot(name) for name in names]
    queries = [kit.query(f"query_{n}", every=5.0, bots=names) for n in range(4)]
    old = kit.plan(bots, queries, workers=1)
    run.poller.apply(old)
    run.run(20.0)
    assert run.most[""] == 1
    run.poller.apply(kit.plan(bots, queries, workers=12, before=old))
    run.run(30.0)
    assert run.most[""] > 6
