"""Laws of counts that fall suddenly: one answer is not enough to believe them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from exporter.errors import Rejected, TimedOut
from exporter.model import Json, Plan
from exporter.polling.run import is_sudden_fall
from exporter.rate_limiter import CATCH_UP

if TYPE_CHECKING:
    from exporter.model import Bot
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

KEY = ("support", "all")
EVERY = 60.0


class Api:
    """Answers each request with the next of its results, and after the last one with that."""

    def __init__(self, *results: int | Exception) -> None:
        self.results = results
        self.asked: dict[str, int] = {}

    def __call__(self, call: Call) -> Outcome:
        number = self.asked.get(call.asked, 0)
        self.asked[call.asked] = number + 1
        return 0.01, self.results[min(number, len(self.results) - 1)]


def counts(world: World) -> list[int]:
    return [count for _, count in world.recorder.counts[KEY]]


@pytest.fixture
def run(kit: Kit, make_world: MakeWorld) -> Callable[..., World]:
    """Make so many runs of a query, of one series or more."""

    def made(api: Behave, *predicates: Json, runs: int, bot: Bot | None = None) -> World:
        world = make_world(api)
        world.apply(kit.plan([bot or kit.bot(retries=0)], [kit.query("all", *predicates, every=EVERY)]))
        while len(world.recorder.ends[KEY]) < runs:
            world.run(1.0)
        return world

    return made


@pytest.mark.parametrize(
    ("before", "now", "sudden"),
    [
        (None, 0, False),
        (9, 0, False),
        (10, 4, True),
        (10, 5, False),
        (900, 449, True),
        (900, 450, False),
        (900, 901, False),
        (2**53, 0, True),
    ],
)
def test_a_fall_to_less_than_half_is_sudden_from_10_on(before: int | None, now: int, sudden: bool) -> None:
    assert is_sudden_fall(before, now) == sudden


def test_a_fall_that_the_next_answer_contradicts_is_not_kept_and_is_an_error(
    run: Callable[..., World],
) -> None:
    world = run(Api(900, 0, 900, 901), runs=3)
    assert counts(world) == [900, 901]
    assert world.recorder.reasons(KEY) == ["bad_answer"]
    [(_, error)] = world.recorder.failures[KEY]
    assert str(error) == "counts that contradict each other: 900 before, 0, then 900"
    assert [error is None for _, error in world.recorder.ends[KEY]] == [True, False, True]


def test_a_fall_that_the_next_answer_confirms_is_kept_as_that_answer_says(run: Callable[..., World]) -> None:
    world = run(Api(900, 3, 5), runs=3)
    assert counts(world) == [900, 5, 5]
    assert (world.recorder.reasons(KEY), len(world.calls)) == ([], 4)


@pytest.mark.parametrize("error", [Rejected("no", status=404), TimedOut("too slow")])
def test_a_fall_is_not_kept_if_it_cannot_be_confirmed(run: Callable[..., World], error: Exception) -> None:
    world = run(Api(900, 0, error, 901), runs=3)
    assert counts(world) == [900, 901]
    assert [kept for _, kept in world.recorder.failures[KEY]] == [error]


def test_a_first_count_and_small_falls_are_kept_at_once(run: Callable[..., World]) -> None:
    world = run(Api(0, 9, 0, 900, 450), runs=5)
    assert counts(world) == [0, 9, 0, 900, 450]
    assert len(world.calls) == 5


def test_a_count_since_a_date_may_fall_to_0_at_once(run: Callable[..., World]) -> None:
    since: Json = {"StartedAt": {"$gte": {"$date": "now-1h"}}}

    counted = iter([900, 0, 900])

    def api(call: Call) -> Outcome:
        proves_dates = "1970" in call.asked or "$ne" in call.asked or " shown " in call.asked
        return 0.01, 3 if proves_dates else next(counted)

    assert counts(run(api, since, runs=3)) == [900, 0, 900]


def test_the_second_request_waits_for_the_bot_s_rate(run: Callable[..., World], kit: Kit) -> None:
    world = run(Api(900, 0, 900), {"A": 1}, {"A": 2}, runs=2, bot=kit.bot(rate=1.0, retries=0))
    starts = world.starts("support")
    assert len(starts) == 2 + 2 * 2
    assert all(after - before > 1.0 - 2 * CATCH_UP for before, after in pairwise(starts))


def test_each_series_that_fell_is_requested_once_more_before_the_run_ends(run: Callable[..., World]) -> None:
    predicates: Sequence[Json] = [{"A": number} for number in range(8)]
    api = Api(900, 0, 901)
    world = run(api, *predicates, runs=2)
    assert set(api.asked.values()) == {3}
    assert sorted(world.recorder.counts[KEY]) == [(row, 900) for row in range(8)]
    assert world.recorder.reasons(KEY) == ["bad_answer"] * 8
    assert world.defects == 0


def test_a_reload_ends_a_run_that_has_a_fall_to_confirm(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(Api(900, 0, 0))
    first: Plan = kit.plan([kit.bot(rate=1 / EVERY)], [kit.query("all", every=EVERY)])
    world.apply(first)
    while len(world.calls) < 2:
        world.run(1.0)
    world.apply(kit.plan([kit.bot()], [kit.query("all", every=2 * EVERY)], before=first))
    world.run(EVERY * 4)
    assert counts(world)[:1] == [900]
    assert world.defects == 0
