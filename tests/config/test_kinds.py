from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from exporter.config.kinds import Kind, ListOf, Section, Whole, Words, optional, required
from exporter.config.notes import Given, Notes
from exporter.config.source import compose


@dataclass(frozen=True, slots=True)
class Pet:
    name: Given[str] = required(Words("a name", str), "What it is called.", blank="")
    legs: Given[int] | None = optional(Whole(0, 8), "How many.", default=4)


PET = Section(Pet, "a pet")


def read(kind: Kind[Any], text: str) -> tuple[Any, list[str]]:
    document = compose(text.encode(), "f")
    notes = Notes(document.problems)
    given = kind.read(document.root, "", notes)
    told = [*notes.of("error"), *notes.of("warning")]
    return given.value if given else None, [str(problem).removeprefix("f:1:") for problem in told]


def test_words_are_parsed_once_and_doubted_after() -> None:
    def doubt(value: int) -> tuple[str, str] | None:
        return ("small", "write more") if value < 5 else None

    kind = Words("digits", int, doubt)
    assert read(kind, "'7'") == (7, [])
    assert read(kind, "'3'") == (3, ["1: warning: small (write more)"])
    assert read(kind, "7") == (None, ["1: expected digits, found a number"])
    assert read(kind, "x")[1][0].startswith("1: invalid literal")


def test_whole_numbers_have_bounds_and_truth_is_none() -> None:
    kind = Whole(1, 8)
    assert read(kind, "8") == (8, [])
    assert read(kind, "0") == (None, ["1: out of range (write at least 1)"])
    assert read(kind, "9") == (None, ["1: out of range (write at most 8)"])
    for text, found in (
        ("true", "true or false"),
        ("1.0", "a decimal number"),
        ("'1'", "text"),
        ("", "nothing"),
    ):
        assert read(kind, text) == (None, [f"1: expected a whole number from 1 to 8, found {found}"])


def test_a_list_tells_every_item_that_is_wrong_and_keeps_the_others() -> None:
    kind = ListOf(Whole(1, 8), "a list of numbers")
    items, problems = read(kind, "[1, 9, x, 2]")
    assert [item.value for item in items] == [1, 2]
    assert [item.path for item in items] == ["[0]", "[3]"]
    assert [problem.split(": ")[1] for problem in problems] == ["[1]", "[2]"]
    assert read(kind, "[]") == ((), ["1: an empty list (write a list of numbers)"])


def test_a_section_gives_each_key_its_value_and_place() -> None:
    pet, problems = read(PET, "{name: cat, legs: 3}")
    assert problems == []
    assert (pet.name.value, pet.legs.value, pet.legs.path, pet.legs.place.column) == (
        "cat",
        3,
        "legs",
        19,
    )


def test_a_section_tells_all_its_faults_and_goes_on_with_blanks() -> None:
    pet, problems = read(PET, "{legs: 9, nmae: cat}")
    assert problems == [
        "1: name: missing (write a name)",
        "8: legs: out of range (write at most 8)",
        '11: nmae: unknown key (did you mean "name"?)',
    ]
    assert (pet.name.value, pet.legs) == ("", None)


def test_a_section_that_lost_a_key_does_not_miss_it() -> None:
    assert [problem.split(" (")[0] for problem in read(PET, "{<<: {name: cat}}")[1]] == ["2: a merge key"]


@pytest.mark.parametrize("kind", [PET, Whole(0, 1), Words("text", str), ListOf(Whole(0, 1), "a list")])
def test_a_value_that_was_refused_is_not_told_again(kind: Kind[object]) -> None:
    assert [problem.split(" (")[0] for problem in read(kind, "!x 1")[1]] == ["1: a tag"]


def test_a_section_s_schema_comes_from_the_same_declaration() -> None:
    assert PET.schema() == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "What it is called."},
            "legs": {"type": "integer", "minimum": 0, "maximum": 8, "description": "How many.", "default": 4},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
