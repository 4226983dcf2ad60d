"""The state of every poll and bot at one moment: frozen, without I/O.

The store makes a snapshot; the metrics page and the status page are made from it. Timestamps are wall
seconds, 0 for never. Times whose names end in `_at` are steady seconds, to compute ages.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from exporter.errors import ApiError
from exporter.model import Bot, Poll


@dataclass(frozen=True, slots=True)
class PollSnapshot:
    """One poll: its counts, and how its runs went.

    `counts` has an entry for each of `poll.series`, None if it has no fresh count; `counted_at` has the time
    of each count. `up` is whether the last run succeeded, and `ended` whether any run has ended. `failures`
    counts failed requests, in the order of `errors.REASONS`. `last_error` is the error of the latest failed
    request; `failing_since_at` is when the current outage began, None while runs succeed.
    """

    poll: Poll
    counts: tuple[int | None, ...]
    counted_at: array[float]
    fresh_until: float
    up: bool
    ended: bool
    last_success: float
    last_run: float
    duration: float
    runs: int
    skipped: int
    failures: tuple[int, ...]
    last_error: ApiError | None
    failing_since_at: float | None


@dataclass(frozen=True, slots=True)
class BotSnapshot:
    """One bot; `up` is whether its latest request got an answer, None before the first."""

    bot: Bot
    up: bool | None
    asked_at: float
    last_error: ApiError | None
    last_error_at: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every poll and every bot, in the plan's order; valid until `fresh_until` unless something changes."""

    polls: tuple[PollSnapshot, ...] = ()
    bots: tuple[BotSnapshot, ...] = ()
    fresh_until: float = float("inf")
