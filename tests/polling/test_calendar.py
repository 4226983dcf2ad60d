"""Laws of the next due time, on the grid of an interval and at a time of day."""

from __future__ import annotations

import itertools
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.polling.calendar import DAY, next_daily_due, next_interval_due

ZONES = [
    "UTC",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/Sofia",
    "Pacific/Chatham",
]

moments = st.floats(0.0, 1e7)
intervals = st.one_of(st.integers(1, 604_800).map(float), st.floats(1.0, 604_800.0))
zones = st.sampled_from(ZONES).map(ZoneInfo)
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
years = st.integers(2005, 2030)


def seconds(text: str, zone: ZoneInfo, *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def calls(start: float, at: time, days: int, zone: ZoneInfo, until: float) -> list[float]:
    first = next_daily_due(start, at, days, zone)
    following = itertools.accumulate(
        itertools.repeat(0), lambda last, _: next_daily_due(last, at, days, zone), initial=first
    )
    return list(itertools.takewhile(lambda call: call <= until, following))


@given(moments, intervals, moments)
def test_the_next_due_time_is_the_first_on_the_grid_after_now(
    origin: float, every: float, now: float
) -> None:
    due = next_interval_due(origin, every, now)
    steps = (due - origin) / every
    assert steps == pytest.approx(round(steps), abs=1e-6)
    assert now < due <= now + every + 1e-6


@given(moments, intervals, st.integers(0, 10_000))
def test_a_run_on_time_is_followed_by_the_very_next_point_of_the_grid(
    origin: float, every: float, steps: int
) -> None:
    due = origin + steps * every
    assert next_interval_due(origin, every, due) == pytest.approx(due + every)


@given(zones, times, years)
def test_over_a_year_there_are_as_many_due_times_as_days(zone: ZoneInfo, at: time, year: int) -> None:
    before, last = datetime(year, 1, 1, tzinfo=zone), datetime(year, 12, 31, 23, 59, 59, tzinfo=zone)
    made = calls(before.timestamp() - 1.0, at, 1, zone, last.timestamp())
    days = [date(year, 1, 1) + timedelta(n) for n in range((last - before).days + 1)]
    late = [call - datetime.combine(day, at, zone).timestamp() for day, call in zip(days, made, strict=True)]
    assert late == [0.0] * len(days)


DAILY = timedelta(days=1)


@given(zones, times, years)
def test_it_is_due_at_its_time_of_day_or_as_much_later_as_the_clock_moved(
    zone: ZoneInfo, at: time, year: int
) -> None:
    start = datetime(year, 1, 1, tzinfo=zone).timestamp()
    for call in calls(start, at, 1, zone, start + 365 * DAY):
        local = datetime.fromtimestamp(call, zone)
        # Modulo a day: where midnight's hour is skipped, the call of 23:00 comes at 00:00.
        late = (datetime.combine(local.date(), local.time()) - datetime.combine(local.date(), at)) % DAILY
        shifted = datetime.fromtimestamp(call - 10_800, zone).utcoffset() != local.utcoffset()
        assert late == timedelta(0) or (shifted and timedelta(0) < late <= timedelta(hours=2))


@given(zones, times, st.integers(2, 14), years)
def test_due_times_every_n_days_are_every_nth_daily_one(
    zone: ZoneInfo, at: time, days: int, year: int
) -> None:
    start = datetime(year, 1, 1, tzinfo=zone).timestamp() - 0.5
    daily = calls(start, at, 1, zone, start + 300 * DAY)
    assert calls(start, at, days, zone, start + 300 * DAY) == daily[::days]


@pytest.mark.parametrize(
    ("zone", "after", "at", "called"),
    [
        ("America/New_York", "2024-03-10T00:00", time(2, 30), "2024-03-10T03:30"),
        ("Europe/Sofia", "2024-03-31T00:00", time(3, 0), "2024-03-31T04:00"),
        ("Australia/Lord_Howe", "2024-10-06T00:00", time(2, 15), "2024-10-06T02:45"),
        ("Asia/Beirut", "2024-03-30T12:00", time(0, 30), "2024-03-31T01:30"),
    ],
)
def test_a_time_that_a_day_lacks_is_due_as_much_later_as_the_clock_moved(
    zone: str, after: str, at: time, called: str
) -> None:
    place = ZoneInfo(zone)
    assert next_daily_due(seconds(after, place), at, 1, place) == seconds(called, place)


def test_a_time_that_a_day_has_twice_is_due_the_first_time_only() -> None:
    place = ZoneInfo("America/New_York")
    first = next_daily_due(seconds("2024-11-03T00:00", place), time(1, 30), 1, place)
    assert first == seconds("2024-11-03T01:30", place, fold=0)
    assert next_daily_due(first, time(1, 30), 1, place) == seconds("2024-11-04T01:30", place)


def test_a_day_that_a_zone_skipped_has_no_due_time() -> None:
    apia = ZoneInfo("Pacific/Apia")
    made = calls(seconds("2011-12-29T00:00", apia), time(2, 30), 1, apia, seconds("2012-01-01T12:00", apia))
    assert [datetime.fromtimestamp(call, apia).date().isoformat() for call in made] == [
        "2011-12-29",
        "2011-12-31",
        "2012-01-01",
    ]
