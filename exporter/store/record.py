"""The records of one poll and of one bot, which the store locks."""

from __future__ import annotations

from array import array
from typing import Final

from exporter.errors import REASONS, ApiError
from exporter.model import Bot, Poll
from exporter.snapshot import BotSnapshot, PollSnapshot

_REASON_ROW: Final = {reason: row for row, reason in enumerate(REASONS)}

_UP_STATUSES: Final = frozenset({400, 422})
"""Statuses with which a bot rejects one predicate: they do not mean that it is down."""

_HISTORY: Final = [
    "up",
    "attempted",
    "ended",
    "last_success",
    "last_run",
    "duration",
    "runs",
    "skipped",
    "failures",
    "last_error",
    "outage",
    "outage_since",
]
"""Attributes that a changed poll takes over."""


class Record:
    """The counts and the history of one poll; rows are positions in `poll.series`.

    It is `attempted` once any request has a count or an error, and `ended` once a whole run has ended.
    `outage` is the error of the current outage, None while runs succeed; the latest outage began at
    `outage_since`. Call `changed` after a change, so that the next snapshot includes it.
    """

    __slots__ = (*_HISTORY, "_snapshot", "counts", "fresh_until", "poll", "seen")

    def __init__(self, poll: Poll, old: Record | None = None) -> None:
        self.poll = poll
        self.counts: list[int | None] = [None] * len(poll.series)
        self.seen = array("d", bytes(8 * len(poll.series)))
        self.fresh_until = float("inf")
        self._snapshot: PollSnapshot | None = None
        if old is not None:
            self._inherit(old)
            return
        self.up = self.attempted = self.ended = False
        self.last_success = self.last_run = self.duration = 0.0
        self.runs = self.skipped = 0
        self.failures = [0] * len(REASONS)
        self.last_error: ApiError | None = None
        self.outage: ApiError | None = None
        self.outage_since = 0.0

    def _inherit(self, old: Record) -> None:
        """Take over the history of a changed poll, and the counts of equal series."""
        for name in _HISTORY:
            setattr(self, name, getattr(old, name))
        rows = {series: row for row, series in enumerate(old.poll.series)}
        for row, series in enumerate(self.poll.series):
            before = rows.get(series)
            if before is not None:
                self.counts[row], self.seen[row] = old.counts[before], old.seen[before]
        self.fresh_until = float("-inf")

    def changed(self) -> None:
        """Make the next snapshot a new one."""
        self._snapshot = None

    def keep(self, row: int, count: int, now: float) -> None:
        """Keep a count that the API answered at steady time `now`."""
        self.attempted = True
        self.counts[row], self.seen[row] = count, now
        self.fresh_until = min(self.fresh_until, now + self.poll.query.stale_after)

    def drop_stale(self, now: float) -> None:
        """Drop the counts that are older than `stale_after`."""
        if now <= self.fresh_until:
            return
        stale_after, fresh_until = self.poll.query.stale_after, float("inf")
        for row, count in enumerate(self.counts):
            if count is None:
                continue
            until = self.seen[row] + stale_after
            if until < now:
                self.counts[row] = None
            else:
                fresh_until = min(fresh_until, until)
        self.fresh_until = fresh_until
        self.changed()

    def fail(self, error: ApiError) -> None:
        """Count a failed request."""
        self.attempted = True
        self.failures[_REASON_ROW[error.reason]] += 1
        self.last_error = error

    def end_run(self, error: ApiError | None, now: float) -> tuple[str, ApiError] | None:
        """Record the result of a run; if its outage began, changed or ended, return how and the error."""
        self.ended, self.up = True, error is None
        before, self.outage = self.outage, error
        if error is None:
            return ("query works again", before) if before else None
        if before is None:
            self.outage_since = now
            return "query fails", error
        if (before.reason, before.status) != (error.reason, error.status):
            return "query fails for another reason", error
        return None

    def snapshot(self, now: float) -> PollSnapshot:
        """Return the record as it is at steady time `now`."""
        self.drop_stale(now)
        if self._snapshot is None:
            self._snapshot = PollSnapshot(
                poll=self.poll,
                counts=tuple(self.counts),
                counted_at=self.seen[:],
                fresh_until=self.fresh_until,
                up=self.up,
                ended=self.ended,
                last_success=self.last_success,
                last_run=self.last_run,
                duration=self.duration,
                runs=self.runs,
                skipped=self.skipped,
                failures=tuple(self.failures),
                last_error=self.last_error,
                failing_since_at=self.outage_since if self.outage else None,
            )
        return self._snapshot


class BotRecord:
    """The state of one bot; `up` is None until its first request has ended."""

    __slots__ = ("asked_at", "bot", "last_error", "last_error_at", "up")

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.up: bool | None = None
        self.asked_at = 0.0
        self.last_error: ApiError | None = None
        self.last_error_at = 0.0

    def asked(self, error: ApiError | None, now: float) -> None:
        """Record the result of its most recent request."""
        self.asked_at = now
        self.up = error is None or error.status in _UP_STATUSES
        if error is not None:
            self.last_error, self.last_error_at = error, now

    def snapshot(self) -> BotSnapshot:
        """Return the record as it is."""
        return BotSnapshot(self.bot, self.up, self.asked_at, self.last_error, self.last_error_at)
