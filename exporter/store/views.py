"""What the store tells people: one moment of it, frozen."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.changes import PollState
from exporter.errors import ApiError
from exporter.model import Bot, Poll, Series


@dataclass(frozen=True, slots=True)
class SeriesView:
    """One series at one moment: its count, None when absent, and its age in seconds."""

    series: Series
    count: int | None
    age: float | None


@dataclass(frozen=True, slots=True)
class PollView:
    """One poll at one moment, for people; `ended` once a run has ended. Ages in seconds, None for never."""

    poll: Poll
    state: PollState
    ended: bool
    last_error: ApiError | None
    error_age: float | None
    failing_for: float | None
    series: tuple[SeriesView, ...]


@dataclass(frozen=True, slots=True)
class BotView:
    """One bot at one moment; `up` is None until it was asked."""

    bot: Bot
    up: bool | None
    asked_age: float | None
    last_error: ApiError | None
    error_age: float | None
