"""What has changed in the counts, as the store tells it: frozen, without I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PollState:
    """How one poll is doing, as its metrics tell it; timestamps are wall seconds, 0 for never.

    `failures` counts failed requests, one number for each of `errors.REASONS`, in that order.
    """

    up: bool
    last_success: float
    last_run: float
    duration: float
    runs: int
    skipped: int
    failures: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PollChange:
    """What has changed in one poll: its state, and the counts at these rows of its series.

    `poll` is its position in the plan. A count of None says that the series is absent now.
    """

    poll: int
    state: PollState
    counts: tuple[tuple[int, int | None], ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since the last call, and the bots that answer now (by name).

    Unless it is `complete`, there is more to ask for at once; what is left of a poll comes as a
    further change of that poll.
    """

    polls: tuple[PollChange, ...]
    bots_up: tuple[tuple[str, bool], ...]
    complete: bool = True
