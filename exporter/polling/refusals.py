"""Remembers what the API refuses to a bot's token, so that it is not asked again and again."""

from __future__ import annotations

from collections.abc import Iterator
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
    """Consecutive refusals. The backoff ends at `until`; then the run `probe` asks, while the others fail."""

    times: int = 0
    until: float = float("-inf")
    error: Unauthorized | None = None
    requests: set[_Key] = field(default_factory=set)
    probe: Run | None = None


class Refusals:
    """What is refused to one bot's token. Not locked.

    A 401 counts for the whole bot. A 403 counts for those requests to its collection that got one, so it
    never stops a request that the API may answer. Each refusal in a row makes the backoff longer; an answer
    to what was refused ends it.
    """

    def __init__(self) -> None:
        self._by_scope: dict[Collection | None, _Refusal] = {}

    @property
    def of_bot(self) -> bool:
        """Whether the token itself was refused, and nothing was answered since."""
        return None in self._by_scope

    def find(self, request: Request, now: float) -> Unauthorized | None:
        """Return the error with which `request` fails without being sent, or None if it may be sent."""
        for scope, refusal in self._covering(request):
            if request.run is refusal.probe:
                continue
            if now < refusal.until or (refusal.probe is not None and not refusal.probe.over):
                return refusal.error
            if scope is not None:
                refusal.probe = request.run
        return None

    def until(self, run: Run) -> float:
        """Return when all requests of `run` may be sent again; minus infinity if they may now."""
        query = run.poll.query
        latest = float("-inf")
        for scope, refusal in self._by_scope.items():
            names = {name for name, _ in refusal.requests}
            if scope is None or (scope == query.collection and query.name in names):
                latest = max(latest, refusal.until)
        return latest

    def add(self, request: Request, error: Unauthorized, now: float) -> None:
        """Record that `request` was refused."""
        collection = request.run.poll.query.collection
        refusal = self._by_scope.setdefault(collection if error.status == 403 else None, _Refusal())
        refusal.requests.add(_key(request))
        refusal.error = error
        if error.status is not None:  # else the token cannot be read, and the error says why
            when = f"the token was refused at {request.run.time_of_day()} for GET {collection}/_count"
            refusal.error = Unauthorized(f"not asked: {when}", status=error.status, advice=error.advice)
        if now >= refusal.until:  # refusals of requests that were in flight together count once
            refusal.times += 1
            refusal.until = now + refusal_backoff(refusal.times)
            refusal.probe = None

    def answered(self, request: Request) -> None:
        """Record that `request` was answered."""
        for scope, _ in list(self._covering(request)) if self._by_scope else ():
            del self._by_scope[scope]

    def forget_requests(self) -> None:
        """Let requests be sent that got a 403: a reload may have mended them."""
        self._by_scope = {scope: each for scope, each in self._by_scope.items() if scope is None}

    def _covering(self, request: Request) -> Iterator[tuple[Collection | None, _Refusal]]:
        for scope, refusal in self._by_scope.items():
            collection = request.run.poll.query.collection
            if scope is None or (scope == collection and _key(request) in refusal.requests):
                yield scope, refusal


def _key(request: Request) -> _Key:
    return request.run.poll.query.name, request.row
