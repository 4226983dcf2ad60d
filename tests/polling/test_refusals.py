"""Laws of a bot whose token is refused: a new token is tried at once, an old one gently."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exporter.errors import Rejected, ServerError, Unauthorized
from exporter.pace import LONGEST_REST

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

MakeWorld = Callable[["Behave"], "World"]


def refuse(call: Call) -> Outcome:
    return 0.01, Unauthorized("no", status=401)


def gaps(starts: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(starts)]


def test_a_token_that_was_replaced_meanwhile_is_tried_at_once_and_the_refusal_not_told(
    kit: Kit, world: MakeWorld
) -> None:
    replaced = Unauthorized("no", status=401)
    replaced.token_is_new = True
    answers: list[int | Unauthorized] = [replaced, 7]
    there = world(lambda _: (0.01, answers.pop(0)))
    plan = kit.plan([kit.bot(retries=0)], [kit.query("q", every=60.0)])
    there.poller.apply(plan)
    there.run(10.0)
    assert there.notes.counts["support", "q"] == [(0, 7)]
    assert there.notes.failures["support", "q"] == []
    assert gaps(there.starts("support"))[0] < 0.2


def test_a_token_that_is_replaced_again_and_again_is_tried_once_more_only(kit: Kit, world: MakeWorld) -> None:
    replaced = Unauthorized("no", status=401)
    replaced.token_is_new = True
    there = world(lambda _: (0.01, replaced))
    there.poller.apply(kit.plan([kit.bot()], [kit.query("q", every=60.0)]))
    there.run(10.0)
    assert len(there.calls) == 2
    assert there.notes.reasons(("support", "q")) == ["unauthorized"]


def test_a_refused_bot_is_asked_ever_more_gently_and_each_run_is_told_the_refusal(
    kit: Kit, world: MakeWorld
) -> None:
    there = world(refuse)
    plan = kit.plan([kit.bot()], [kit.query("q", every=1.0), kit.query("r", every=1.0)])
    there.poller.apply(plan)
    there.run(2000.0)
    pauses = gaps(there.starts("support"))
    assert all(longer >= shorter - 1.0 for shorter, longer in itertools.pairwise(pauses))
    assert LONGEST_REST <= pauses[-1] <= LONGEST_REST + 1.5
    assert len(there.calls) < 20
    assert len(there.notes.failures["support", "q"]) == pytest.approx(2000, abs=5)
    assert there.notes.skips["support", "q"] == 0
    assert set(there.notes.reasons(("support", "r"))) == {"unauthorized"}


def test_what_waited_behind_a_refusal_gets_it_for_an_answer_without_being_asked(
    kit: Kit, world: MakeWorld
) -> None:
    there = world(refuse)
    plan = kit.plan([kit.bot()], [kit.query("q", *({"v": n} for n in range(9)), every=60.0)])
    there.poller.apply(plan)
    there.run(10.0)
    assert len(there.calls) == 1
    assert len(there.notes.failures["support", "q"]) == 9
    assert len(there.notes.ends["support", "q"]) == 1


def test_a_new_token_ends_the_rest(kit: Kit, world: MakeWorld) -> None:
    there = world(refuse)
    there.poller.apply(kit.plan([kit.bot()], [kit.query("q", every=1.0)]))
    there.run(300.0)
    there.behave = lambda _: (0.01, 5)
    before = len(there.calls)
    there.run(2.0)
    assert len(there.calls) == before
    there.askers[0].new_token = True
    there.run(1.0)
    assert there.notes.counts["support", "q"] == [(0, 5)]


@pytest.mark.parametrize("answer", [5, ServerError("no", status=500), Rejected("no", status=404)])
def test_any_other_answer_of_the_api_ends_the_gentleness(
    kit: Kit, world: MakeWorld, answer: int | Exception
) -> None:
    there = world(refuse)
    there.poller.apply(kit.plan([kit.bot(retries=0)], [kit.query("q", every=1.0)]))
    there.run(40.0)
    there.behave = lambda _: (0.01, answer)
    there.run(40.0)
    before = len(there.calls)
    there.run(10.0)
    assert len(there.calls) - before == pytest.approx(10, abs=1)


def test_a_refused_bot_leaves_the_others_alone(kit: Kit, world: MakeWorld) -> None:
    there = world(lambda call: refuse(call) if call.bot.name == "bad" else (0.01, 1))
    there.poller.apply(
        kit.plan([kit.bot("bad"), kit.bot("good")], [kit.query("q", every=1.0, bots=("bad", "good"))])
    )
    there.run(100.0)
    assert len(there.notes.counts["good", "q"]) == pytest.approx(100, abs=2)
