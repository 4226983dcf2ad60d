from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.parameters import read_sort
from exporter.simulator.refusal import Refused
from exporter.simulator.values import order_key, ordered

IN_MONGODB_ORDER: list[Any] = [
    None,
    -1,
    0.5,
    2,
    "",
    "a",
    "b",
    {"a": 1},
    {"a": 2},
    {"a": "1"},
    [],
    [1],
    [1, 2],
    [2],
    False,
    True,
    datetime(2026, 1, 1, tzinfo=UTC),
]


def test_values_of_different_types_sort_as_in_mongodb() -> None:
    backwards = IN_MONGODB_ORDER[::-1]

    assert sorted(backwards, key=order_key) == IN_MONGODB_ORDER


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("StartedAt", (("StartedAt", False),)),
        ("-StartedAt", (("StartedAt", True),)),
        ("Data.user.FirstName", (("Data.user.FirstName", False),)),
        (
            '{"Data.user.FirstName":-1,"Data.user.LastName":1}',
            (("Data.user.FirstName", True), ("Data.user.LastName", False)),
        ),
    ],
)
def test_sort_is_a_field_or_an_object(text: str, keys: object) -> None:
    assert read_sort(text) == keys


@pytest.mark.parametrize(
    "text",
    ["", "-", "--a", "a b", "$a", "a,b", "a.", "[]", "{", "{}", '{"a":2}', '{"a":true}', '{"a":"1"}'],
)  # fmt: skip
def test_any_other_sort_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"^sort "):
        read_sort(text)


def test_earlier_keys_have_precedence_and_equal_rows_keep_their_order() -> None:
    rows: list[dict[str, object]] = [
        {"a": 1, "b": 1, "n": 0},
        {"a": 2, "b": 2, "n": 1},
        {"a": 2, "b": 1, "n": 2},
        {"a": 1, "b": 1, "n": 3},
    ]

    assert [row["n"] for row in ordered(rows, (("a", True), ("b", False)))] == [2, 1, 0, 3]


def test_a_missing_field_sorts_as_null() -> None:
    rows: list[dict[str, object]] = [{"a": 0}, {}, {"a": None}]

    assert list(ordered(rows, (("a", False),))) == [{}, {"a": None}, {"a": 0}]


def test_an_array_sorts_by_its_least_element_or_its_greatest_when_descending() -> None:
    rows: list[dict[str, object]] = [{"a": [1, 9]}, {"a": 5}]

    assert list(ordered(rows, (("a", False),))) == rows
    assert list(ordered(rows, (("a", True),))) == rows


@given(st.lists(st.fixed_dictionaries({"a": st.integers(0, 3), "b": st.text(max_size=2)})))
def test_sorting_by_two_keys_is_sorting_by_pairs(rows: list[dict[str, Any]]) -> None:
    expected = sorted(rows, key=lambda row: (row["a"], row["b"]))

    assert list(ordered(rows, (("a", False), ("b", False)))) == expected
