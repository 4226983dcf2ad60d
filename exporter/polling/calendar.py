"""Computes when something is due again: pure functions on seconds."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 86_400.0
_DAY: Final = timedelta(days=1)


def next_interval_due(origin: float, every: float, now: float) -> float:
    """Return the next point of the grid `origin + k * every` after `now`.

    Points that were missed, as on a suspended machine, are skipped.
    """
    steps = math.floor((now - origin) / every) + 1
    point = origin + steps * every
    return point if point > now else origin + (steps + 1) * every  # the division may have rounded down


def next_daily_due(last: float, at: time, days: int, zone: ZoneInfo) -> float:
    """Return the first wall time after `last` at which it is `at` in `zone`, in steps of `days`.

    `last` is the previous due time, or the moment to count from. It is due once a day even when the
    clock changes: a time of day that is skipped is due as much later as the clock moved, and one that
    comes twice is due the first time only.
    """
    today = datetime.fromtimestamp(last, zone).date()
    # If its hour was skipped, yesterday's due time may have come after midnight.
    for day in (today, today - _DAY):
        if _instant(day, at, zone) == last:
            return _instant(day + days * _DAY, at, zone)
    coming = _instant(today, at, zone)
    return coming if coming > last else _instant(today + _DAY, at, zone)


def _instant(day: date, at: time, zone: ZoneInfo) -> float:
    return datetime.combine(day, at, zone).timestamp()
