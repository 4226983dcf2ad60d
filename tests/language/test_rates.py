"""Laws of rates of requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.language import rates


@pytest.mark.parametrize(
    ("text", "rate"),
    [("10/s", 10.0), ("30/m", 0.5), ("0.5/s", 0.5), ("1800/h", 0.5), ("500/h", 500 / 3600), ("none", None)],
)
def test_a_rate_is_requests_per_second(text: str, rate: float | None) -> None:
    assert rates.parse(text) == rate


@pytest.mark.parametrize(
    "text", ["", "10", "10/", "/s", "10/d", "-1/s", "1e3/s", "10 / s", "10/s\n", "None", ".5/s"]
)
def test_any_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a rate \(write one such as 10/s"):
        rates.parse(text)


@pytest.mark.parametrize("text", ["0/s", "0.04/h", "1000001/s", "9" * 400 + "/s"])
def test_a_rate_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is out of range \(write a rate from 0\.05/h to 1000000/s"):
        rates.parse(text)


@pytest.mark.parametrize("text", ["none", "10/s", "30/m", "500/h", "1/s", "0.05/h", "1000000/s", "0.072/h"])
def test_the_shortest_text_is_written(text: str) -> None:
    assert rates.write(rates.parse(text)) == text


@given(st.floats(0.05 / 3600 * 1.01, 999_999.0))
def test_a_written_rate_is_read_back_to_twelve_digits(rate: float) -> None:
    assert rates.parse(rates.write(rate)) == pytest.approx(rate, rel=1e-11)
