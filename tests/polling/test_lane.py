"""Laws of when one bot is asked: by rate, concurrency, pauses and retries, within api.timeout."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import (
    ApiError,
    BadAnswer,
    Rejected,
    ServerError,
    Throttled,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from exporter.model import Bot, Collection
from exporter.pace import CATCH_UP, RETRY_AFTER_CAP
from exporter.polling.lane import Lane
from exporter.polling.questions import Batch, Question

if TYPE_CHECKING:
    from tests.polling.conftest import Kit

SLACK = 1e-6
REFUSED = Unauthorized("no", status=401)
NOW = 1000.0

waits = st.floats(0.0, 3.0)


class Nobody:
    """The asker of a lane whose attempts are made by the test."""

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        raise NotImplementedError

    def prune(self) -> None:
        pass

    def renew(self) -> None:
        pass

    def has_new_token(self) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@dataclass
class Owner:
    over: bool = False
    told: list[tuple[int | None, ApiError | None]] = field(default_factory=list)

    def give_up(self, error: ApiError) -> None:
        raise NotImplementedError

    def done(self, count: int | None, error: ApiError | None) -> None:
        self.told.append((count, error))


def make_lane(bot: Bot, jitter: float = 0.0, before: Lane | None = None) -> Lane:
    return Lane(bot, Nobody, lambda: jitter, before)


def ask(lane: Lane, times: int = 1, owner: Owner | None = None) -> Owner:
    owner = owner or Owner()
    lane.add(Batch(owner, range(times), lambda _: Question("conversations", str, owner.done, owner)))
    return owner


def attempts(lane: Lane, errors: list[ApiError], seconds: float = 0.1) -> tuple[list[float], float]:
    """Let one question fail in these ways, each attempt as soon as it may start; give starts and end."""
    ask(lane)
    now, starts = NOW, []
    for error in errors:
        now = lane.next_at(now)
        starts.append(now)
        question = lane.take(now)
        now += seconds
        if lane.settle(question, error, now):
            break
    return starts, now


@given(st.floats(0.1, 200.0), st.lists(st.tuples(st.integers(1, 8), waits), min_size=1, max_size=12))
def test_starts_in_any_window_obey_the_rate(kit: Kit, rate: float, arrivals: list[tuple[int, float]]) -> None:
    lane = make_lane(kit.bot(rate=rate))
    now, starts = NOW, []
    for questions, wait in arrivals:
        ask(lane, questions)
        end = now + wait
        while (now := lane.next_at(now)) <= end:
            lane.settle(lane.take(now), None, now)
            starts.append(now)
        now = end
    made_good = min(CATCH_UP, 1.0 / rate)
    for (i, first), (j, second) in itertools.combinations(enumerate(starts), 2):
        assert second - first >= (j - i) / rate - made_good - SLACK


@given(st.floats(1.0, 100.0), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=10))
def test_a_backlog_is_worked_off_at_the_rate(kit: Kit, rate: float, late: list[float]) -> None:
    lane = make_lane(kit.bot(rate=rate))
    ask(lane, 100)
    now = NOW
    for part in itertools.islice(itertools.cycle(late), 100):
        now = lane.next_at(now) + part * min(CATCH_UP, 1.0 / rate)
        lane.settle(lane.take(now), None, now)
    assert now - NOW <= 100 / rate + CATCH_UP


def test_a_bot_that_has_never_answered_is_asked_by_one_request_at_a_time(kit: Kit) -> None:
    lane = make_lane(kit.bot(concurrency=8))
    assert lane.limit(crowded=False) == 1
    ask(lane, 2)
    lane.settle(lane.take(NOW), None, NOW)
    assert lane.limit(crowded=False) == 8
    lane.settle(lane.take(NOW + 1), Unreachable("gone"), NOW + 1)
    assert lane.limit(crowded=False) == 1


def test_a_bot_that_answers_with_an_error_answers(kit: Kit) -> None:
    lane = make_lane(kit.bot(concurrency=8))
    ask(lane)
    lane.settle(lane.take(NOW), Rejected("no", status=404), NOW)
    assert lane.limit(crowded=False) == 8


def test_a_crowd_is_asked_by_one_request_at_a_time(kit: Kit) -> None:
    lane = make_lane(kit.bot(concurrency=8))
    ask(lane)
    lane.settle(lane.take(NOW), None, NOW)
    assert lane.limit(crowded=True) == 1


@given(st.integers(0, 5))
def test_a_question_is_asked_as_often_as_retries_say_and_once_more(kit: Kit, retries: int) -> None:
    lane = make_lane(kit.bot(retries=retries, timeout=1000.0))
    starts, _ = attempts(lane, [Unreachable("gone") for _ in range(10)])
    assert len(starts) == retries + 1


@pytest.mark.parametrize(
    "error", [TimedOut("late"), Rejected("no", status=400), BadAnswer("odd", status=200)]
)
def test_what_would_not_end_otherwise_is_not_asked_again(kit: Kit, error: ApiError) -> None:
    assert len(attempts(make_lane(kit.bot(retries=5)), [error] * 3)[0]) == 1


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_waits_between_attempts_grow_twofold_whatever_the_jitter(
    kit: Kit, jitter: float, other: float
) -> None:
    bot = kit.bot(retries=4, timeout=1000.0, rate=None)
    for draw in (jitter, other):
        starts, _ = attempts(make_lane(bot, draw), [ServerError("ill", status=500) for _ in range(5)])
        pauses = [b - a - 0.1 for a, b in itertools.pairwise(starts)]
        assert pauses == pytest.approx([0.25 * 2**n * (0.5 + draw / 2) for n in range(4)])


@given(st.floats(0.1, 20.0), st.floats(0.0, 3.0), st.floats(0.1, 5.0), st.integers(0, 20))
def test_no_attempt_starts_after_the_requests_deadline(
    kit: Kit, timeout: float, seconds: float, rate: float, retries: int
) -> None:
    lane = make_lane(kit.bot(timeout=timeout, retries=retries, rate=rate), 1.0)
    starts, _ = attempts(lane, [Unreachable("gone") for _ in range(retries + 1)], seconds)
    assert starts[-1] < starts[0] + timeout


def test_a_deadline_is_counted_from_the_first_attempt_and_not_from_the_queue(kit: Kit) -> None:
    lane = make_lane(kit.bot(timeout=10.0))
    ask(lane)
    question = lane.take(NOW + 500.0)
    assert question.deadline == NOW + 510.0
    lane.settle(question, ServerError("ill", status=500), NOW + 501.0)
    assert lane.take(NOW + 502.0) is question
    assert question.deadline == NOW + 510.0


@given(st.floats(0.5, 1000.0))
def test_retry_after_pauses_the_bot_and_no_longer_than_the_cap(kit: Kit, pause: float) -> None:
    lane = make_lane(kit.bot(timeout=1.0))
    ask(lane, 2)
    lane.settle(lane.take(NOW), Throttled("slow", status=429, retry_after=pause), NOW)
    assert lane.next_at(NOW) == pytest.approx(NOW + min(pause, RETRY_AFTER_CAP))


def test_a_question_is_at_its_end_where_a_pause_outlasts_its_deadline(kit: Kit) -> None:
    lane = make_lane(kit.bot(timeout=10.0))
    ask(lane)
    assert lane.settle(lane.take(NOW), Throttled("slow", status=429, retry_after=11.0), NOW)
    assert lane.next_at(NOW) == math.inf


def test_further_attempts_that_can_no_longer_start_in_time_are_overdue(kit: Kit) -> None:
    lane = make_lane(kit.bot(timeout=2.0, rate=None), 1.0)
    ask(lane, 2)
    first, second = lane.take(NOW), lane.take(NOW)
    assert not lane.settle(first, Unreachable("gone"), NOW)
    assert lane.first_deadline() == NOW + 2.0
    assert not list(lane.take_ended(NOW + 1.9))
    lane.settle(second, Throttled("slow", status=429, retry_after=100.0), NOW)
    assert list(lane.take_ended(NOW + 2.0)) == [first]
    assert lane.first_deadline() == math.inf
    assert lane.next_at(NOW) == math.inf


def test_a_client_is_made_when_it_is_first_needed_and_closed_where_there_is_one(kit: Kit) -> None:
    seen: list[str] = []

    class Client(Nobody):
        def __init__(self) -> None:
            seen.append("made")

        def close(self) -> None:
            seen.append("closed")

    lane = Lane(kit.bot(), Client, lambda: 0.0)
    lane.close()
    assert not seen
    assert lane.asker is lane.asker
    lane.close()
    assert seen == ["made", "closed"]


def test_a_question_is_made_when_it_is_its_turn(kit: Kit) -> None:
    lane, made = make_lane(kit.bot(rate=None)), list[int]()

    def make(key: int) -> Question:
        made.append(key)
        return Question("conversations", str, owner.done, owner)

    owner = Owner()
    lane.add(Batch(owner, (7, 8, 9), make))
    lane.take(NOW)
    assert made == [7]
    for _ in range(2):
        lane.take(NOW)
    assert made == [7, 8, 9]
    assert lane.next_at(NOW) == math.inf


def test_what_is_asked_while_the_bot_is_left_alone_is_refused_too(kit: Kit) -> None:
    lane = make_lane(kit.bot(rate=None))
    ask(lane, 3)
    lane.settle(lane.take(NOW), REFUSED, NOW)
    ended = lane.take_ended(NOW)
    assert next(ended).error is REFUSED
    late = ask(lane)
    assert [question.owner is late for question in ended] == [False, True]
    assert not list(lane.take_ended(NOW))


def test_a_further_attempt_that_is_due_goes_before_a_first_one(kit: Kit) -> None:
    lane = make_lane(kit.bot(rate=None))
    ask(lane, 2)
    again = lane.take(NOW)
    lane.settle(again, Unreachable("gone"), NOW)
    assert lane.take(NOW) is not again
    ask(lane)
    assert lane.take(NOW + 1.0) is again


def test_orphans_are_dropped_wherever_they_wait(kit: Kit) -> None:
    lane = make_lane(kit.bot(rate=None))
    orphan, other = ask(lane, 3), ask(lane)
    failed, flying = lane.take(NOW), lane.take(NOW)
    lane.settle(failed, Unreachable("gone"), NOW)
    orphan.over = True
    lane.drop_orphans()
    assert lane.settle(flying, Unreachable("gone"), NOW)
    assert lane.take(NOW + 100.0).owner is other
    assert lane.next_at(NOW + 100.0) == math.inf


def test_other_settings_free_a_bot_neither_of_its_pause_nor_of_its_rate(kit: Kit) -> None:
    old = make_lane(kit.bot(rate=0.1))
    ask(old)
    old.take(NOW)
    lane = make_lane(kit.bot(rate=1.0), before=old)
    ask(lane)
    assert lane.next_at(NOW) == pytest.approx(NOW + 1.0 - CATCH_UP)
    old._pace.pause(NOW + 60.0)
    assert lane.next_at(NOW) == NOW + 60.0


def test_another_api_starts_without_the_pause_of_the_one_before(kit: Kit) -> None:
    old = make_lane(kit.bot())
    old._pace.pause(NOW + 60.0)
    lane = make_lane(kit.bot(url="https://elsewhere.example/v1"), before=old)
    ask(lane)
    assert lane.next_at(NOW) == NOW


def test_an_attempt_that_comes_too_late_to_be_made_ends_as_the_one_before(kit: Kit) -> None:
    lane, clock = make_lane(kit.bot(timeout=1.0)), kit.Clock(NOW)
    ask(lane)
    question = lane.take(NOW)
    question.error = before = ServerError("no", status=500)
    clock.move_to(question.deadline)
    with pytest.raises(ServerError) as raised:
        lane.attempt(question, clock)
    assert raised.value is before
