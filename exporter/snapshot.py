"""The state of every poll and bot at one moment: frozen, without I/O.

The store makes a snapshot; the metrics page and the status page are made from it. Timestamps are wall
seconds, 0 for never. Times whose names end in `_at` are steady seconds, to compute ages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporter.errors import REASONS, ApiError
from exporter.model import Bot, Poll, Unknown


@dataclass(frozen=True, slots=True)
class PollSnapshot:
    """One poll: its counts, and how its runs went; the defaults are those of a new poll.

    `counts` has an entry for each of `poll.series`, None if it has no fresh count; `counted_at` has the time
    of each count. `new` has the sum of all rises for each series. `attempted` is whether any request has a
    count or an error, `ended` whether any run has ended, and `up` whether the last run succeeded. `failures`
    counts failed requests. `last_error` is the error of the latest failed request. `outage` is the error of
    the latest run, and `failing_since_at` is when the first run of the current outage ended; both are None
    while runs succeed. `known_since_at` is when the poll was first planned: for one that has never succeeded.
    `unknown` has what no document has of the predicates that count 0.
    """

    poll: Poll
    counts: Sequence[int | None] = ()
    counted_at: Sequence[float] = ()
    new: Sequence[int] = ()
    fresh_until: float = float("inf")
    attempted: bool = False
    ended: bool = False
    up: bool = False
    last_success: float = 0.0
    last_run: float = 0.0
    duration: float = 0.0
    runs: int = 0
    skipped: int = 0
    failures: int = 0
    last_error: ApiError | None = None
    outage: ApiError | None = None
    failing_since_at: float | None = None
    known_since_at: float = 0.0
    unknown: Unknown = field(default_factory=Unknown)


@dataclass(frozen=True, slots=True)
class BotSnapshot:
    """One bot; `up` is whether its latest request got an answer, None before the first.

    `down_since_at` is when the first request failed after the last answer; None while `up`, and before any.
    `failures` counts failed requests, in the order of `errors.REASONS`.
    """

    bot: Bot
    up: bool | None = None
    down_since_at: float | None = None
    asked_at: float = 0.0
    failures: tuple[int, ...] = (0,) * len(REASONS)
    last_error: ApiError | None = None
    last_error_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every poll and every bot, in the plan's order; valid until `fresh_until` unless something changes."""

    polls: tuple[PollSnapshot, ...] = ()
    bots: tuple[BotSnapshot, ...] = ()
    fresh_until: float = float("inf")
