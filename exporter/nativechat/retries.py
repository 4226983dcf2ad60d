"""Makes single requests within a bot's rate, each with retries and a time limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from exporter.clock import Clock
from exporter.errors import ApiError
from exporter.rate_limiter import RateLimiter, requested_pause, retry_wait

Answer_co = TypeVar("Answer_co", covariant=True)


class Attempt(Protocol[Answer_co]):
    """Makes one attempt of at most `budget` seconds; raises ApiError."""

    def __call__(self, *, budget: float) -> Answer_co: ...


@dataclass(frozen=True, slots=True)
class Retries:
    """How requests are repeated: each takes at most `timeout` seconds and `retries` retries.

    A Retry-After is obeyed even beyond `timeout`, up to `rate_limiter.RETRY_AFTER_CAP`, and then starts
    `timeout` anew: waiting is better than starting a whole download again.
    """

    limiter: RateLimiter
    retries: int
    timeout: float
    clock: Clock
    jitter: Callable[[], float]

    def request(self, attempt: Attempt[Answer_co]) -> Answer_co:
        """Return the answer of the first attempt that gets one; raises the ApiError of the last."""
        clock, limiter = self.clock, self.limiter
        start = limiter.next_at(clock.steady())
        deadline = start + self.timeout
        attempts = 0
        while True:
            attempts += 1
            clock.sleep(start - clock.steady())
            limiter.take(clock.steady())
            try:
                return attempt(budget=deadline - clock.steady())
            except ApiError as error:
                now = clock.steady()
                wait = retry_wait(error, attempts, self.jitter())
                if wait is None or attempts > self.retries:
                    raise
                pause = requested_pause(error)
                limiter.pause(now + pause)
                start = limiter.next_at(now + wait)
                if pause:
                    deadline = start + self.timeout
                if start >= deadline:
                    raise
