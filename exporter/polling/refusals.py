"""Remembers what the API refuses to a bot's token, so that it is not asked again and again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from exporter.errors import Unauthorized
from exporter.model import Collection
from exporter.polling.run import Request, Run
from exporter.rate_limiter import refusal_backoff

_Key: TypeAlias = tuple[str, int | None]
"""A request across runs: the name of its query, and its row."""


@dataclass(slots=True, eq=False)
class _Refusal:
    """Refusals in a row, of the requests `keys`, and the end of the backoff after the last one."""

    error: Unauthorized
    times: int = 0
    until: float = float("-inf")
    keys: set[_Key] = field(default_factory=set)

    def count(self, now: float) -> None:
        """Count one more; those of requests that were in flight together count once."""
        if now >= self.until:
            self.times += 1
            self.until = now + refusal_backoff(self.times)


class Refusals:
    """What is refused to one bot's token. Not locked.

    A 401 counts for the whole bot, until a request that got none is answered: then it counts for those that
    got one. While it does, further ones count for their own requests, unless their collection was answered
    before: then the token is no longer good. A 403 counts for the request that got it. Each refusal in a row
    makes the backoff longer; an answer ends it.
    """

    def __init__(self) -> None:
        self._of_bot: _Refusal | None = None
        self._of_requests: dict[_Key, _Refusal] = {}
        self._answered: set[Collection] = set()  # since the token was refused

    @property
    def of_bot(self) -> bool:
        """Whether the token itself was refused, and nothing was answered since."""
        return self._of_bot is not None

    def find(self, request: Request, now: float) -> Unauthorized | None:
        """Return the error with which `request` fails without being sent, or None if it may be sent."""
        for refusal in (self._of_bot, self._of_requests.get(_key(request))):
            if refusal and now < refusal.until:
                return refusal.error
        return None

    def until(self, run: Run) -> float:
        """Return when all requests of `run` may be sent again; minus infinity if they may now."""
        name = run.poll.query.name
        refusals = [each for key, each in self._of_requests.items() if key[0] == name]
        ends = [each.until for each in (self._of_bot, *refusals) if each]
        return max(ends, default=float("-inf"))

    def add(self, request: Request, error: Unauthorized, now: float) -> None:
        """Record that `request` was refused."""
        key = _key(request)
        if error.status != 403 and not self._is_own(request, error):
            refusal = self._of_bot = self._of_bot or _Refusal(error)
            self._answered.clear()
        else:
            refusal = self._of_requests.setdefault(key, _Refusal(error))
        refusal.count(now)
        refusal.keys.add(key)
        refusal.error = error
        if error.status is not None:  # else the token cannot be read, and the error says why
            asked = f"GET {request.run.poll.query.collection}/_count"
            when = f"the token was refused at {request.run.time_of_day()} for {asked}"
            refusal.error = Unauthorized(f"not asked: {when}", status=error.status, advice=error.advice)

    def _is_own(self, request: Request, error: Unauthorized) -> bool:
        """Return whether a refusal that is no 403 counts for its own request alone."""
        if self._of_bot or request.run.poll.query.collection in self._answered:
            return False
        return any(each.error.status == error.status for each in self._of_requests.values())

    def answered(self, request: Request) -> None:
        """Record that `request` was answered."""
        key = _key(request)
        self._of_requests.pop(key, None)
        self._answered.add(request.run.poll.query.collection)
        if self._of_bot:
            refusal, self._of_bot = self._of_bot, None
            for other in refusal.keys - {key}:
                self._of_requests[other] = _Refusal(refusal.error, refusal.times, refusal.until)

    def forget_requests(self) -> None:
        """Let requests be sent whose own refusal a reload may have mended."""
        self._of_requests.clear()


def _key(request: Request) -> _Key:
    return request.run.poll.query.name, request.row
