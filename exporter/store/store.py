"""Holds the last good count of every series, and the state of each poll and bot."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import Final

from exporter.clock import Clock
from exporter.errors import REASONS, ApiError
from exporter.language import durations
from exporter.logs import fields
from exporter.model import Plan, Poll
from exporter.snapshot import BotSnapshot, Snapshot
from exporter.store.record import Record

log = logging.getLogger(__name__)

_UP_STATUSES: Final = frozenset({400, 422})
"""Statuses with which a bot rejects one predicate: they do not mean that it is down."""

_FORBIDDEN: Final = 403


class Store:
    """The one place where counts are kept; safe to use from every thread.

    A count is returned until it is `stale_after` seconds old, and not after. Results of a poll are
    dropped unless the current plan holds the same object: they may belong to another predicate.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._records: dict[tuple[str, str], Record] = {}
        self._bots: dict[str, BotSnapshot] = {}
        self._answered: dict[str, set[str]] = {}
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
                    if before:  # what is stale by the old `stale_after` does not come back by a longer one
                        record.inherit(before.snapshot(now))
                self._records[poll.key] = record
            known, self._bots = self._bots, {}
            for bot in plan.bots:
                state = known.get(bot.name)
                self._bots[bot.name] = state if state and state.bot == bot else BotSnapshot(bot)
            self._answered.clear()
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

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None:  # noqa: ARG002 - old counts stay
        """Count one failed request of `poll`; the series at `rows` keep their counts until they are stale."""
        with self._lock:
            if record := self._change(poll):
                failures = list(record.latest.failures)
                failures[REASONS.index(error.reason)] += 1
                record.latest = replace(
                    record.latest, attempted=True, failures=tuple(failures), last_error=error
                )

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:
        """Record the end of a run, and its error if any request failed.

        Logs when an outage of the poll begins, changes its reason, or ends.
        """
        with self._lock:
            record = self._change(poll)
            if record is None:
                return
            now, before = self._clock.steady(), record.latest
            message = record.end_run(now, self._clock.wall(), duration, error)
        outage = error or before.outage
        if not message or outage is None:
            return
        since = before.failing_since_at
        details = fields(
            bot=poll.bot.name,
            query=poll.query.name,
            reason=outage.reason,
            status=outage.status,
            error=error,
            failing_for=None if since is None else durations.write(round(now - since)),
            advice=error and error.advice,
        )
        log.log(logging.WARNING if error else logging.INFO, message, extra=details)

    def asked(self, poll: Poll, error: ApiError | None) -> None:
        """Record the result of the most recent request to the poll's bot."""
        with self._lock:
            if self._change(poll):
                now, bot = self._clock.steady(), self._bots[poll.bot.name]
                up = self._is_up(poll, error)
                since = now if bot.down_since_at is None else bot.down_since_at
                bot = replace(bot, up=up, asked_at=now, down_since_at=None if up else since)
                if error is not None:
                    bot = replace(bot, last_error=error, last_error_at=now)
                self._bots[poll.bot.name] = bot

    # Called by the pages

    def snapshot(self) -> Snapshot:
        """Return the current state: the same object until something changes or gets stale."""
        with self._lock:
            now = self._clock.steady()
            if self._snapshot is None or self._snapshot.fresh_until < now:
                polls = tuple(record.snapshot(now) for record in self._records.values())
                fresh_until = min((poll.fresh_until for poll in polls), default=float("inf"))
                self._snapshot = Snapshot(polls, tuple(self._bots.values()), fresh_until)
            return self._snapshot

    def all_attempted(self) -> bool:
        """Return whether every poll has had a count or an error, or belongs to a bot that is down."""
        with self._lock:
            return all(
                record.latest.attempted or self._bots[bot].up is False
                for (bot, _), record in self._records.items()
            )

    def _is_up(self, poll: Poll, error: ApiError | None) -> bool:
        """Return whether the bot answers; a 403 to one query is no outage while others are answered."""
        answered = self._answered.setdefault(poll.bot.name, set())
        if error is None or error.status in _UP_STATUSES:
            answered.add(poll.query.name)
            return True
        answered.discard(poll.query.name)
        return error.status == _FORBIDDEN and bool(answered)

    def _change(self, poll: Poll) -> Record | None:
        """Return the record to change; None if the current plan does not hold this object."""
        record = self._records.get(poll.key)
        if record is None or record.latest.poll is not poll:
            return None
        self._snapshot = None
        return record
