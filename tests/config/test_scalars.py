from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.scalars import Ambiguous, typed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-0", 0),
        ("-12", -12),
        ("1.50", 1.5),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("2.5E-1", 0.25),
    ],
)
def test_what_json_reads_as_a_scalar_is_typed(text: str, value: object) -> None:
    found = typed(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["1:30", "12:30:45", "2026-01-01", "y", "n", "now-1d/d", "10/s", "0.5.1", "="]
)
def test_what_no_parser_reads_as_a_number_is_text(text: str) -> None:
    assert typed(text) == text


@pytest.mark.parametrize("text", ["no", "Yes", "ON", "off", "True", "FALSE", "Null"])
def test_words_that_some_parsers_read_as_truth_values_are_refused(text: str) -> None:
    with pytest.raises(Ambiguous, match="true, false or null"):
        typed(text)


@pytest.mark.parametrize(
    "text",
    [
        "010",
        "-07",
        "0x1F",
        "0o17",
        "0b11",
        "1_000",
        "+1",
        ".5",
        "5.",
        "01.5",
        ".inf",
        "-.INF",
        ".nan",
        "+1e3",
    ],
)
def test_numbers_that_parsers_read_differently_are_refused(text: str) -> None:
    with pytest.raises(Ambiguous, match="YAML parsers"):
        typed(text)


@pytest.mark.parametrize("text", ["1e999", "9" * 5000])
def test_a_number_too_large_for_a_float_is_refused(text: str) -> None:
    with pytest.raises(Ambiguous, match="too large"):
        typed(text)


@given(st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_every_json_scalar_reads_as_json_reads_it(value: float | bool) -> None:
    found = typed(json.dumps(value))
    assert (found, type(found)) == (value, type(value))


@given(st.text())
def test_any_text_is_text_a_json_scalar_or_refused(text: str) -> None:
    try:
        value = typed(text)
    except Ambiguous:
        return
    assert value == text or text in ("~", "") or json.loads(text) == value
