"""Works out when something is due again: pure, on seconds."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 86_400.0
_DAY: Final = timedelta(days=1)


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
    today = datetime.fromtimestamp(last, zone).date()
    # A call that was late because its hour was skipped may have come after midnight: yesterday's.
    for day in (today, today - _DAY):
        if _instant(day, at, zone) == last:
            return _instant(day + days * _DAY, at, zone)
    coming = _instant(today, at, zone)
    return coming if coming > last else _instant(today + _DAY, at, zone)


def _instant(day: date, at: time, zone: ZoneInfo) -> float:
    return datetime.combine(day, at, zone).timestamp()
