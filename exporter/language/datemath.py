"""Resolves dates written as date math, such as now-1d/d, or as ISO 8601 instants.

The steps are computed in wall time of the zone, and the result is converted to an instant. A wall time
that the clocks skip means the first instant after the gap. One that they show twice means the earlier
instant, unless `now` itself is in the later one.
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
"""The longest that each unit can be, in seconds."""

_STEP: Final = re.compile(r"(?:([+-])([0-9]*)|/)([yMwdhHms])")
_MATH: Final = re.compile(rf"now(?:{_STEP.pattern})*")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


class _Step(NamedTuple):
    """Add `amount` units, or round down to a whole unit if there is no amount."""

    unit: str
    amount: int | None


def check(text: str) -> None:
    """Raise ValueError, with advice, if `resolve` fails for a text at any time in any zone."""
    _parse(text)


def resolve(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant, aware and in UTC, that a text means at `now` in a zone.

    Years, months, weeks and days are added on the zone's calendar; hours, minutes and seconds are elapsed
    time. Rounding goes down, in the zone. Weeks begin on Monday. If a month is too short for the day, the
    result is its last day. An ISO instant without an offset is wall time in the zone. Raises ValueError as
    `check` does.
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
        what = f'"{text}" is not on the calendar or the clock'
        raise ValueError(f"{what} (correct its date, time or offset)") from error
    # A zone's offset can move a date out of Python's range, so the first and the last year are refused.
    if not 1 < instant.year < 9999:
        raise ValueError(f'"{text}" is too far away (write a date in the years 0002 to 9998)')
    return instant


def _parse_math(text: str) -> tuple[_Step, ...]:
    # Python reads a float from any number of digits, but not an int.
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
    """Return the instant at which the zone's clocks show `wall`, or first show a later time.

    In a gap, PEP 495 uses the offset after the gap for fold 1, which gives an instant before the gap, and
    the offset before the gap for fold 0, which gives an instant after the gap.
    """
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if second < first:
        return _end_of_gap(second.replace(microsecond=0), first, zone)
    return second if wall.fold else first


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of the only clock change between two instants, on a whole second."""
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
