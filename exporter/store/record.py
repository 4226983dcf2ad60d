"""The record of one poll. It needs the lock of the store."""

from __future__ import annotations

from array import array
from dataclasses import replace

from exporter.errors import ApiError
from exporter.model import Poll
from exporter.snapshot import PollSnapshot


class Record:
    """The counts of one poll, by their positions in `poll.series`, and its history.

    `latest` is the poll's snapshot. Its history is always up to date. Its counts are those of the last call
    of `snapshot`: copying them at each change would make a poll of many series slow.
    """

    __slots__ = ("_changed", "_counted_at", "_counts", "_fresh_until", "latest")

    def __init__(self, poll: Poll, now: float) -> None:
        self._counts: list[int | None] = [None] * len(poll.series)
        self._counted_at = array("d", bytes(8 * len(poll.series)))
        self._fresh_until = float("-inf")
        self._changed = True
        self.latest = PollSnapshot(poll, known_since_at=now)

    def inherit(self, old: PollSnapshot) -> None:
        """Take over the history of a changed poll, and the counts of equal series."""
        self.latest = replace(old, poll=self.latest.poll)
        rows = {series: row for row, series in enumerate(old.poll.series)}
        for row, series in enumerate(self.latest.poll.series):
            before = rows.get(series)
            if before is not None:
                self._counts[row], self._counted_at[row] = old.counts[before], old.counted_at[before]

    def keep(self, row: int, count: int, now: float) -> None:
        """Keep a count that the API answered at steady time `now`."""
        self._counts[row], self._counted_at[row] = count, now
        self._fresh_until = min(self._fresh_until, now + self.latest.poll.query.stale_after)
        self._changed = True
        if not self.latest.attempted:
            self.latest = replace(self.latest, attempted=True)

    def end_run(self, now: float, wall: float, duration: float, error: ApiError | None) -> None:
        """Record the result of a run that ended at steady time `now`."""
        since = self.latest.failing_since_at
        since = now if since is None else since
        self.latest = replace(
            self.latest,
            ended=True,
            up=error is None,
            duration=duration,
            last_success=self.latest.last_success if error else wall,
            outage=error,
            failing_since_at=since if error else None,
        )

    def snapshot(self, now: float) -> PollSnapshot:
        """Return the record as it is at steady time `now`, without the counts older than `stale_after`."""
        if now > self._fresh_until:
            self._drop_stale(now)
        if self._changed:
            self._changed = False
            counts, counted_at = tuple(self._counts), self._counted_at[:]
            self.latest = replace(
                self.latest, counts=counts, counted_at=counted_at, fresh_until=self._fresh_until
            )
        return self.latest

    def _drop_stale(self, now: float) -> None:
        stale_after, self._fresh_until = self.latest.poll.query.stale_after, float("inf")
        for row, count in enumerate(self._counts):
            until = self._counted_at[row] + stale_after
            if until < now:
                self._counts[row] = None
            elif count is not None:
                self._fresh_until = min(self._fresh_until, until)
        self._changed = True
