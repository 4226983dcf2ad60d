"""Works out when something is due again: pure, on seconds."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 86_400.0


def next_beat(origin: float, every: float, due: float, now: float) -> float:
    """Return the next point of the grid `origin + k * every`, after `now` and well after `due`.

    Well after is half an interval: a first run, which is off the grid, is not followed at once by
    a second. Points that were missed (a suspended machine) are not made up for.
    """
    after = max(now, due + every / 2)
    steps = math.floor((after - origin) / every) + 1
    point = origin + steps * every
    return point if point > after else origin + (steps + 1) * every  # the division rounds, at times down


def next_call(last: float, at: time, days: int, zone: ZoneInfo) -> float:
    """Return the first wall time after `last` at which it is `at` in `zone`, in steps of `days`.

    `last` is the previous such time, or the moment to count from. A time of day that a change of
    daylight saving skips is called as much later as the clock moved, one that comes twice the first
    time only: once a day in either case.
    """
    day = datetime.fromtimestamp(last, zone).date()
    same_day = _instant(day, at, zone)
    if same_day > last:
        return same_day
    return _instant(day + timedelta(days if same_day == last else 1), at, zone)


def _instant(day: date, at: time, zone: ZoneInfo) -> float:
    return datetime.combine(day, at, zone).timestamp()
