"""Polling under stress: every poll runs exactly as often as it is due."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exporter.errors import BadAnswer, Rejected, ServerError, Throttled, TimedOut, Unreachable

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

BOTS = tuple(f"bot_{n}" for n in range(5))


def random_behaviour(seed: int) -> Behave:
    """Answer with random results after random times."""
    chance = random.Random(seed)
    failures = (
        Unreachable("gone"),
        ServerError("ill", status=500),
        Throttled("slow down", status=429),
        Throttled("slow down", status=503, retry_after=2.0),
        Rejected("no", status=400),
        BadAnswer("odd", status=200),
    )

    def behave(call: Call) -> Outcome:
        kind = chance.random()
        if kind < 0.75:
            return chance.choice([0.001, 0.05, 0.4]), 7
        return (0.1, chance.choice(failures)) if kind < 0.98 else (call.budget, TimedOut("no answer"))

    return behave


@pytest.mark.parametrize("workers", [3, 64])
def test_two_hundred_polls_with_random_failures_each_run_exactly_as_often_as_due(
    kit: Kit, make_world: MakeWorld, workers: int
) -> None:
    world = make_world(random_behaviour(workers))
    rates = (None, 30.0, 15.0, 8.0, 20.0)
    bots = [kit.bot(name, rate=rate, timeout=5.0) for name, rate in zip(BOTS, rates, strict=True)]
    queries = [kit.query(f"query_{n}", every=10.0 + n % 7, bots=BOTS) for n in range(40)]
    plan = kit.plan(bots, queries, workers=workers)
    world.apply(plan)
    world.run(300.0)
    due = {poll.key: int(300.0 // poll.query.every) for poll in plan.polls}
    for poll in plan.polls:
        key = poll.key
        assert world.recorder.runs[key] + world.recorder.skips[key] in range(due[key] - 1, due[key] + 3)
    world.behave = lambda _: (0.01, 7)
    world.run(60.0)
    for poll in plan.polls:
        key = poll.key
        in_flight = world.recorder.runs[key] - len(world.recorder.ends[key])
        assert in_flight in (0, 1)
        assert len(world.recorder.counts[key]) + len(world.recorder.failures[key]) == len(
            world.recorder.ends[key]
        )
        assert world.recorder.ends[key][-1][1] is None
    asked = Counter(bot for bot, _ in (key for key, ends in world.recorder.ends.items() for _ in ends))
    assert world.recorder.requests == asked
    assert world.most[""] <= workers
    assert world.defects == 0


def test_no_run_and_no_worker_is_left_once_all_is_answered(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(random_behaviour(1))
    queries = [kit.query(f"query_{n}", every=10.0, bots=BOTS) for n in range(40)]
    for n in range(20):
        bots = [kit.bot(name, labels=(("release", str(n % 3)),), timeout=5.0) for name in BOTS]
        world.apply(kit.plan(bots, queries[: 10 + n], workers=8))
        world.run(12.0)
    world.apply(kit.plan([], []))
    world.run(400.0)
    assert world.open() == world.dispatcher.busy == 0
    assert not world.dispatcher.runs
    assert not world.dispatcher.has_more
    assert world.dispatcher.next_times() == (float("inf"), float("inf"))
    assert all(client.closed for client in world.clients)
