"""Laws of date math, especially around clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.language import datemath

NOW = datetime(2026, 11, 22, 16, 45, 30, 250_000, tzinfo=UTC)
SOFIA = ZoneInfo("Europe/Sofia")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
GREENLAND = ZoneInfo("America/Nuuk")
UTC_ZONE = ZoneInfo("UTC")

ZONES = st.sampled_from(
    [
        *(
            "UTC",
            "Europe/Sofia",
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Kathmandu",
            "Pacific/Kiritimati",
        ),
        *("America/Sao_Paulo", "Africa/Cairo", "America/Nuuk", "America/St_Johns", "America/Havana"),
    ]
).map(ZoneInfo)
UNITS = st.sampled_from("yMwdhHms")


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    """Moments from 1975 to 2036, half of them within two days of a clock change of some zone."""
    if draw(st.booleans()):
        return datetime.fromtimestamp(
            draw(st.integers(157_766_400_000_000, 2_114_294_400_000_000)) / 1e6, UTC
        )
    change = draw(st.sampled_from(CHANGES))
    return change + timedelta(microseconds=draw(st.integers(-172_800_000_000, 172_800_000_000)))


CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Sofia and Nuuk, forward
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # Sofia and Nuuk, back
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York, forward
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York, back
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # Lord Howe, forward by half an hour
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe, back
    datetime(2018, 11, 4, 3, tzinfo=UTC),  # São Paulo, forward at midnight
    datetime(2018, 2, 18, 2, tzinfo=UTC),  # São Paulo, back at midnight
    datetime(2026, 4, 23, 22, tzinfo=UTC),  # Cairo, forward at midnight
    datetime(2026, 10, 29, 21, tzinfo=UTC),  # Cairo, back at midnight
    datetime(2010, 3, 14, 3, 31, tzinfo=UTC),  # St John's, forward a minute after midnight
    datetime(2010, 11, 7, 2, 31, tzinfo=UTC),  # St John's, back over midnight
    datetime(2026, 11, 1, 5, tzinfo=UTC),  # Havana, back to midnight
]


def resolved(text: str, zone: ZoneInfo = UTC_ZONE, now: datetime = NOW) -> str:
    return datemath.resolve(text, now, zone).isoformat()


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("now", "2026-11-22T16:45:30.250000+00:00"),
        ("now-1h", "2026-11-22T15:45:30.250000+00:00"),
        ("now-h", "2026-11-22T15:45:30.250000+00:00"),
        ("now-1H", "2026-11-22T15:45:30.250000+00:00"),
        ("now+1d", "2026-11-23T16:45:30.250000+00:00"),
        ("now-90m", "2026-11-22T15:15:30.250000+00:00"),
        ("now-30s", "2026-11-22T16:45:00.250000+00:00"),
        ("now-2w", "2026-11-08T16:45:30.250000+00:00"),
        ("now-11M", "2025-12-22T16:45:30.250000+00:00"),
        ("now+2M", "2027-01-22T16:45:30.250000+00:00"),
        ("now-1y", "2025-11-22T16:45:30.250000+00:00"),
        ("now/s", "2026-11-22T16:45:30+00:00"),
        ("now/m", "2026-11-22T16:45:00+00:00"),
        ("now/h", "2026-11-22T16:00:00+00:00"),
        ("now/H", "2026-11-22T16:00:00+00:00"),
        ("now/d", "2026-11-22T00:00:00+00:00"),
        ("now/w", "2026-11-16T00:00:00+00:00"),
        ("now/M", "2026-11-01T00:00:00+00:00"),
        ("now/y", "2026-01-01T00:00:00+00:00"),
        ("now-1d/d", "2026-11-21T00:00:00+00:00"),
        ("now-1M/M", "2026-10-01T00:00:00+00:00"),
        ("now-1d/d+6h", "2026-11-21T06:00:00+00:00"),
        ("now/y-1y/w", "2024-12-30T00:00:00+00:00"),
        ("2026-11-22", "2026-11-22T00:00:00+00:00"),
        ("2026-11-22T16:00", "2026-11-22T16:00:00+00:00"),
        ("2026-11-22 16:00:05", "2026-11-22T16:00:05+00:00"),
        ("2026-11-22T16:00:00.125Z", "2026-11-22T16:00:00.125000+00:00"),
        ("2026-11-22T16:00:00+05:30", "2026-11-22T10:30:00+00:00"),
        ("2026-11-22T16:00:00-0800", "2026-11-23T00:00:00+00:00"),
    ],
)
def test_a_text_means_one_instant(text: str, instant: str) -> None:
    assert resolved(text) == instant


@pytest.mark.parametrize(
    ("now", "text", "day"),
    [
        ("2026-03-31", "now-1M", "2026-02-28"),
        ("2028-03-31", "now-1M", "2028-02-29"),
        ("2028-02-29", "now-1y", "2027-02-28"),
        ("2026-01-31", "now+1M", "2026-02-28"),
        ("2026-01-31", "now+1M-1M", "2026-01-28"),
        ("2026-01-15", "now-1M", "2025-12-15"),
        ("2026-12-15", "now+1M", "2027-01-15"),
    ],
)
def test_a_day_that_a_month_lacks_is_its_last_day(now: str, text: str, day: str) -> None:
    assert resolved(text, now=datetime.fromisoformat(now).replace(tzinfo=UTC)).startswith(day)


def test_days_are_calendar_days_and_hours_are_elapsed_time() -> None:
    after_spring_change = datetime(2026, 3, 29, 9, tzinfo=UTC)
    assert resolved("now-1d", SOFIA, after_spring_change) == "2026-03-28T10:00:00+00:00"
    assert resolved("now-24h", SOFIA, after_spring_change) == "2026-03-28T09:00:00+00:00"


def test_an_instant_without_an_offset_is_wall_time_in_the_zone() -> None:
    assert resolved("2026-07-01", SOFIA) == "2026-06-30T21:00:00+00:00"
    assert resolved("2026-01-01T12:00", NEW_YORK) == "2026-01-01T17:00:00+00:00"


def test_a_skipped_wall_time_is_the_end_of_the_gap() -> None:
    assert resolved("2026-03-08T02:30", NEW_YORK) == "2026-03-08T07:00:00+00:00"
    assert resolved("2026-03-08T02:30:00.5", NEW_YORK) == "2026-03-08T07:00:00+00:00"


def test_a_skipped_day_is_the_day_after_it() -> None:
    assert resolved("2011-12-30", ZoneInfo("Pacific/Apia")) == "2011-12-30T10:00:00+00:00"


def test_a_day_that_begins_inside_a_gap_begins_at_its_end() -> None:
    gap_from_2330_to_0030 = datetime(1919, 3, 31, 6, tzinfo=UTC)
    assert (
        resolved("now/d", ZoneInfo("America/Toronto"), gap_from_2330_to_0030) == "1919-03-31T04:30:00+00:00"
    )


def test_a_repeated_wall_time_is_the_earlier_one() -> None:
    assert resolved("2026-11-01T01:30", NEW_YORK) == "2026-11-01T05:30:00+00:00"


def test_a_repeated_hour_is_rounded_within_itself() -> None:
    assert (
        resolved("now/h", NEW_YORK, datetime(2026, 11, 1, 5, 45, tzinfo=UTC)) == "2026-11-01T05:00:00+00:00"
    )
    assert (
        resolved("now/h", NEW_YORK, datetime(2026, 11, 1, 6, 45, tzinfo=UTC)) == "2026-11-01T06:00:00+00:00"
    )


def test_rounding_in_half_hour_zones_is_to_the_zones_own_hour() -> None:
    assert resolved("now/h", ZoneInfo("Asia/Kathmandu")) == "2026-11-22T16:15:00+00:00"
    assert (
        resolved("now/h", LORD_HOWE, datetime(2026, 10, 3, 15, 45, tzinfo=UTC)) == "2026-10-03T15:30:00+00:00"
    )


def test_yesterday_is_yesterday_though_this_time_of_day_was_skipped() -> None:
    late_after_the_gap = datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
    assert resolved("now", GREENLAND, late_after_the_gap) == "2026-03-30T00:30:00+00:00"
    assert resolved("now-1d/d", GREENLAND, late_after_the_gap) == "2026-03-28T02:00:00+00:00"


def test_a_day_before_the_start_of_a_day_without_midnight_is_midnight() -> None:
    cairo, after_the_gap = ZoneInfo("Africa/Cairo"), datetime(2026, 4, 24, 9, tzinfo=UTC)
    assert resolved("now/d", cairo, after_the_gap) == "2026-04-23T22:00:00+00:00"
    assert resolved("now/d-1d", cairo, after_the_gap) == "2026-04-22T22:00:00+00:00"


@given(moments(), ZONES, UNITS)
def test_rounding_is_idempotent(now: datetime, zone: ZoneInfo, unit: str) -> None:
    once = datemath.resolve(f"now/{unit}", now, zone)
    assert datemath.resolve(f"now/{unit}", once, zone) == once
    assert datemath.resolve(f"now/{unit}/{unit}", now, zone) == once


@given(moments(), ZONES, UNITS)
def test_rounding_is_never_in_the_future(now: datetime, zone: ZoneInfo, unit: str) -> None:
    assert datemath.resolve(f"now/{unit}", now, zone) <= now


@given(moments(), ZONES)
def test_now_is_now(now: datetime, zone: ZoneInfo) -> None:
    assert datemath.resolve("now", now, zone) == now
    assert datemath.resolve("now+0d-0M/s", now, zone) == now.replace(microsecond=0)


@given(moments(), ZONES, st.integers(-10_000, 10_000))
def test_hours_are_time_that_passes(now: datetime, zone: ZoneInfo, hours: int) -> None:
    assert datemath.resolve(f"now{hours:+d}h", now, zone) == now + timedelta(hours=hours)


@given(moments(), ZONES)
@example(datetime(2026, 3, 30, 0, 30, tzinfo=UTC), GREENLAND)
def test_yesterday_begins_with_its_first_instant(now: datetime, zone: ZoneInfo) -> None:
    yesterday = now.astimezone(zone).date() - timedelta(days=1)
    assert datemath.resolve("now-1d/d", now, zone) == first_minute(yesterday, zone)


@given(moments(), ZONES, st.sampled_from("yMwd"))
def test_what_is_rounded_to_lies_in_the_same_unit_of_the_calendar(
    now: datetime, zone: ZoneInfo, unit: str
) -> None:
    begin = datemath.resolve(f"now/{unit}", now, zone).astimezone(zone).date()
    today = now.astimezone(zone).date()
    assert (
        begin
        == {
            "y": today.replace(month=1, day=1),
            "M": today.replace(day=1),
            "w": date.fromisocalendar(today.isocalendar().year, today.isocalendar().week, 1),
            "d": today,
        }[unit]
    )


def first_minute(day: date, zone: ZoneInfo) -> datetime:
    """Search minute by minute, without knowledge of gaps and folds."""
    around = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    minutes = (around + timedelta(minutes=minute) for minute in range(32 * 60))
    return next(minute for minute in minutes if minute.astimezone(zone).date() == day)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "today",
            "Now",
            "now ",
            " now",
            "now - 1h",
            "now-1",
            "now-",
            "now/",
            "now/1d",
            "now-1.5h",
            "now-1D",
        ),
        *(
            "now-1Q",
            "now--1h",
            "now1h",
            "now-1h\n",
            "-1h",
            "2026",
            "2026-11",
            "20261122",
            "2026-W47-7",
            "22.11.2026",
        ),
        *(
            "2026-11-22T16",
            "2026-11-22x16:00",
            "2026-11-22T16:00:00z",
            "2026-11-22T16:00+2",
            "1700000000",
            "٢٠٢٦-١١-٢٢",
        ),
    ],
)
def test_any_other_text_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a date \(write date math .*now-1d/d.*2026-11-22T16:00:00Z"):
        datemath.check(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29",
        "2026-13-01",
        "2026-11-22T24:01",
        "2026-11-22T16:60",
        "2026-11-22T16:00+25:00",
        "0000-01-01",
    ],
)
def test_what_is_on_no_calendar_is_refused(text: str) -> None:
    why = r"is not on the calendar or the clock \(correct its date, time or offset\)$"
    with pytest.raises(ValueError, match=why):
        datemath.check(text)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "0001-12-31T23:59:59-14:00"])
def test_an_instant_at_the_end_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is too far away \(write a date in the years 0002 to 9998\)"):
        datemath.check(text)


@pytest.mark.parametrize(
    "text", ["now-1001y", "now+12000M", "now-600y-600y", "now-600y+600y", "now-" + "9" * 9999 + "s"]
)
def test_an_amount_that_goes_too_far_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"goes too far \(stay within 1000 years of now\)"):
        datemath.check(text)


@pytest.mark.parametrize(
    "text", ["now-1000y", "now+1000y", "0002-01-01", "9998-12-31T23:59:59-12:00", "now-" + "0" * 9999 + "1d"]
)
def test_what_check_accepts_can_be_resolved_in_every_zone(text: str) -> None:
    datemath.check(text)
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert datemath.resolve(text, NOW, ZoneInfo(zone)).tzinfo is UTC


@given(st.from_regex(r"now([+-][0-9]{0,8}[yMwdhHms]|/[yMwdhHms]){0,4}", fullmatch=True), moments(), ZONES)
def test_what_check_accepts_resolve_resolves(text: str, now: datetime, zone: ZoneInfo) -> None:
    try:
        datemath.check(text)
    except ValueError:
        return
    assert datemath.resolve(text, now, zone).tzinfo is UTC
