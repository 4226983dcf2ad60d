"""Laws of a bot that answers some of its queries while others hang: those are counted as if nothing hung."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exporter.errors import ServerError
from exporter.polling.queue import SILENCE

if TYPE_CHECKING:
    from exporter.model import Query
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

TIMEOUT = 10.0
LATENCIES = (0.001, 0.02, 0.2)


def hang_at(kit: Kit, text: str, latency: float = 0.05) -> Behave:
    """Make requests with this text time out; the others are answered."""

    def behave(call: Call) -> Outcome:
        return kit.hang(call) if text in call.asked else (latency, 7)

    return behave


def most_at_once(world: World, text: str, since: float) -> int:
    """Return how many requests with this text were in flight at once, each of which hung."""
    began = [call.began for call in world.calls if text in call.asked and call.began >= since]
    return max(sum(start - TIMEOUT + 1e-6 < other <= start for other in began) for start in began)


def messages(kit: Kit, number: int, every: float, bots: tuple[str, ...] = ("support",)) -> list[Query]:
    return [
        kit.query(f"messages_{n}", {"n": n}, every=every, bots=bots, collection="messages")
        for n in range(number)
    ]


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize(("number", "every"), [(1, 2.0), (7, 2.0), (12, 60.0), (28, 60.0), (28, 10.0)])
@pytest.mark.parametrize("is_new", [True, False])
def test_queries_that_hang_delay_no_other_query_of_their_bot(
    kit: Kit, make_world: MakeWorld, *, number: int, every: float, latency: float, is_new: bool
) -> None:
    world = make_world(hang_at(kit, "messages" if is_new else "nothing", latency))
    queries = [kit.query("often", every=2.0), kit.query("rarely", every=10.0)]
    world.apply(kit.plan([kit.bot(timeout=TIMEOUT)], [*queries, *messages(kit, number, every)]))
    world.run(4 * TIMEOUT)
    world.behave = hang_at(kit, "messages", latency)
    world.run(4 * TIMEOUT)  # until each has timed out once
    world.recorder.counts.clear()
    world.recorder.skips.clear()
    world.run(600.0)
    for name, runs in (("often", 300), ("rarely", 60)):
        assert world.recorder.skips["support", name] == 0
        assert len(world.recorder.counts["support", name]) == pytest.approx(runs, abs=1)
    assert world.recorder.reasons(("support", "messages_0")), "what hangs is asked again and again"


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (2, 1), (3, 2), (8, 4)])
def test_queries_that_timed_out_get_half_of_the_concurrency(
    kit: Kit, make_world: MakeWorld, concurrency: int, most: int
) -> None:
    world = make_world(hang_at(kit, "messages"))
    bot = kit.bot(timeout=TIMEOUT, concurrency=concurrency)
    world.apply(kit.plan([bot], [kit.query("good", every=2.0), *messages(kit, 12, 10.0)]))
    world.run(300.0)
    assert most_at_once(world, "messages", since=0.0) == most


def test_queries_that_hang_at_every_bot_delay_no_other_query_of_these_bots(
    kit: Kit, make_world: MakeWorld
) -> None:
    names = tuple(f"bot_{n}" for n in range(20))
    world = make_world(hang_at(kit, "messages"))
    queries = [kit.query("good", every=2.0, bots=names), *messages(kit, 20, 60.0, names)]
    world.apply(kit.plan([kit.bot(name, timeout=TIMEOUT) for name in names], queries))
    world.run(4 * TIMEOUT)
    world.recorder.skips.clear()
    world.run(120.0)
    assert not any(world.recorder.skips[name, "good"] for name in names)


@pytest.mark.parametrize("latency", LATENCIES)
def test_after_a_timeout_another_collection_is_tried(kit: Kit, make_world: MakeWorld, latency: float) -> None:
    world = make_world(hang_at(kit, "messages", latency))
    good = [kit.query(f"good_{n}", every=60.0) for n in range(4)]
    world.apply(kit.plan([kit.bot(timeout=TIMEOUT)], [*messages(kit, 28, 60.0), *good]))
    world.run(5.0 + TIMEOUT + 1.0)
    assert all(world.recorder.counts["support", each.name] for each in good)


def test_a_query_that_timed_out_is_asked_again_however_much_others_ask(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(hang_at(kit, "messages", 0.9))
    good = [kit.query(f"good_{n}", every=1.0) for n in range(8)]
    world.apply(kit.plan([kit.bot(concurrency=2, timeout=TIMEOUT)], [*good, *messages(kit, 1, 10.0)]))
    world.run(60.0)
    world.behave = hang_at(kit, "nothing", 0.9)
    world.run(60.0)
    assert world.recorder.counts["support", "messages_0"]


def test_a_bot_that_hangs_altogether_gets_one_request_at_a_time_after_some_time(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(hang_at(kit, "messages"))
    bot, good = kit.bot(timeout=TIMEOUT), kit.query("good", every=2.0)
    world.apply(kit.plan([bot], [good, *messages(kit, 12, 10.0)]))
    world.run(60.0)
    world.apply(kit.plan([bot], messages(kit, 12, 10.0)))
    world.run(SILENCE + 2 * TIMEOUT)
    since = world.clock.steady()
    world.run(120.0)
    assert most_at_once(world, "messages", since) == 1


@pytest.mark.parametrize("number", [8, 40, 200])
def test_a_query_with_many_series_that_begins_to_hang_delays_the_others_for_a_few_timeouts(
    kit: Kit, make_world: MakeWorld, number: int
) -> None:
    world = make_world(hang_at(kit, "nothing"))
    big = kit.query("big", *({"big": n} for n in range(number)), every=60.0)
    world.apply(kit.plan([kit.bot(timeout=TIMEOUT)], [big, kit.query("often", every=10.0)]))
    world.run(70.0)
    world.behave = hang_at(kit, "big")
    world.run(70.0)
    world.recorder.counts.clear()
    world.run(600.0)
    assert len(world.recorder.counts["support", "often"]) >= 58


def test_a_query_whose_first_series_fails_and_whose_others_hang_delays_no_other(
    kit: Kit, make_world: MakeWorld
) -> None:
    def behave(call: Call) -> Outcome:
        if '"big":0' in call.asked:
            return 0.01, ServerError("down", status=500)
        return kit.hang(call) if "big" in call.asked else (0.05, 7)

    world = make_world(behave)
    big = kit.query("big", *({"big": n} for n in range(9)), every=60.0)
    bot = kit.bot(timeout=TIMEOUT, retries=0)
    world.apply(kit.plan([bot], [big, kit.query("often", every=2.0)]))
    world.run(100.0)
    world.recorder.counts.clear()
    world.run(600.0)
    assert len(world.recorder.counts["support", "often"]) == pytest.approx(300, abs=1)
