"""Remembers what the API refuses to a bot's token, so that it is not asked again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from exporter.errors import Unauthorized
from exporter.model import Collection
from exporter.polling.run import Run
from exporter.rate_limiter import refusal_backoff


@dataclass(slots=True, eq=False)
class _Refusal:
    """Consecutive refusals. The backoff ends at `until`; then the run `probe` asks, while the others fail."""

    times: int = 0
    until: float = float("-inf")
    error: Unauthorized | None = None
    queries: set[str] = field(default_factory=set)
    probe: Run | None = None


class Refusals:
    """What is refused to one bot's token. Not locked.

    A 401 counts for the whole bot. A 403 counts for those queries of its collection that got one, so it never
    stops a query that the API may answer. Each refusal in a row makes the backoff longer; an answer to what
    was refused ends it.
    """

    def __init__(self) -> None:
        self._by_scope: dict[Collection | None, _Refusal] = {}

    @property
    def of_bot(self) -> bool:
        """Whether the token itself was refused, and nothing was answered since."""
        return None in self._by_scope

    def find(self, run: Run, now: float) -> Unauthorized | None:
        """Return the error with which `run` ends without asking, or None if it may ask."""
        for refusal in self._covering(run):
            if run is refusal.probe:
                continue
            if now < refusal.until or (refusal.probe is not None and not refusal.probe.over):
                return refusal.error
            refusal.probe = None if refusal is self._by_scope.get(None) else run
        return None

    def until(self, run: Run) -> float:
        """Return when `run` may ask again; minus infinity if it may now."""
        return max((refusal.until for refusal in self._covering(run)), default=float("-inf"))

    def add(self, run: Run, error: Unauthorized, now: float) -> None:
        """Record that a request of `run` was refused."""
        collection = run.poll.query.collection
        refusal = self._by_scope.setdefault(collection if error.status == 403 else None, _Refusal())
        refusal.queries.add(run.poll.query.name)
        refusal.error = error
        if error.status is not None:  # else the token cannot be read, and the error says why
            when = f"the token was refused at {run.time_of_day()} for GET {collection}/_count"
            refusal.error = Unauthorized(f"not asked: {when}", status=error.status)
        if now >= refusal.until:  # refusals of requests that were in flight together count once
            refusal.times += 1
            refusal.until = now + refusal_backoff(refusal.times)
            refusal.probe = None

    def answered(self, run: Run) -> None:
        """Record that a request of `run` was answered."""
        if self._by_scope:
            covering = list(self._covering(run))
            self._by_scope = {scope: each for scope, each in self._by_scope.items() if each not in covering}

    def forget_queries(self) -> None:
        """Let queries be asked that got a 403: a reload may have mended them."""
        self._by_scope = {scope: each for scope, each in self._by_scope.items() if scope is None}

    def _covering(self, run: Run) -> Iterator[_Refusal]:
        for scope, refusal in self._by_scope.items():
            query = run.poll.query
            if scope is None or (scope == query.collection and query.name in refusal.queries):
                yield refusal
