"""Laws of a bot whose token is refused: a new token is tried at once, an old one with backoff."""

from __future__ import annotations

import itertools
import re
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
    world.apply(plan)
    world.run(10.0)
    assert world.recorder.counts["support", "q"] == [(0, 7)]
    assert world.recorder.failures["support", "q"] == []
    assert gaps(world.starts("support"))[0] < 0.2


def test_a_token_that_keeps_being_replaced_is_retried_once_only(kit: Kit, make_world: MakeWorld) -> None:
    replaced = Unauthorized("no", status=401)
    replaced.token_is_new = True
    world = make_world(lambda _: (0.01, replaced))
    world.apply(kit.plan([kit.bot()], [kit.query("q", every=60.0)]))
    world.run(10.0)
    assert len(world.calls) == 2
    assert world.recorder.reasons(("support", "q")) == ["unauthorized"]


def test_requests_to_a_refused_bot_back_off_and_each_run_records_the_refusal(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(refuse)
    plan = kit.plan([kit.bot()], [kit.query("q", every=1.0), kit.query("r", every=1.0)])
    world.apply(plan)
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
    world.apply(plan)
    world.run(10.0)
    assert len(world.calls) == 1
    assert [rows for rows, _ in world.recorder.failures["support", "q"]] == [(0,), tuple(range(1, 9))]
    assert len(world.recorder.ends["support", "q"]) == 1


def test_a_new_token_ends_the_backoff(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(refuse)
    world.apply(kit.plan([kit.bot()], [kit.query("q", every=1.0)]))
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
    world.apply(kit.plan([kit.bot(retries=0)], [kit.query("q", every=1.0)]))
    world.run(40.0)
    world.behave = lambda _: (0.01, answer)
    world.run(40.0)
    before = len(world.calls)
    world.run(10.0)
    assert len(world.calls) - before == pytest.approx(10, abs=1)


def test_a_refused_bot_does_not_affect_the_others(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda call: refuse(call) if call.bot.name == "bad" else (0.01, 1))
    world.apply(
        kit.plan([kit.bot("bad"), kit.bot("good")], [kit.query("q", every=1.0, bots=("bad", "good"))])
    )
    world.run(100.0)
    assert len(world.recorder.counts["good", "q"]) == pytest.approx(100, abs=2)


def forbid(*texts: str) -> Callable[[Call], Outcome]:
    """Answer 403 where the request has one of these texts in it."""

    def behave(call: Call) -> Outcome:
        forbidden = any(text in call.asked for text in texts)
        return 0.01, Unauthorized("no", status=403, advice="ask for more rights") if forbidden else 7

    return behave


def test_a_forbidden_collection_leaves_the_other_collection_alone(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(forbid("messages"))
    often, rarely = kit.query("often", every=2.0), kit.query("rarely", every=10.0)
    messages = [kit.query(f"messages_{n}", every=60.0, collection="messages") for n in range(28)]
    world.apply(kit.plan([kit.bot(rate=None)], [often, rarely, *messages]))
    world.run(600.0)
    for name, runs in (("often", 300), ("rarely", 60)):
        assert world.recorder.reasons(("support", name)) == []
        assert len(world.recorder.counts["support", name]) == pytest.approx(runs, abs=2)
    asked = sum("messages" in call.asked for call in world.calls)
    assert asked <= 28 * 8, "of 28 * 10 that were due; later each once in five minutes"


def test_a_forbidden_predicate_leaves_the_other_queries_of_its_collection_alone(
    kit: Kit, make_world: MakeWorld
) -> None:
    for first in ("forbidden", "allowed"):  # whichever of the two is asked first
        world = make_world(forbid("secret"))
        queries = [kit.query("forbidden", {"a": "secret"}, every=2.0), kit.query("allowed", every=2.0)]
        world.apply(kit.plan([kit.bot()], sorted(queries, key=lambda query: query.name != first)))
        world.run(600.0)
        assert world.recorder.reasons(("support", "allowed")) == []
        assert len(world.recorder.counts["support", "allowed"]) == pytest.approx(300, abs=2)
        assert sum("secret" in call.asked for call in world.calls) <= 12


def test_what_is_not_asked_says_which_refusal_stopped_it_and_when(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(forbid("messages"))
    world.apply(kit.plan([kit.bot()], [kit.query("m", every=1.0, collection="messages")], zone="Asia/Tokyo"))
    world.run(1.9)
    asked, not_asked = (error for _, error in world.recorder.failures["support", "m"][:2])
    assert str(asked) == "no"
    assert not_asked.advice == asked.advice
    assert re.fullmatch(
        r"not asked: the token was refused at 07:13:2\d for GET messages/_count", str(not_asked)
    )
    assert (not_asked.reason, not_asked.status) == ("unauthorized", 403)
    world.run(0.1)
    assert world.recorder.requests["support"] == len(world.calls)


def test_a_collection_that_is_allowed_again_is_asked_by_all_its_queries(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(forbid("messages"))
    queries = [kit.query(f"m_{n}", every=10.0, collection="messages") for n in range(5)]
    world.apply(kit.plan([kit.bot()], queries))
    world.run(100.0)
    world.behave = lambda _: (0.01, 5)
    world.run(LONGEST_BACKOFF)
    for counts in world.recorder.counts.values():
        counts.clear()
    world.run(100.0)
    assert all(len(world.recorder.counts["support", f"m_{n}"]) == 10 for n in range(5))


def test_in_the_long_run_each_request_to_a_forbidden_collection_is_sent_once_in_five_minutes(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(forbid("messages"))
    queries = [kit.query(f"m_{n}", every=10.0, collection="messages") for n in range(20)]
    world.apply(kit.plan([kit.bot(rate=None)], queries))
    world.run(600.0)
    before = len(world.calls)
    world.run(10 * LONGEST_BACKOFF)
    assert len(world.calls) - before <= 20 * 10


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_refusal_of_one_query_does_not_lengthen_that_of_another_which_is_allowed_again(
    kit: Kit, make_world: MakeWorld, is_answered: bool
) -> None:
    world = make_world(forbid("secret", "mended"))
    queries = [kit.query("s1", {"a": "secret"}, every=2.0), kit.query("s2", {"a": "mended"}, every=10.0)]
    world.apply(kit.plan([kit.bot()], [*queries, *([kit.query("ok", every=5.0)] if is_answered else [])]))
    world.run(6.0)
    world.behave = forbid("secret")
    world.run(30.0)
    world.recorder.counts.clear()
    world.run(100.0)
    assert len(world.recorder.counts["support", "s2"]) == 10


def test_a_401_of_one_collection_lets_the_other_one_go_on(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda call: refuse(call) if "messages" in call.asked else (0.01, 7))
    queries = [kit.query("c", every=5.0), kit.query("m", every=2.0, collection="messages")]
    world.apply(kit.plan([kit.bot()], queries))
    world.run(60.0)
    world.recorder.counts.clear()
    world.run(600.0)
    assert len(world.recorder.counts["support", "c"]) == pytest.approx(120, abs=4)
    assert sum("messages" in call.asked for call in world.calls) <= 12


def test_a_401_of_many_queries_of_one_collection_costs_the_other_one_a_single_run(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(lambda call: refuse(call) if "messages" in call.asked else (0.01, 7))
    messages = [kit.query(f"m_{n}", every=60.0, collection="messages") for n in range(21)]
    world.apply(kit.plan([kit.bot(rate=None)], [kit.query("c", every=2.0), *messages]))
    world.run(600.0)
    assert len(world.recorder.failures["support", "c"]) <= 1
    assert len(world.recorder.counts["support", "c"]) == pytest.approx(300, abs=2)


def test_a_token_that_is_revoked_is_refused_as_a_whole_though_one_collection_was_before(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(lambda call: refuse(call) if "messages" in call.asked else (0.01, 7))
    conversations = [kit.query(f"c_{n}", {"n": n}, every=30.0) for n in range(100)]
    world.apply(kit.plan([kit.bot()], [*conversations, kit.query("m", every=30.0, collection="messages")]))
    world.run(300.0)
    world.behave, before = refuse, len(world.calls)
    world.run(3600.0)
    assert len(world.calls) - before < 60


def test_a_token_that_was_refused_for_a_while_is_refused_as_a_whole_the_next_time(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(refuse)
    world.apply(kit.plan([kit.bot(rate=None)], [kit.query(f"q_{n}", every=10.0) for n in range(20)]))
    world.run(60.0)
    world.behave = lambda _: (0.01, 7)
    world.run(LONGEST_BACKOFF)
    world.behave, before = refuse, len(world.calls)
    world.run(600.0)
    assert len(world.calls) - before < 20


def test_a_query_that_a_reload_mends_is_asked_at_once(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(forbid("secret"))
    before = kit.plan([kit.bot()], [kit.query("q", {"a": "secret"}, every=60.0)])
    world.apply(before)
    world.run(3600.0)
    world.apply(kit.plan([kit.bot()], [kit.query("q", {"a": "open"}, every=60.0)], before=before))
    world.run(10.0)
    assert world.recorder.counts["support", "q"] == [(0, 7)]


@pytest.mark.parametrize("first", ["secret", "public"])
def test_a_forbidden_series_leaves_the_other_series_of_its_query_alone(
    kit: Kit, make_world: MakeWorld, first: str
) -> None:
    world = make_world(forbid("secret"))
    predicates = sorted([{"a": "secret"}, {"a": "public"}], key=lambda each: each["a"] != first)
    world.apply(kit.plan([kit.bot()], [kit.query("q", *predicates, every=2.0)]))
    world.run(600.0)
    assert len(world.recorder.counts["support", "q"]) == pytest.approx(300, abs=2)
    assert sum("secret" in call.asked for call in world.calls) <= 12
    assert world.recorder.requests["support"] == len(world.calls)


def test_a_new_token_that_may_not_read_one_collection_leaves_the_other_alone(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(lambda _: (0.01, 7))
    messages = [kit.query(f"m_{n}", every=60.0, collection="messages") for n in range(21)]
    world.apply(kit.plan([kit.bot(rate=None)], [kit.query("c", every=2.0), *messages]))
    world.run(120.0)
    world.behave = refuse
    world.run(120.0)
    world.behave = lambda call: refuse(call) if "messages" in call.asked else (0.01, 7)
    world.run(LONGEST_BACKOFF)
    world.recorder.failures.clear()
    world.run(600.0)
    assert len(world.recorder.failures["support", "c"]) <= 1
