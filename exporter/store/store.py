"""Holds the last good count of every series, and the state of each poll and bot."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Lock

from exporter.clock import Clock
from exporter.errors import ApiError
from exporter.language import durations
from exporter.logs import fields
from exporter.model import Plan, Poll
from exporter.snapshot import Snapshot
from exporter.store.record import BotRecord, Record

log = logging.getLogger(__name__)


class Store:
    """The one place where counts are kept; safe to use from every thread.

    A count is returned until it is `stale_after` seconds old, and not after. Results of a poll are
    dropped unless the current plan holds the same object: they may belong to another predicate.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._records: dict[tuple[str, str], Record] = {}
        self._bots: dict[str, BotRecord] = {}
        self._snapshot: Snapshot | None = None

    # Called by the daemon

    def apply(self, plan: Plan) -> None:
        """Take a new plan; what is equal in the old one keeps its counts, their age and its history."""
        with self._lock:
            now = self._clock.steady()
            for record in self._records.values():
                record.drop_stale(now)  # by the old plan's stale_after: a longer one brings no count back
            old, self._records = self._records, {}
            for poll in plan.polls:
                before = old.get(poll.key)
                same = before is not None and before.poll is poll
                self._records[poll.key] = before if same and before else Record(poll, before)
            known = self._bots
            self._bots = {
                bot.name: known[bot.name]
                if bot.name in known and known[bot.name].bot == bot
                else BotRecord(bot)
                for bot in plan.bots
            }
            self._snapshot = None

    # Called by polling

    def started(self, poll: Poll) -> None:
        """Record that a run of `poll` starts."""
        with self._lock:
            if record := self._change(poll):
                record.runs += 1
                record.last_run = self._clock.wall()

    def skipped(self, poll: Poll) -> None:
        """Record that `poll` was due while its previous run was still in flight."""
        with self._lock:
            if record := self._change(poll):
                record.skipped += 1

    def counted(self, poll: Poll, row: int, count: int) -> None:
        """Keep the count that the API has just returned for the series at `row` of `poll`."""
        with self._lock:
            if record := self._change(poll):
                record.keep(row, count, self._clock.steady())

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None:  # noqa: ARG002 - old counts stay
        """Count one failed request of `poll`; the series at `rows` keep their counts until they are stale."""
        with self._lock:
            if record := self._change(poll):
                record.fail(error)

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:
        """Record the end of a run, and its error if any request failed.

        Logs when an outage of the poll begins, changes its reason, or ends.
        """
        with self._lock:
            record = self._change(poll)
            if record is None:
                return
            record.duration = duration
            if error is None:
                record.last_success = self._clock.wall()
            now = self._clock.steady()
            event, failing_for = record.end_run(error, now), now - record.outage_since
        if event is None:
            return
        message, outage = event
        details = fields(
            bot=poll.bot.name,
            query=poll.query.name,
            reason=outage.reason,
            status=outage.status,
            error=error,
            failing_for=durations.write(round(failing_for)) if failing_for else None,
            advice=error and error.advice,
        )
        log.log(logging.WARNING if error else logging.INFO, message, extra=details)

    def asked(self, poll: Poll, error: ApiError | None) -> None:
        """Record the result of the most recent request to the poll's bot."""
        with self._lock:
            if self._change(poll):
                self._bots[poll.bot.name].asked(error, self._clock.steady())

    # Called by the pages

    def snapshot(self) -> Snapshot:
        """Return the current state: the same object until something changes or gets stale."""
        with self._lock:
            now = self._clock.steady()
            if self._snapshot is None or self._snapshot.fresh_until < now:
                polls = tuple(record.snapshot(now) for record in self._records.values())
                bots = tuple(bot.snapshot() for bot in self._bots.values())
                fresh_until = min((poll.fresh_until for poll in polls), default=float("inf"))
                self._snapshot = Snapshot(polls, bots, fresh_until)
            return self._snapshot

    def all_attempted(self) -> bool:
        """Return whether every poll has had a count or an error."""
        with self._lock:
            return all(record.attempted for record in self._records.values())

    def _change(self, poll: Poll) -> Record | None:
        """Return the record to change; None if the current plan does not hold this object."""
        record = self._records.get(poll.key)
        if record is None or record.poll is not poll:
            return None
        record.changed()
        self._snapshot = None
        return record
