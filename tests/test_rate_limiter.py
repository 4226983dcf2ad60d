"""Laws of the rate limiter, of retries and of backoff."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import (
    ApiError,
    BadAnswer,
    DatesUnverified,
    Rejected,
    ServerError,
    Throttled,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from exporter.rate_limiter import (
    CATCH_UP,
    FIRST_BACKOFF,
    FIRST_WAIT,
    LONGEST_BACKOFF,
    RETRY_AFTER_CAP,
    RETRY_SHARE,
    RateLimiter,
    RetryBudget,
    refusal_backoff,
    requested_pause,
    retry_wait,
)

SLACK = 1e-6

moments = st.floats(0.0, 1e6)
rates = st.floats(0.01, 1000.0)
retried = st.sampled_from([Unreachable, ServerError, Throttled])


def starts(limiter: RateLimiter, lateness: list[float], now: float = 0.0) -> list[float]:
    """Start each request as soon as the limiter allows, plus its lateness."""
    taken = []
    for late in lateness:
        now = limiter.next_at(now) + late
        limiter.take(now)
        taken.append(now)
    return taken


@given(rates, st.lists(st.floats(0.0, 100.0), max_size=20), moments)
def test_requests_are_never_closer_than_the_rate_allows(
    rate: float, lateness: list[float], now: float
) -> None:
    made_good = min(CATCH_UP, 1.0 / rate)
    for (i, first), (j, second) in itertools.combinations(
        enumerate(starts(RateLimiter(rate), lateness, now)), 2
    ):
        assert second - first >= (j - i) / rate - made_good - SLACK


@given(rates, st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20))
def test_waking_a_little_late_does_not_lower_the_rate(rate: float, parts: list[float]) -> None:
    made_good = min(CATCH_UP, 1.0 / rate)
    taken = starts(RateLimiter(rate), [part * made_good for part in parts])
    assert taken[-1] <= (len(parts) - 1) / rate + 2 * made_good + SLACK


@given(moments, st.lists(st.floats(0.0, 100.0), max_size=10))
def test_without_a_rate_nothing_waits(now: float, lateness: list[float]) -> None:
    limiter = RateLimiter(None)
    for moment in starts(limiter, lateness, now):
        assert limiter.next_at(moment) >= moment
    last = now + sum(lateness)
    assert limiter.next_at(last) == pytest.approx(last)


@given(st.none() | rates, moments)
def test_the_first_request_starts_at_once(rate: float | None, now: float) -> None:
    assert RateLimiter(rate).next_at(now) == now


@given(st.none() | rates, st.lists(moments, min_size=1), moments)
def test_nothing_starts_before_the_longest_pause_is_over(
    rate: float | None, pauses: list[float], now: float
) -> None:
    limiter = RateLimiter(rate)
    for until in pauses:
        limiter.pause(until)
    assert limiter.next_at(now) == max(now, *pauses)


@given(st.none() | rates, st.none() | rates, st.lists(st.floats(0.0, 100.0), min_size=1), moments)
def test_another_rate_applies_from_the_last_request_on(
    before: float | None, after: float | None, lateness: list[float], now: float
) -> None:
    limiter = RateLimiter(before)
    last = starts(limiter, lateness, now)[-1]
    limiter.change_rate(after)
    apart = limiter.next_at(last) - last
    longest = 1.0 / after if after else 0.0
    made_good = min(CATCH_UP, 1.0 / before) if before else 0.0
    assert longest - made_good - SLACK <= apart <= longest + SLACK


@given(st.none() | rates, st.none() | rates, moments, moments)
def test_another_rate_ends_no_pause(
    before: float | None, after: float | None, until: float, now: float
) -> None:
    limiter = RateLimiter(before)
    limiter.pause(until)
    limiter.change_rate(after)
    assert limiter.next_at(now) == max(now, until)


@given(retried, st.integers(1, 10), st.floats(0.0, 1.0))
def test_waits_double_and_are_spread_over_their_upper_half(
    kind: type[ApiError], attempt: int, jitter: float
) -> None:
    wait = retry_wait(kind("made up"), attempt, jitter)
    assert wait is not None
    longest = FIRST_WAIT * 2.0 ** (attempt - 1)
    assert longest / 2 <= wait <= longest


@given(retried, st.integers(1, 10), st.floats(0.0, 1.0), st.floats(-1e9, 1e9))
def test_a_wait_is_never_shorter_than_what_the_server_asked_for(
    kind: type[ApiError], attempt: int, jitter: float, asked: float
) -> None:
    error = kind("made up", retry_after=asked)
    unasked = retry_wait(kind("made up"), attempt, jitter)
    wait = retry_wait(error, attempt, jitter)
    assert wait is not None
    assert unasked is not None
    assert wait == max(unasked, requested_pause(error))


@pytest.mark.parametrize("kind", [TimedOut, Unauthorized, Rejected, BadAnswer, DatesUnverified])
def test_an_error_that_a_retry_cannot_change_has_no_retry(kind: type[ApiError]) -> None:
    assert retry_wait(kind("made up", retry_after=1.0), 1, 0.5) is None


@pytest.mark.parametrize(
    ("asked", "pause"),
    [(None, 0.0), (-5.0, 0.0), (0.0, 0.0), (7.0, 7.0), (RETRY_AFTER_CAP, RETRY_AFTER_CAP), (1e9, 300.0)],
)
def test_a_retry_after_is_obeyed_up_to_five_minutes(asked: float | None, pause: float) -> None:
    assert requested_pause(Throttled("made up", status=429, retry_after=asked)) == pause


@given(st.integers(1, 10_000))
def test_backoff_after_a_refused_token_doubles_up_to_the_longest(refusals: int) -> None:
    assert refusal_backoff(1) == FIRST_BACKOFF
    assert refusal_backoff(refusals + 1) == min(2.0 * refusal_backoff(refusals), LONGEST_BACKOFF)


@pytest.mark.parametrize("status", [408, 425])
def test_a_request_that_the_server_wants_again_is_retried(status: int) -> None:
    assert retry_wait(Rejected("no", status=status), 1, 0.0) == FIRST_WAIT / 2


@given(st.lists(st.booleans(), max_size=300))
def test_retries_are_at_most_a_tenth_of_the_requests_and_the_first_one(wanted: list[bool]) -> None:
    budget, retries = RetryBudget(), 0
    for requests, wants in enumerate(wanted, 1):
        budget.add_request(0.1 * requests)
        retries += wants and budget.take_retry()
        assert retries <= 1 + requests * RETRY_SHARE + SLACK


def test_unused_retries_are_saved_for_a_minute_of_requests_at_most() -> None:
    budget = RetryBudget()
    for n in range(6000):
        budget.add_request(float(n))
    assert sum(budget.take_retry() for _ in range(100)) == 6
