"""Laws of a bot whose token is refused: a new token is tried at once, an old one with backoff."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exporter.errors import Rejected, ServerError, Unauthorized
from exporter.rate_limiter import LONGEST_BACKOFF

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

MakeWorld = Callable[["Behave"], "World"]


def refuse(call: Call) -> Outcome:
    return 0.01, Unauthorized("no", status=401)


def gaps(starts: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(starts)]


def test_a_token_that_was_replaced_is_tried_at_once_and_the_refusal_not_recorded(
    kit: Kit, make_world: MakeWorld
) -> None:
    replaced = Unauthorized("no", status=401)
    replaced.token_is_new = True
    answers: list[int | Unauthorized] = [replaced, 7]
    world = make_world(lambda _: (0.01, answers.pop(0)))
    plan = kit.plan([kit.bot(retries=0)], [kit.query("q", every=60.0)])
    world.poller.apply(plan)
    world.run(10.0)
    assert world.recorder.counts["support", "q"] == [(0, 7)]
    assert world.recorder.failures["support", "q"] == []
    assert gaps(world.starts("support"))[0] < 0.2


def test_a_token_that_keeps_being_replaced_is_retried_once_only(kit: Kit, make_world: MakeWorld) -> None:
    replaced = Unauthorized("no", status=401)
    replaced.token_is_new = True
    world = make_world(lambda _: (0.01, replaced))
    world.poller.apply(kit.plan([kit.bot()], [kit.query("q", every=60.0)]))
    world.run(10.0)
    assert len(world.calls) == 2
    assert world.recorder.reasons(("support", "q")) == ["unauthorized"]


def test_requests_to_a_refused_bot_back_off_and_each_run_records_the_refusal(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(refuse)
    plan = kit.plan([kit.bot()], [kit.query("q", every=1.0), kit.query("r", every=1.0)])
    world.poller.apply(plan)
    world.run(2000.0)
    pauses = gaps(world.starts("support"))
    assert all(longer >= shorter - 1.0 for shorter, longer in itertools.pairwise(pauses))
    assert LONGEST_BACKOFF <= pauses[-1] <= LONGEST_BACKOFF + 1.5
    assert len(world.calls) < 20
    assert len(world.recorder.failures["support", "q"]) == pytest.approx(2000, abs=5)
    assert world.recorder.skips["support", "q"] == 0
    assert set(world.recorder.reasons(("support", "r"))) == {"unauthorized"}


def test_requests_that_waited_behind_a_refusal_end_with_it_unsent(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(refuse)
    plan = kit.plan([kit.bot()], [kit.query("q", *({"v": n} for n in range(9)), every=60.0)])
    world.poller.apply(plan)
    world.run(10.0)
    assert len(world.calls) == 1
    assert len(world.recorder.failures["support", "q"]) == 9
    assert len(world.recorder.ends["support", "q"]) == 1


def test_a_new_token_ends_the_backoff(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(refuse)
    world.poller.apply(kit.plan([kit.bot()], [kit.query("q", every=1.0)]))
    world.run(300.0)
    world.behave = lambda _: (0.01, 5)
    before = len(world.calls)
    world.run(2.0)
    assert len(world.calls) == before
    world.clients[0].new_token = True
    world.run(1.0)
    assert world.recorder.counts["support", "q"] == [(0, 5)]


@pytest.mark.parametrize("answer", [5, ServerError("no", status=500), Rejected("no", status=404)])
def test_any_other_answer_of_the_api_ends_the_backoff(
    kit: Kit, make_world: MakeWorld, answer: int | Exception
) -> None:
    world = make_world(refuse)
    world.poller.apply(kit.plan([kit.bot(retries=0)], [kit.query("q", every=1.0)]))
    world.run(40.0)
    world.behave = lambda _: (0.01, answer)
    world.run(40.0)
    before = len(world.calls)
    world.run(10.0)
    assert len(world.calls) - before == pytest.approx(10, abs=1)


def test_a_refused_bot_does_not_affect_the_others(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda call: refuse(call) if call.bot.name == "bad" else (0.01, 1))
    world.poller.apply(
        kit.plan([kit.bot("bad"), kit.bot("good")], [kit.query("q", every=1.0, bots=("bad", "good"))])
    )
    world.run(100.0)
    assert len(world.recorder.counts["good", "q"]) == pytest.approx(100, abs=2)
