"""Holds the last good count of every series, and the state of each poll and bot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from exporter.clock import Clock
from exporter.errors import REASONS, ApiError
from exporter.model import Plan, Poll, Unknown
from exporter.snapshot import PollSnapshot, Snapshot
from exporter.store.bot_record import BotRecord
from exporter.store.record import Record


class Store:
    """The one place where counts are kept; safe to use from every thread.

    A count is returned until it is `stale_after` seconds old, and not after; what is new stays. Results of a
    poll are dropped unless the current plan holds the same object: they may belong to another predicate.
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
            old, self._records = self._records, {}
            for poll in plan.polls:
                record = old.get(poll.key)
                if record is None or record.latest.poll is not poll:
                    before, record = record, Record(poll, now)
                    if before:
                        record.inherit(before, now)
                self._records[poll.key] = record
            queries: dict[str, set[str]] = defaultdict(set)
            for bot_name, query_name in self._records:
                queries[bot_name].add(query_name)
            known, self._bots = self._bots, {}
            for bot in plan.bots:
                self._bots[bot.name] = known.get(bot.name) or BotRecord(bot)
                self._bots[bot.name].apply(bot, queries[bot.name])
            self._snapshot = None

    # Called by polling

    def started(self, poll: Poll) -> None:
        """Record that a run of `poll` starts."""
        with self._lock:
            if record := self._change(poll):
                runs = record.latest.runs + 1
                record.latest = replace(record.latest, runs=runs, last_run=self._clock.wall())

    def skipped(self, poll: Poll) -> None:
        """Record that `poll` was due while its previous run was still in flight."""
        with self._lock:
            if record := self._change(poll):
                record.latest = replace(record.latest, skipped=record.latest.skipped + 1)

    def counted(self, poll: Poll, row: int, count: int) -> None:
        """Keep the count that the API has just returned for the series at `row` of `poll`."""
        with self._lock:
            if record := self._change(poll):
                record.keep(row, count, self._clock.steady())

    def last_count(self, poll: Poll, row: int) -> int | None:
        """Return the last count of the series at `row` of `poll`, stale or not; None if there is none."""
        with self._lock:
            record = self._records.get(poll.key)
            return record.last_count(row) if record and record.latest.poll is poll else None

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None:  # noqa: ARG002 - old counts stay
        """Count one failed request of `poll`; the series at `rows` keep their counts until they are stale."""
        with self._lock:
            if record := self._change(poll):
                count = record.latest.failures + 1
                record.latest = replace(record.latest, attempted=True, failures=count, last_error=error)
                self._bots[poll.bot.name].failures[REASONS.index(error.reason)] += 1

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:
        """Record the end of a run, and its error if any request failed; log outages."""
        with self._lock:
            if record := self._change(poll):
                now, before = self._clock.steady(), record.latest
                record.end_run(now, self._clock.wall(), duration, error)
                self._bots[poll.bot.name].run_ended(before, error, now - duration, now)

    def asked(self, poll: Poll, error: ApiError | None, began: float) -> None:
        """Record the result of the most recent request to the poll's bot; log outages.

        Its last attempt began at steady time `began`.
        """
        with self._lock:
            if self._change(poll):
                self._bots[poll.bot.name].asked(poll.query.name, error, began, self._clock.steady())

    def distrust(self, bot: str) -> None:
        """Drop all counts of a bot: each may be that of another request."""
        with self._lock:
            records = [record for (name, _), record in self._records.items() if name == bot]
            dropped = sum(record.distrust() for record in records)
            if dropped:
                self._bots[bot].distrusted(dropped, self._clock.steady())
                self._snapshot = None

    def unknown(self, poll: Poll, unknown: Unknown) -> None:
        """Keep what no document has of the predicates of `poll`; log what is new."""
        with self._lock:
            if record := self._change(poll):
                record.latest = replace(record.latest, unknown=unknown)
                self._bots[poll.bot.name].unknown(poll.query, unknown)

    # Called by the pages

    def snapshot(self) -> Snapshot:
        """Return the current state: the same object until something changes or gets stale."""
        with self._lock:
            now = self._clock.steady()
            if self._snapshot is None or self._snapshot.fresh_until < now:
                polls = tuple(record.snapshot(now) for record in self._records.values())
                fresh_until = min((poll.fresh_until for poll in polls), default=float("inf"))
                self._snapshot = Snapshot(
                    polls, tuple(bot.snapshot() for bot in self._bots.values()), fresh_until
                )
            return self._snapshot

    def all_attempted(self) -> bool:
        """Return whether every poll has had a count or an error.

        A poll counts as attempted after one `timeout` if its bot is down, or one of its requests timed out
        since the poll is known: each of them may take as long.
        """
        with self._lock:
            return all(
                record.latest.attempted or self._would_wait_long(self._bots[bot], record.latest)
                for (bot, _), record in self._records.items()
            )

    def _would_wait_long(self, bot: BotRecord, poll: PollSnapshot) -> bool:
        hangs = bot.up is False or bot.timed_out_at >= poll.known_since_at
        return hangs and self._clock.steady() - poll.known_since_at >= poll.poll.bot.api.timeout

    def _change(self, poll: Poll) -> Record | None:
        """Return the record to change; None if the current plan does not hold this object."""
        record = self._records.get(poll.key)
        if record is None or record.latest.poll is not poll:
            return None
        self._snapshot = None
        return record
