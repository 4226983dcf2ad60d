"""Holds the last good count of every series, how each poll fares, and which bots answer."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from exporter.changes import Changes, PollChange
from exporter.clock import Clock
from exporter.errors import ApiError
from exporter.model import Plan, Poll
from exporter.store.record import BotRecord, Record, Turn

if TYPE_CHECKING:
    from exporter.store.views import BotView, PollView


class Store:
    """The one place where counts are kept; safe to use from every thread.

    A count is given out until it is `stale_after` seconds old, and never after. What is told of a
    poll that the current plan does not hold, that very object, is dropped: its answers belong to
    another predicate, or to nobody.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._records: dict[tuple[str, str], Record] = {}
        self._bots: dict[str, BotRecord] = {}
        self._touched: set[Record] = set()
        self._expiries: list[tuple[float, int, Record]] = []
        self._ties = itertools.count()

    # The hall tells

    def apply(self, plan: Plan) -> None:
        """Take a new plan; what the old one held alike keeps its counts, their age and its history."""
        with self._lock:
            self._expire()  # by the old plan's stale_after: a longer one revives nothing
            old, self._records = self._records, {}
            for row, poll in enumerate(plan.polls):
                self._records[poll.key] = _carry_over(poll, row, old.get(poll.key))
            bots = {bot.name: BotRecord(bot) for bot in plan.bots}
            same = {n: b for n, b in self._bots.items() if n in bots and bots[n].bot == b.bot}
            self._bots = bots | same
            self._touched = set(self._records.values())
            self._expiries = []
            for record in self._touched:
                record.changed = set(range(len(record.counts)))
                record.watched = False
                self._watch(record)

    # Polling tells

    def started(self, poll: Poll) -> None:
        """Note that a run of `poll` starts."""
        with self._lock:
            if record := self._touch(poll):
                record.runs += 1
                record.last_run = self._clock.wall()

    def skipped(self, poll: Poll) -> None:
        """Note that `poll` was due while its previous run was still in flight."""
        with self._lock:
            if record := self._touch(poll):
                record.skipped += 1

    def counted(self, poll: Poll, row: int, count: int) -> None:
        """Keep what the API counted just now for the series at `row` of `poll`."""
        with self._lock:
            if record := self._touch(poll):
                record.keep(row, count, self._clock.steady())
                self._watch(record)

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None:  # noqa: ARG002 - old counts stay
        """Count one failed request of `poll`; the series at `rows` keep what they had until it is stale."""
        with self._lock:
            if record := self._touch(poll):
                record.fail(error, self._clock.steady())

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> Turn | None:
        """Note that a run ended, with an error if any request failed; tell when a spell turns."""
        with self._lock:
            record = self._touch(poll)
            if record is None:
                return None
            record.ended = True
            record.duration = duration
            record.up = error is None
            if error is None:
                record.last_success = self._clock.wall()
            return record.turn(error, self._clock.steady())

    def asked(self, poll: Poll, error: ApiError | None) -> None:
        """Note how the most recent request to the poll's bot went."""
        with self._lock:
            record = self._records.get(poll.key)
            if record is not None and record.poll is poll:
                self._bots[poll.bot.name].asked(error, self._clock.steady())

    # Exposition and the hall ask

    def take_changes(self, most_counts: int) -> Changes:
        """Return what changed since the last call, counts that got stale included; for one caller.

        It is not complete where more than `most_counts` counts have changed: nobody waits for all.
        """
        room = most_counts
        polls = []
        with self._lock:
            self._expire()
            while self._touched and room > 0:
                record = self._touched.pop()
                counts = record.take_changes(room)
                polls.append(PollChange(record.row, record.state(), counts))
                room -= 1 + len(counts)
                if record.changed:
                    self._touched.add(record)
            bots_up = tuple((name, bool(bot.up)) for name, bot in self._bots.items())
            return Changes(tuple(polls), bots_up, complete=not self._touched)

    def all_attempted(self) -> bool:
        """Tell whether every poll has got an answer or an error."""
        with self._lock:
            return all(record.attempted for record in self._records.values())

    def polls(self, most_series: int) -> tuple[PollView, ...]:
        """Show every poll at this moment, in the plan's order, with its first `most_series` series."""
        with self._lock:
            self._expire()
            now = self._clock.steady()
            return tuple(record.view(now, most_series) for record in self._records.values())

    def bots(self) -> tuple[BotView, ...]:
        """Show every bot as it is at this moment."""
        with self._lock:
            now = self._clock.steady()
            return tuple(bot.view(now) for bot in self._bots.values())

    def _touch(self, poll: Poll) -> Record | None:
        record = self._records.get(poll.key)
        if record is None or record.poll is not poll:
            return None
        self._touched.add(record)
        return record

    def _watch(self, record: Record) -> None:
        """Have the record looked at when its oldest count gets stale: one entry in the heap for each."""
        if not record.watched and (until := record.fresh_until()) is not None:
            record.watched = True
            heapq.heappush(self._expiries, (until, next(self._ties), record))

    def _expire(self) -> None:
        now = self._clock.steady()
        while self._expiries and self._expiries[0][0] < now:
            record = heapq.heappop(self._expiries)[2]
            record.watched = False
            record.drop_stale(now)
            self._touched.add(record)
            self._watch(record)


def _carry_over(poll: Poll, row: int, old: Record | None) -> Record:
    if old is not None and old.poll is poll:
        old.row = row
        return old
    record = Record(poll, row)
    if old is not None:
        record.inherit(old)
    return record
