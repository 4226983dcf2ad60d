"""Laws of one bot's queue: rate, concurrency, pauses and retries, within api.timeout."""

from __future__ import annotations

import itertools
import math
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
from exporter.polling.queue import MEASURE_EVERY, PATIENCE, QUICK, BotQueue
from exporter.polling.run import Request, Run
from exporter.rate_limiter import CATCH_UP, RETRY_AFTER_CAP

if TYPE_CHECKING:
    from tests.polling.conftest import Kit

SLACK = 1e-6
REFUSED = Unauthorized("no", status=401)
NOW = 1000.0

waits = st.floats(0.0, 3.0)


class Nobody:
    """The client of a queue whose attempts are made by the test."""

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        raise NotImplementedError

    def misread_dates(
        self, collection: Collection, field: str, dates: str, descends: bool, budget: float
    ) -> int:
        raise NotImplementedError

    def prune(self) -> None:
        pass

    def renew(self) -> None:
        pass

    def has_new_token(self) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def make_queue(bot: Bot, jitter: float = 0.0, before: BotQueue | None = None) -> BotQueue:
    return BotQueue(bot, Nobody, lambda: jitter, before)


def ask(kit: Kit, queue: BotQueue, times: int = 1) -> Run:
    """Queue a run with so many requests."""
    plan = kit.plan([queue.bot], [kit.query("all", *({"n": n} for n in range(times)))])
    run = Run(plan.polls[0], queue.proven, kit.Recorder(), kit.Clock(NOW), plan.zone)
    run.start()
    queue.add(run)
    return run


def next_at(queue: BotQueue, now: float) -> float:
    """Return when any request may be taken."""
    return min(queue.next_at(now, well) for well in (True, False))


def take(queue: BotQueue, now: float) -> Request:
    """Start an attempt that may start now."""
    return queue.take(now, queue.next_at(now, True) <= now)


def attempts(
    kit: Kit, queue: BotQueue, errors: list[ApiError], seconds: float = 0.1
) -> tuple[list[float], float]:
    """Fail one request with these errors, each attempt as soon as it may start; return starts and end."""
    ask(kit, queue)
    now, starts = NOW, []
    for error in errors:
        now = next_at(queue, now)
        starts.append(now)
        request = take(queue, now)
        now += seconds
        if queue.settle(request, error, now):
            break
    return starts, now


@given(st.floats(0.1, 200.0), st.lists(st.tuples(st.integers(1, 8), waits), min_size=1, max_size=12))
def test_starts_in_any_window_obey_the_rate(kit: Kit, rate: float, arrivals: list[tuple[int, float]]) -> None:
    queue = make_queue(kit.bot(rate=rate))
    now, starts = NOW, []
    for requests, wait in arrivals:
        ask(kit, queue, requests)
        end = now + wait
        while (now := next_at(queue, now)) <= end:
            queue.settle(take(queue, now), None, now)
            starts.append(now)
        now = end
    made_good = min(CATCH_UP, 1.0 / rate)
    for (i, first), (j, second) in itertools.combinations(enumerate(starts), 2):
        assert second - first >= (j - i) / rate - made_good - SLACK


@given(st.floats(1.0, 100.0), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=10))
def test_a_backlog_is_started_at_the_rate(kit: Kit, rate: float, late: list[float]) -> None:
    queue = make_queue(kit.bot(rate=rate))
    ask(kit, queue, 100)
    now = NOW
    for part in itertools.islice(itertools.cycle(late), 100):
        now = next_at(queue, now) + part * min(CATCH_UP, 1.0 / rate)
        queue.settle(take(queue, now), None, now)
    assert now - NOW <= 100 / rate + CATCH_UP


def test_a_bot_that_has_never_answered_gets_one_request_at_a_time(kit: Kit) -> None:
    queue = make_queue(kit.bot(concurrency=8))
    assert queue.limit == 1
    ask(kit, queue, 2)
    queue.settle(take(queue, NOW), None, NOW + 0.1)
    assert queue.limit == 8
    queue.settle(take(queue, NOW + 1), Unreachable("gone"), NOW + 1.1)
    assert queue.limit == 1


def test_a_bot_that_answers_with_an_error_counts_as_answering(kit: Kit) -> None:
    queue = make_queue(kit.bot(concurrency=8))
    ask(kit, queue)
    queue.settle(take(queue, NOW), Rejected("no", status=404), NOW + 0.1)
    assert queue.limit == 8


@given(st.integers(0, 5))
def test_a_request_has_one_attempt_more_than_its_retries(kit: Kit, retries: int) -> None:
    queue = make_queue(kit.bot(retries=retries, timeout=1000.0))
    starts, _ = attempts(kit, queue, [Unreachable("gone") for _ in range(10)])
    assert len(starts) == retries + 1


