from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exporter.config.kinds import Key, Kind, choice, list_of, section, table, text, whole

Check = Callable[..., tuple[Any, list[str]]]

PET = section(
    "a pet",
    {
        "name": Key(text("a name", str), "What it is called.", required=True),
        "legs": Key(whole(0, 8), "How many.", 4),
    },
)
AGES = table("a mapping of names to ages", int, {"pattern": "[0-9]"}, whole(0, 99))


def test_a_text_is_parsed(check: Check) -> None:
    kind = text("digits", int, pattern="[0-9]")
    assert check(kind, "'7'") == (7, [])
    assert check(kind, "7") == (None, ["1: expected digits, found a number"])
    assert check(kind, "x")[1][0].startswith("1: invalid literal")
    assert kind.schema == {"type": "string", "pattern": "[0-9]"}


def test_a_choice_is_one_of_its_words(check: Check) -> None:
    kind = choice(("iso", "auto"))
    assert check(kind, "auto") == ("auto", [])
    assert check(kind, "autto")[1] == ['1: "autto" is none of iso, auto (did you mean "auto"?)']
    assert check(kind, "zzz")[1] == ['1: "zzz" is none of iso, auto (write iso or auto)']


def test_a_whole_number_has_bounds(check: Check) -> None:
    kind = whole(1, 8)
    assert check(kind, "8") == (8, [])
    assert check(kind, "0") == (None, ["1: out of range (write at least 1)"])
    assert check(kind, "9") == (None, ["1: out of range (write at most 8)"])


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ("~", "nothing"),
        ("true", "true or false"),
        ("secret", "text"),
        ("5.5", "a decimal number"),
        ("[5]", "a list"),
        ("{a: 5}", "a mapping"),
    ],
)
def test_the_error_about_another_kind_does_not_repeat_the_value(check: Check, found: str, name: str) -> None:
    assert check(whole(1, 8), found)[1] == [f"1: expected a whole number from 1 to 8, found {name}"]


def test_a_list_reports_every_wrong_item_and_keeps_the_others_in_place(check: Check) -> None:
    kind = list_of(whole(1, 8), "a list of numbers")
    items, problems = check(kind, "[1, 9, x, 2]")
    assert items == [1, None, None, 2]
    assert [problem.split(": ")[1] for problem in problems] == ["[1]", "[2]"]
    assert check(kind, "[]") == ([], ["1: an empty list (write a list of numbers)"])


def test_a_table_reports_wrong_keys_at_the_key_and_wrong_values_at_the_value(check: Check) -> None:
    ages, problems = check(AGES, "{'1': 2, x: 3, '4': y}")
    assert ages == {"1": 2, "x": 3, "4": None}
    assert [problem.split(": ")[:2] for problem in problems] == [["10", "x"], ["21", "4"]]
    assert AGES.schema == {
        "type": "object",
        "propertyNames": {"pattern": "[0-9]"},
        "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 99},
    }


def test_a_section_reports_every_error_and_keeps_the_right_values(check: Check) -> None:
    assert check(PET, "{name: cat, legs: 3}") == ({"name": "cat", "legs": 3}, [])
    assert check(PET, "{legs: 9, nmae: cat}") == (
        {},
        [
            "1: name: missing (write a name)",
            "8: legs: out of range (write at most 8)",
            '11: nmae: unknown key (did you mean "name"?)',
        ],
    )


def test_a_section_with_a_refused_key_reports_no_missing_key(check: Check) -> None:
    assert [problem.split(" (")[0] for problem in check(PET, "{<<: {name: cat}}")[1]] == ["2: a merge key"]


def test_a_mapping_with_a_refused_key_is_not_a_list(check: Check) -> None:
    _, problems = check(list_of(PET, "a list of pets"), "{1: cat}")
    assert [problem.split(" (")[0] for problem in problems] == [
        "1: expected a list of pets, found a mapping",
        "2: a key that is not text",
    ]


@pytest.mark.parametrize("kind", [PET, AGES, whole(0, 1), text("text", str), list_of(PET, "a list")])
def test_a_refused_value_is_not_reported_again(check: Check, kind: Kind) -> None:
    assert [problem.split(" (")[0] for problem in check(kind, "!x 1")[1]] == ["1: a tag"]


def test_a_section_has_a_json_schema() -> None:
    assert PET.schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "What it is called."},
            "legs": {"type": "integer", "minimum": 0, "maximum": 8, "description": "How many.", "default": 4},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
