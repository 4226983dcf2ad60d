"""Laws of headers in failures: Retry-After is read in both forms, and invalid values are ignored."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.nativechat.statuses import read_retry_after

NOW = 1_700_000_000.0


@given(st.integers(0, 10**18 - 1))
def test_a_number_is_seconds(seconds: int) -> None:
    assert read_retry_after(f" {seconds} ", NOW) == float(seconds)


@given(st.integers(-(10**9), 10**9))
def test_a_date_is_the_time_until_then_and_never_negative(seconds: int) -> None:
    assert read_retry_after(formatdate(NOW + seconds, usegmt=True), NOW) == max(0, seconds)


def test_a_date_without_a_known_zone_is_utc() -> None:
    assert read_retry_after("Tue, 14 Nov 2023 22:14:20 -0000", NOW) == 60.0


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "-5",
        "1.5.2",
        "1e3",
        "+5",
        "٣",
        "9" * 400,
        "5 s",
        "Thu, 99 Foo 2023 25:00:00 GMT",
        "Fri, 31 Dec 99999999999 23:59:59 GMT",
    ],
)
def test_what_says_nothing_is_none(text: str | None) -> None:
    assert read_retry_after(text, NOW) is None


def test_a_fraction_of_a_second_is_rounded_up() -> None:
    assert [read_retry_after(text, NOW) for text in ("1.5", "0.2", "2.0")] == [2.0, 1.0, 2.0]


@given(st.text())
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("1 Jan 2020 00:00:00 +99999999")
def test_any_text_is_a_wait_or_nothing(text: str) -> None:
    wait = read_retry_after(text, NOW)
    assert wait is None or wait >= 0.0