@pytest.mark.parametrize(
    "error", [TimedOut("late"), Rejected("no", status=400), BadAnswer("odd", status=200)]
)
def test_an_error_that_a_retry_cannot_change_is_not_retried(kit: Kit, error: ApiError) -> None:
    assert len(attempts(kit, make_queue(kit.bot(retries=5)), [error] * 3)[0]) == 1


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_waits_between_attempts_double_whatever_the_jitter(kit: Kit, jitter: float, other: float) -> None:
    bot = kit.bot(retries=4, timeout=1000.0, rate=None)
    for draw in (jitter, other):
        starts, _ = attempts(kit, make_queue(bot, draw), [Unreachable("gone") for _ in range(5)])
        pauses = [b - a - 0.1 for a, b in itertools.pairwise(starts)]
        assert pauses == pytest.approx([0.25 * 2**n * (0.5 + draw / 2) for n in range(4)])


@given(st.floats(0.1, 20.0), st.floats(0.0, 3.0), st.floats(0.1, 5.0), st.integers(0, 20))
def test_no_attempt_starts_after_the_requests_deadline(
    kit: Kit, timeout: float, seconds: float, rate: float, retries: int
) -> None:
    queue = make_queue(kit.bot(timeout=timeout, retries=retries, rate=rate), 1.0)
    starts, _ = attempts(kit, queue, [Unreachable("gone") for _ in range(retries + 1)], seconds)
    assert starts[-1] < starts[0] + timeout


def test_a_deadline_is_counted_from_the_first_attempt_and_not_from_the_queue(kit: Kit) -> None:
    queue = make_queue(kit.bot(timeout=10.0))
    ask(kit, queue)
    request = take(queue, NOW + 500.0)
    assert request.deadline == NOW + 510.0
    queue.settle(request, ServerError("ill", status=500), NOW + 501.0)
    assert take(queue, NOW + 502.0) is request
    assert request.deadline == NOW + 510.0


@given(st.floats(0.5, 1000.0))
def test_retry_after_pauses_the_bot_and_no_longer_than_the_cap(kit: Kit, pause: float) -> None:
    queue = make_queue(kit.bot(timeout=1.0))
    ask(kit, queue, 2)
    queue.settle(take(queue, NOW), Throttled("slow", status=429, retry_after=pause), NOW)
    assert next_at(queue, NOW) == pytest.approx(NOW + min(pause, RETRY_AFTER_CAP))


def test_a_request_ends_if_a_pause_outlasts_its_deadline(kit: Kit) -> None:
    queue = make_queue(kit.bot(timeout=10.0))
    ask(kit, queue)
    assert queue.settle(take(queue, NOW), Throttled("slow", status=429, retry_after=11.0), NOW)
    assert next_at(queue, NOW) == math.inf


def test_a_retry_that_a_pause_holds_up_ends_at_its_deadline_unasked(kit: Kit) -> None:
    queue, clock = make_queue(kit.bot(timeout=2.0, rate=None), 1.0), kit.Clock(NOW + 2.0)
    ask(kit, queue, 2)
    first, second = take(queue, NOW), take(queue, NOW)
    assert not queue.settle(first, Unreachable("gone"), NOW)
    queue.settle(second, Throttled("slow", status=429, retry_after=100.0), NOW)
    assert next_at(queue, NOW) == NOW + 2.0
    assert take(queue, NOW + 2.0) is first
    with pytest.raises(Unreachable, match="gone") as raised:
        queue.attempt(first, clock)
    assert queue.settle(first, raised.value, NOW + 2.0)
    assert next_at(queue, NOW) == math.inf


def test_a_retry_that_is_due_goes_before_a_first_attempt(kit: Kit) -> None:
    queue = make_queue(kit.bot(rate=None))
    ask(kit, queue, 2)
    again = take(queue, NOW)
    queue.settle(again, Unreachable("gone"), NOW)
    assert take(queue, NOW) is not again
    ask(kit, queue)
    assert take(queue, NOW + 1.0) is again


def test_other_settings_end_neither_a_bots_pause_nor_its_rate_limit(kit: Kit) -> None:
    old = make_queue(kit.bot(rate=0.1))
    ask(kit, old)
    take(old, NOW)
    queue = make_queue(kit.bot(rate=1.0), before=old)
    ask(kit, queue)
    assert next_at(queue, NOW) == pytest.approx(NOW + 1.0 - CATCH_UP)
    old.limiter.pause(NOW + 60.0)
    assert next_at(queue, NOW) == NOW + 60.0


def test_another_api_starts_without_the_pause_of_the_previous_one(kit: Kit) -> None:
    old = make_queue(kit.bot())
    old.limiter.pause(NOW + 60.0)
    queue = make_queue(kit.bot(url="https://elsewhere.example/v1"), before=old)
    ask(kit, queue)
    assert next_at(queue, NOW) == NOW


