"""Laws of a new plan: runs of unchanged polls go on, answers to changed or removed ones are dropped."""

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


def test_an_unchanged_poll_keeps_its_run_and_queue_and_the_others_lose_theirs(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(lambda _: (0.01, 7))
    queries = [kit.query("same", every=20.0), kit.query("changed", every=20.0), kit.query("gone", every=20.0)]
    old = kit.plan([kit.bot(timeout=60.0)], queries)
    world.apply(old)
    world.run(30.0)
    world.behave = lambda call: (30.0, 8 if "Errors" in call.asked else 7)
    while world.open() < 3:
        world.run(0.5)
    world.recorder.counts.clear()
    changed = [queries[0], kit.query("changed", {"Errors": 1}, every=20.0)]
    world.apply(kit.plan([kit.bot(timeout=60.0)], changed, before=old))
    assert world.open() == 3
    world.run(31.0)
    assert world.recorder.counts[SAME] == [(0, 7)]
    assert world.recorder.counts[CHANGED] == [(0, 8)] * len(world.recorder.counts[CHANGED])
    assert not world.recorder.counts[GONE]
    assert len(world.clients) == 1
    assert not world.clients[0].closed


def test_a_new_plan_renews_connections(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda _: (0.01, 7))
    plan = kit.plan([kit.bot()], [kit.query("q", every=20.0)])
    world.apply(plan)
    world.run(30.0)
    world.apply(plan)
    assert [client.renewals for client in world.clients] == [1]


def test_late_answers_to_a_poll_that_changed_are_dropped_and_not_retried(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(lambda _: (3.0, Unreachable("gone")))
    old = kit.plan([kit.bot(retries=5)], [kit.query("changed", every=600.0)])
    world.apply(old)
    world.run(5.0)
    calls = len(world.calls)
    world.behave = lambda _: (0.01, 8)
    world.apply(kit.plan([kit.bot(retries=5)], [], before=old))
    world.run(30.0)
    assert len(world.calls) == calls
    assert world.recorder.requests["support"] == 0
    assert not world.recorder.ends[CHANGED]
    assert world.open() == 0


def test_a_poll_whose_predicate_changed_counts_the_new_one_only(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda call: (2.0, 1 if '"Errors":1' in call.asked else 2))
    plans = [kit.plan([kit.bot()], [kit.query("changed", {"Errors": n}, every=5.0)]) for n in (1, 2)]
    for plan, count in zip(
        itertools.islice(itertools.cycle(plans), 30), itertools.cycle((1, 2)), strict=False
    ):
        world.apply(plan)
        world.recorder.counts.clear()
        world.run(7.0)
        assert {got for _, got in world.recorder.counts[CHANGED]} <= {count}
    world.run(20.0)
    assert world.recorder.counts[CHANGED]


def test_new_settings_of_a_bot_give_it_a_new_queue_and_close_the_old_client(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(slow)
    queries = [kit.query("same", every=20.0, bots=("support", "other"))]
    bots = [kit.bot(rate=1.0), kit.bot("other")]
    old = kit.plan(bots, queries)
    world.apply(old)
    world.run(6.0)
    world.apply(kit.plan([kit.bot(rate=2.0), bots[1]], queries, before=old))
    assert world.dispatcher.queues["support"].in_flight == 0
    assert {client.bot.name: client.closed for client in world.clients} == {"support": True, "other": False}
    world.run(60.0)
    assert world.recorder.counts[SAME]
    assert sorted((client.bot.name, client.bot.api.rate, client.closed) for client in world.clients) == [
        ("other", bots[1].api.rate, False),
        ("support", 1.0, True),
        ("support", 2.0, False),
    ]
    world.apply(kit.plan([], []))
    assert all(client.closed for client in world.clients)
    assert world.dispatcher.queues == {}


def test_a_new_queue_obeys_the_pause_that_the_api_asked_for(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda _: (0.01, Throttled("slow down", status=429, retry_after=100.0)))
    queries = [kit.query(every=10.0)]
    world.apply(kit.plan([kit.bot()], queries))
    world.run(5.0)
    world.apply(kit.plan([kit.bot(concurrency=2)], queries))
    world.run(90.0)
    assert len(world.calls) == 1
    world.run(20.0)
    assert len(world.calls) == 2


def test_repeated_reloads_keep_the_bots_rate(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda _: (0.01, 7))
    for n in range(50):
        labels = (("release", str(n)),)
        queries = [kit.query(f"query_{m}", every=60.0) for m in range(20)]
        world.apply(kit.plan([kit.bot(labels=labels, rate=2.0)], queries))
        world.run(1.7)
    starts = world.starts("support")
    assert len(starts) >= 90
    assert all(b - a >= 0.5 - 0.05 - 1e-6 for a, b in itertools.pairwise(starts))


def test_a_poll_that_was_dropped_and_came_back_is_polled_again(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(slow)
    with_it = kit.plan([kit.bot()], [kit.query("same", every=10.0)])
    for plan in (with_it, kit.plan([], []), with_it):
        world.apply(plan)
        world.run(6.0)
    world.run(60.0)
    assert len(world.recorder.counts[SAME]) >= 4


def test_more_workers_are_used_at_once(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda _: (0.5, 7))
    names = tuple(f"bot_{n}" for n in range(6))
    bots = [kit.bot(name) for name in names]
    queries = [kit.query(f"query_{n}", every=5.0, bots=names) for n in range(4)]
    old = kit.plan(bots, queries, workers=1)
    world.apply(old)
    world.run(20.0)
    assert world.most[""] == 1
    world.apply(kit.plan(bots, queries, workers=12, before=old))
    world.run(30.0)
    assert world.most[""] > 6
