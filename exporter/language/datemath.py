"""Works out dates written as date math, such as now-1d/d, or as ISO 8601 instants.

A moment is carried through the steps as wall time in the zone, and becomes an instant at the end.
A wall time that the clocks skip means the first instant after the gap; one that they show twice
means the earlier, unless `now` itself is in the later.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_MONTHS: Final = {"y": 12, "M": 1}
_DAYS: Final = {"w": 7, "d": 1}
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1}
_SECOND: Final = timedelta(seconds=1)
_YEAR: Final = 366 * 86_400
_FURTHEST: Final = 1000
_LENGTH: Final = {
    "y": _YEAR,
    "M": 31 * 86_400,
    "w": 7 * 86_400,
    "d": 86_400,
    "H": 3600,
    **_SECONDS,
}
"""In seconds, and no shorter than the unit ever is."""

_STEP: Final = re.compile(r"(?:([+-])([0-9]*)|/)([yMwdhHms])")
_MATH: Final = re.compile(rf"now(?:{_STEP.pattern})*")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


class _Step(NamedTuple):
    """Go `amount` units on, or round down to a whole unit where there is no amount."""

    unit: str
    amount: int | None


def check(text: str) -> None:
    """Accept what `resolve` can work out at any time; raise ValueError, with advice, for the rest."""
    _parse(text)


def resolve(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant, aware and in UTC, that a text means at `now` in a zone.

    Years, months, weeks and days are counted on the zone's calendar, hours, minutes and seconds as
    time that passes; rounding goes down in the zone, weeks begin on Monday, months clamp to their
    last day. Without an offset an ISO instant is wall time in the zone. Raises ValueError as `check`.
    """
    parsed = _parse(text)
    if isinstance(parsed, datetime):
        return parsed.astimezone(UTC) if parsed.tzinfo else _instant(parsed, zone)
    wall = _wall(now, zone)
    for step in parsed:
        wall = _floor(wall, step.unit) if step.amount is None else _shift(wall, step.unit, step.amount, zone)
    return _instant(wall, zone)


def _parse(text: str) -> datetime | tuple[_Step, ...]:
    if _MATH.fullmatch(text):
        return _parse_math(text)
    if not _INSTANT.fullmatch(text):
        raise ValueError(
            f'"{text}" is not a date (write date math with the units y M w d h m s, such as now-1h or '
            "now-1d/d, or an ISO 8601 instant, such as 2026-11-22T16:00:00Z)"
        )
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f'"{text}" is not on the calendar or the clock: {error} (correct it)') from error
    # A day at either end is lost to the zones' offsets; whole years are easier to say.
    if not 1 < instant.year < 9999:
        raise ValueError(f'"{text}" is too far away (write a date in the years 0002 to 9998)')
    return instant


def _parse_math(text: str) -> tuple[_Step, ...]:
    # As floats: no number of digits is too long to read.
    found = [
        (float(sign + (digits or "1")) if sign else None, unit)
        for sign, digits, unit in _STEP.findall(text, len("now"))
    ]
    reach = sum(abs(amount or 0.0) * _LENGTH[unit] for amount, unit in found)
    if reach > _FURTHEST * _YEAR:
        raise ValueError(f'"{text}" goes too far (stay within {_FURTHEST} years of now)')
    return tuple(
        _Step("h" if unit == "H" else unit, None if amount is None else int(amount)) for amount, unit in found
    )


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which the zone's clocks show `wall`, or first show more.

    In a gap, PEP 495 reads fold 1 with the offset after it, an instant before the gap, and fold 0
    with the offset before it, an instant after the gap.
    """
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if second < first:
        return _end_of_gap(second.replace(microsecond=0), first, zone)
    return second if wall.fold else first


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of the one clock change between two others; zones change on whole seconds."""
    new = after.astimezone(zone).utcoffset()

    def changed(seconds: int) -> bool:
        return (before + seconds * _SECOND).astimezone(zone).utcoffset() == new

    return before + bisect_left(range((after - before) // _SECOND), True, key=changed) * _SECOND


def _shift(wall: datetime, unit: str, amount: int, zone: ZoneInfo) -> datetime:
    if unit in _SECONDS:
        return _wall(_instant(wall, zone) + amount * _SECONDS[unit] * _SECOND, zone)
    if unit in _DAYS:
        return (wall + timedelta(days=amount * _DAYS[unit])).replace(fold=wall.fold)
    year, month = divmod(wall.year * 12 + wall.month - 1 + amount * _MONTHS[unit], 12)
    last_day = monthrange(year, month + 1)[1]
    return wall.replace(year=year, month=month + 1, day=min(wall.day, last_day))


def _floor(wall: datetime, unit: str) -> datetime:
    """Return the wall time at which the unit around `wall` begins.

    A day begins at its first midnight. An hour shown twice is two hours, so it keeps its fold.
    """
    if unit in _SECONDS:
        minute = 0 if unit == "h" else wall.minute
        second = wall.second if unit == "s" else 0
        return wall.replace(minute=minute, second=second, microsecond=0)
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "w":
        return midnight - timedelta(days=midnight.weekday())
    month = 1 if unit == "y" else wall.month
    day = wall.day if unit == "d" else 1
    return midnight.replace(month=month, day=day)
