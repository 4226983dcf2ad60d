"""Laws of dates that documents show: which of them a format would compare wrongly."""

from __future__ import annotations

import pytest

from exporter.language.shown_dates import is_misread, milliseconds, utc_milliseconds
from exporter.model import DateFormat, Json

NOON = 1_795_867_200_000
MAX_VALUE = 253_402_300_799_999


@pytest.mark.parametrize(
    ("text", "utc", "instant"),
    [
        ("2026-11-28T12:00:00Z", NOON, NOON),
        ("2026-11-28T12:00:00.000+00:00", NOON, NOON),
        ("2026-11-28T14:00:00+02:00", None, NOON),
        ("2026-11-28T12:00:00", None, None),
        ("2026-11-28 12:00:00Z", None, NOON),
        ("2026-13-28T12:00:00Z", None, None),
        ("28/11/2026", None, None),
        ("", None, None),
    ],
)
def test_only_text_in_utc_is_a_date_that_compares_as_text(
    text: str, utc: int | None, instant: int | None
) -> None:
    assert (utc_milliseconds(text), milliseconds(text)) == (utc, instant)


@pytest.mark.parametrize(
    ("dates", "right", "misread"),
    [
        (
            "iso",
            ["2026-11-28T12:00:00Z", "", None, {"$date": "2026-11-28T12:00:00Z"}, True],
            ["28/11/2026", "2026-11-28 12:00:00", "2026-11-28T14:00:00+02:00", "Sat Nov 28 2026", NOON, 1.5],
        ),
        (
            "epoch-ms",
            [NOON, 0, -62_135_596_800_000, MAX_VALUE, None, "2026-11-28T12:00:00Z", True],
            [NOON // 1000, NOON * 1000, NOON / 1000, 1],
        ),
        ("extended-json", ["28/11/2026", NOON, None], []),
    ],
)
def test_a_format_misreads_what_it_would_compare_as_something_else(
    dates: DateFormat, right: list[Json], misread: list[Json]
) -> None:
    assert [value for value in right if is_misread(value, dates)] == []
    assert [value for value in misread if not is_misread(value, dates)] == []
