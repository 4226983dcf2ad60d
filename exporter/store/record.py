"""The record of one poll. It needs the lock of the store."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Final

from exporter.errors import ApiError
from exporter.model import Labels, Poll, Series, Unknown
from exporter.snapshot import PollSnapshot

_NEVER: Final = -1
"""The last count of a series that was never counted."""


class Record:
    """The counts of one poll, by their positions in `poll.series`, what is new, and its history.

    `new` sums the rises of each series from one count to the next; time alone moves the counts of a query
    with dates, so those add nothing. The last count stays after it is stale, so that a rise during an outage
    is added too.

    `latest` is the poll's snapshot. Its history is always up to date. Its counts are those of the last call
    of `snapshot`: copying them at each change would make a poll of many series slow.
    """

    __slots__ = ("_adds", "_changed", "_counted_at", "_counts", "_fresh_until", "_last", "_new", "latest")

    def __init__(self, poll: Poll, now: float) -> None:
        self._counts: list[int | None] = [None] * len(poll.series)
        self._counted_at = array("d", bytes(8 * len(poll.series)))
        self._last = array("q", [_NEVER]) * len(poll.series)
        self._new = array("q", bytes(8 * len(poll.series)))
        self._adds = not poll.query.dated
        self._fresh_until = float("-inf")
        self._changed = True
        self.latest = PollSnapshot(poll, known_since_at=now)

    def inherit(self, before: Record, now: float) -> None:
        """Take over, at steady time `now`, the history of a changed poll and the counts of equal series.

        A series whose request changed begins anew: what is new is 0, and its next count is its first.
        Prometheus takes that for a restart. The labels of the bot may change: they ask for nothing else.
        """
        old = before.snapshot(now)  # what is stale by the old `stale_after` is not fresh by a longer one
        self.latest = replace(old, poll=self.latest.poll, unknown=Unknown())
        rows = {_own_labels(old.poll, series): row for row, series in enumerate(old.poll.series)}
        for row, series in enumerate(self.latest.poll.series):
            was = rows.get(_own_labels(self.latest.poll, series))
            if was is not None and series.counts_the_same(old.poll.series[was]):
                self._new[row] = before._new[was]
                self._counts[row], self._counted_at[row] = old.counts[was], old.counted_at[was]
                self._last[row] = before._last[was]

    def last_count(self, row: int) -> int | None:
        """Return the last count, however old it is; None if there was none."""
        last = self._last[row]
        return None if last == _NEVER else last

    def keep(self, row: int, count: int, now: float) -> None:
        """Keep a count that the API answered at steady time `now`."""
        if _NEVER < self._last[row] < count and self._adds:
            self._new[row] += count - self._last[row]
        self._counts[row] = self._last[row] = count
        self._counted_at[row] = now
        self._fresh_until = min(self._fresh_until, now + self.latest.poll.query.stale_after)
        self._changed = True
        if not self.latest.attempted:
            self.latest = replace(self.latest, attempted=True)

    def distrust(self) -> int:
        """Drop all counts, and return how many were fresh.

        The next count of a series adds nothing to what is new: nobody knows the one before it.
        """
        dropped = sum(count is not None for count in self._counts)
        for row in range(len(self._counts)):
            self._counts[row], self._last[row] = None, _NEVER
        self._changed = True
        return dropped

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
            self.latest = replace(
                self.latest,
                counts=tuple(self._counts),
                counted_at=self._counted_at[:],
                new=self._new[:],
                fresh_until=self._fresh_until,
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


def _own_labels(poll: Poll, series: Series) -> Labels:
    """Return a series' labels without those of its bot."""
    return tuple(pair for pair in series.labels if pair not in poll.bot.labels)
