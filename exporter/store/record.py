"""Keeps what is known of one poll and of one bot; the store locks it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from exporter.changes import PollState
from exporter.errors import REASONS, ApiError
from exporter.model import Bot, Poll

if TYPE_CHECKING:
    from exporter.store.views import BotView, PollView

_REASON_ROW: Final = {reason: row for row, reason in enumerate(REASONS)}

_ANSWERS_ALL_THE_SAME: Final = frozenset({400, 422})
"""Statuses with which a bot that works refuses one predicate: they do not say that it is down."""

_OUTLIVES_A_CHANGE: Final = [
    "up",
    "last_success",
    "last_run",
    "duration",
    "attempted",
    "ended",
    "runs",
    "skipped",
    "failures",
    "latest_error",
    "latest_error_at",
    "spell",
    "spell_since",
]


@dataclass(frozen=True, slots=True)
class Turn:
    """A poll began to fail, fails for another reason, or works again; `since` is steady seconds."""

    kind: Literal["began", "changed", "ended"]
    error: ApiError
    since: float


class Record:
    """What is known of one poll; rows are positions in `poll.series`.

    It is `attempted` once any request of it got a count or an error, and `ended` once a whole run did.
    `latest_error` is the last failed request. `spell` is the error for which the poll has failed
    since `spell_since`, run after run; None while it works.
    """

    __slots__ = (*_OUTLIVES_A_CHANGE, "changed", "counts", "poll", "row", "seen", "watched")

    def __init__(self, poll: Poll, row: int) -> None:
        self.poll = poll
        self.row = row
        self.counts: list[int | None] = [None] * len(poll.series)
        self.seen = array("d", bytes(8 * len(poll.series)))
        self.changed: set[int] = set()
        self.watched = False
        self.attempted = False
        self.ended = False
        self.up = False
        self.last_success = 0.0
        self.last_run = 0.0
        self.duration = 0.0
        self.runs = 0
        self.skipped = 0
        self.failures = [0] * len(REASONS)
        self.latest_error: ApiError | None = None
        self.latest_error_at = 0.0
        self.spell: ApiError | None = None
        self.spell_since = 0.0

    def inherit(self, old: Record) -> None:
        """Take over what is still true of a changed poll: its history, and the counts of equal series."""
        for name in _OUTLIVES_A_CHANGE:
            setattr(self, name, getattr(old, name))
        rows = {series: row for row, series in enumerate(old.poll.series)}
        for row, series in enumerate(self.poll.series):
            before = rows.get(series)
            if before is not None:
                self.counts[row], self.seen[row] = old.counts[before], old.seen[before]

    def keep(self, row: int, count: int, now: float) -> None:
        """Keep a count that the API gave at steady time `now`."""
        self.attempted = True
        self.seen[row] = now
        if self.counts[row] != count:
            self.counts[row] = count
            self.changed.add(row)

    def fresh_until(self) -> float | None:
        """Return when the oldest count that is held gets stale, None while none is held."""
        held = (seen for seen, count in zip(self.seen, self.counts, strict=True) if count is not None)
        oldest = min(held, default=None)
        return None if oldest is None else oldest + self.poll.query.stale_after

    def drop_stale(self, now: float) -> None:
        """Forget the counts that are older than `stale_after`."""
        for row, count in enumerate(self.counts):
            if count is not None and self.seen[row] + self.poll.query.stale_after < now:
                self.counts[row] = None
                self.changed.add(row)

    def take_changes(self, most: int) -> tuple[tuple[int, int | None], ...]:
        """Return rows whose counts have changed and those counts; what is beyond `most` stays for later."""
        if len(self.changed) <= most:
            rows, self.changed = self.changed, set()
        else:
            rows = {self.changed.pop() for _ in range(most)}
        return tuple((row, self.counts[row]) for row in rows)

    def fail(self, error: ApiError, now: float) -> None:
        """Count a failed request."""
        self.attempted = True
        self.failures[_REASON_ROW[error.reason]] += 1
        self.latest_error, self.latest_error_at = error, now

    def turn(self, error: ApiError | None, now: float) -> Turn | None:
        """Take the outcome of a run; return the turn it is in the spell of failures, if it is one."""
        before, self.spell = self.spell, error
        if error is None:
            return Turn("ended", before, self.spell_since) if before else None
        if before is None:
            self.spell_since = now
            return Turn("began", error, now)
        if (before.reason, before.status) != (error.reason, error.status):
            return Turn("changed", error, self.spell_since)
        return None

    def state(self) -> PollState:
        """Return what the metrics say."""
        return PollState(
            self.up,
            self.last_success,
            self.last_run,
            self.duration,
            self.runs,
            self.skipped,
            tuple(self.failures),
        )

    def view(self, now: float, most_series: int) -> PollView:
        """Return what people are shown, at steady time `now`."""
        # Here, since people seldom look.
        from exporter.store.views import PollView, SeriesView

        rows = zip(self.poll.series[:most_series], self.counts, self.seen, strict=False)
        return PollView(
            poll=self.poll,
            state=self.state(),
            ended=self.ended,
            last_error=self.latest_error,
            error_age=None if self.latest_error is None else now - self.latest_error_at,
            failing_for=None if self.spell is None else now - self.spell_since,
            series=tuple(
                SeriesView(series, count, None if count is None else now - seen)
                for series, count, seen in rows
            ),
        )


class BotRecord:
    """What is known of one bot; `up` is None until it was asked."""

    __slots__ = ("asked_at", "bot", "latest_error", "latest_error_at", "up")

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.up: bool | None = None
        self.asked_at = 0.0
        self.latest_error: ApiError | None = None
        self.latest_error_at = 0.0

    def asked(self, error: ApiError | None, now: float) -> None:
        """Note how its most recent request went."""
        self.asked_at = now
        self.up = error is None or error.status in _ANSWERS_ALL_THE_SAME
        if error is not None:
            self.latest_error, self.latest_error_at = error, now

    def view(self, now: float) -> BotView:
        """Return what people are shown, at steady time `now`."""
        from exporter.store.views import BotView

        return BotView(
            bot=self.bot,
            up=self.up,
            asked_age=None if self.up is None else now - self.asked_at,
            last_error=self.latest_error,
            error_age=None if self.latest_error is None else now - self.latest_error_at,
        )