def test_a_retry_that_comes_too_late_ends_with_the_previous_error(kit: Kit) -> None:
    queue, clock = make_queue(kit.bot(timeout=1.0)), kit.Clock(NOW)
    ask(kit, queue)
    request = take(queue, NOW)
    request.error = before = ServerError("no", status=500)
    clock.move_to(request.deadline)
    with pytest.raises(ServerError) as raised:
        queue.attempt(request, clock)
    assert raised.value is before


def test_a_client_is_made_when_first_needed(kit: Kit) -> None:
    made: list[Nobody] = []

    class Client(Nobody):
        def __init__(self) -> None:
            made.append(self)

    queue = BotQueue(kit.bot(), Client, lambda: 0.0)
    queue.renew(frozenset())
    assert queue.existing_client is None
    assert not made
    assert queue.client is queue.client is queue.existing_client
    assert len(made) == 1


def test_requests_of_an_abandoned_run_are_dropped_wherever_they_wait(kit: Kit) -> None:
    queue = make_queue(kit.bot(rate=None))
    abandoned, other = ask(kit, queue, 3), ask(kit, queue)
    failed, in_flight = take(queue, NOW), take(queue, NOW)
    queue.settle(failed, Unreachable("gone"), NOW)
    abandoned.over = True
    assert queue.settle(in_flight, Unreachable("gone"), NOW)
    assert next_at(queue, NOW + 100.0) == NOW + 100.0
    assert take(queue, NOW + 100.0).run is other
    assert next_at(queue, NOW + 100.0) == math.inf


def test_retries_after_answers_are_a_tenth_of_the_requests(kit: Kit) -> None:
    queue = make_queue(kit.bot(rate=None, timeout=1000.0, retries=5))
    ask(kit, queue, 1000)
    tried = 0
    now = NOW
    while (now := next_at(queue, now)) < math.inf:
        tried += 1
        queue.settle(take(queue, now), ServerError("ill", status=500), now)
        now += 0.01
    assert 1050 <= tried <= 1101


def test_a_throttled_bot_is_asked_more_slowly_until_it_is_well(kit: Kit) -> None:
    queue = make_queue(kit.bot(rate=None, retries=0))
    ask(kit, queue, 100)
    now, starts = NOW, list[float]()
    for n in range(20):
        now = next_at(queue, now)
        starts.append(now)
        throttled = Throttled("slow down", status=429) if n < 10 else None
        queue.settle(take(queue, now), throttled, now + 2 * QUICK)
        assert queue.limit == (1 if n < 12 else queue.bot.api.concurrency)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert gaps[3:10] == pytest.approx([0.8] * 7)
    assert gaps[-5:] == [0.0] * 5


def may_start(queue: BotQueue, now: float) -> bool:
    return next_at(queue, now) <= now


def make_trusted(kit: Kit, latency: float) -> BotQueue:
    """Return the queue of a bot that answers, with requests of a trusted poll, as of NOW."""
    queue = make_queue(kit.bot(rate=None, concurrency=8))
    ask(kit, queue, 12)
    for _ in range(2):
        queue.settle(take(queue, NOW - latency), None, NOW)
    return queue


def test_a_bot_that_answers_quickly_gets_one_request_at_a_time(kit: Kit) -> None:
    queue = make_trusted(kit, QUICK / 2)
    quick = take(queue, NOW + 1)
    assert not may_start(queue, NOW + 1)
    queue.settle(quick, None, NOW + 1 + 2 * QUICK)
    first, second = take(queue, NOW + 2), take(queue, NOW + 2)  # as soon as it is slow
    queue.settle(first, None, NOW + 2 + QUICK / 2)
    queue.settle(second, None, NOW + 2 + QUICK / 2)
    take(queue, NOW + 2)
    assert may_start(queue, NOW + 2), "only a request that is alone tells how quick the bot is"
    queue.settle(take(queue, NOW + 2), None, NOW + 2)


def test_a_quick_bot_gets_the_next_request_soon_although_one_hangs(kit: Kit) -> None:
    queue = make_trusted(kit, QUICK / 2)
    take(queue, NOW + 1)
    assert next_at(queue, NOW + 1) == pytest.approx(NOW + 1 + PATIENCE)
    for n in range(7):
        assert may_start(queue, NOW + 2), f"{n} of those after it, as the bot is quick no more"
        take(queue, NOW + 2)
    assert not may_start(queue, NOW + 2)


@pytest.mark.parametrize(("latency", "pause"), [(0.003, 1.0), (0.05, 5.0), (3.0, MEASURE_EVERY)])
@pytest.mark.parametrize(("late", "together"), [(-0.01, True), (0.01, False)])
def test_a_bot_is_measured_again_soon_if_it_was_a_little_slow(
    kit: Kit, latency: float, pause: float, late: float, together: bool
) -> None:
    queue, now = make_trusted(kit, latency), NOW + pause + late
    take(queue, now)
    assert may_start(queue, now) is together
