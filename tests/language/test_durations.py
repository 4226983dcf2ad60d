"""Laws of Prometheus durations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.language import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("500ms", 0.5),
        ("30s", 30.0),
        ("90m", 5400.0),
        ("1h30m", 5400.0),
        ("1d", 86_400.0),
        ("1w", 604_800.0),
        ("1y", 31_536_000.0),
        ("1y2w3d4h5m6s7ms", 33_019_506.007),
        ("007s", 7.0),
    ],
)
def test_a_duration_is_read_as_prometheus_reads_it(text: str, seconds: float) -> None:
    assert durations.parse(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "-1s", "+1s", "1.5h", "30 s", "30s ", "30s\n", "30m1h", "1h1h", "1H", "1M", "٣s", "00s0"],
)
def test_what_prometheus_refuses_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration \(.*1h30m"):
        durations.parse(text)


def test_a_number_without_a_unit_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match=r'"30" has no unit \(for seconds write 30s\)'):
        durations.parse("30")


@pytest.mark.parametrize("text", ["293y", "9223372037s", "9" * 10_000 + "ms"])
def test_a_duration_too_long_for_prometheus_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is longer than a duration can be \(write at most 292y\)"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.5, "500ms"),
        (5400.0, "1h30m"),
        (86_400.0, "1d"),
        (90_000.0, "25h"),
        (604_800.0, "1w"),
        (691_200.0, "8d"),
        (31_536_000.0, "1y"),
        (60.001, "1m1ms"),
    ],
)
def test_a_duration_is_written_as_prometheus_writes_it(seconds: float, text: str) -> None:
    assert durations.write(seconds) == text


@given(st.integers(0, 2**63 // 1_000_000))
def test_a_written_duration_is_read_back_to_the_millisecond(milliseconds: int) -> None:
    assert durations.parse(durations.write(milliseconds / 1000)) == milliseconds / 1000


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        seconds = durations.parse(text)
    except ValueError:
        return
    assert seconds >= 0
