"""Laws of guesses: only what is nearly the same is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.explore import near
from exporter.explore.conditions import conditions
from exporter.explore.profile import Profile
from exporter.language import predicate
from exporter.model import Json

letters = st.text("abcé", min_size=4, max_size=8)


@pytest.mark.parametrize("text", ["Success", "sucess", "succcess", "succesS", "usccess", "successs"])
def test_case_and_one_letter_are_near(text: str) -> None:
    assert near.value(text, ["error", "success"]) == "success"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("viber", "viber"),
        ("viber", "darvin"),
        ("Status", "StartedAt"),
        ("ok", "no"),
        ("suces", "success"),
        ("a", "b"),
        ("x", ""),
    ],
)
def test_anything_else_is_not_near(text: str, known: str) -> None:
    assert near.value(text, [known]) == ""


@given(letters, st.data())
def test_one_letter_less_or_swapped_is_near(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 2))
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    assert near.value(swapped, [text]) == (text if swapped != text else "")
    if len(text) > 4:
        assert near.value(text[:at] + text[at + 1 :], [text]) == text


def test_the_case_counts_more_than_a_letter() -> None:
    assert near.value("errors", ["Error", "Errors"]) == "Errors"


def test_a_field_may_lack_what_is_in_front_of_it() -> None:
    assert near.field("ProviderName", ["Data.channel.ProviderName"]) == "Data.channel.ProviderName"
    assert near.field("Name", ["Data.channel.ProviderName"]) == ""


def test_a_field_may_lack_what_is_around_it_if_only_one_has_it() -> None:
    assert near.field("Channel", ["Status", "Data.channel.ProviderName"]) == "Data.channel.ProviderName"
    assert near.field("Channel", ["Data.channel.ProviderName", "Data.channel.Id"]) == ""


@pytest.mark.parametrize(
    ("value", "among", "advice"),
    [
        ("0", 1, "write it without quotes"),
        ("true", True, "write it without quotes"),
        (0, "x", "write it in quotes"),
        (True, "x", "write it in quotes"),
        ("2026-11-28", {"$date": 5}, "compare it with {$date: …}"),
        (1, True, "true or false"),
        ("x", {"$oid": "x"}, "an id"),
        (1, 2, ""),
        ("x", "y", ""),
        ("x", {"a": 1}, "write a field in it, with dots"),
        (["x"], "x", "write its values one by one behind $in"),
        ({"a": 1}, "x", "an object, and the field has text"),
        ("x", [{"a": 1}], "write a field in it, with dots"),
        ("x", ["y"], ""),
        ("x", [], ""),
        ({"a": 2}, {"a": 1}, ""),
        (["x"], ["y"], ""),
    ],
)
def test_another_type_is_told_with_what_to_write(value: Json, among: Json, advice: str) -> None:
    profile = Profile()
    profile.add({"a": among})
    told = near.type_advice(value, profile.fields()[0])
    assert advice in told
    assert bool(told) == bool(advice)


def test_a_predicate_is_taken_apart() -> None:
    raw: Json = {
        "A": 1,
        "B": {"$gt": 2, "$ne": 3},
        "C": {"$in": ["x", None]},
        "D": {"$gte": {"$date": "now-1h"}},
        "$or": [{"E": "y"}, {"$nor": [{"F": "z"}]}],
        "G": {"$not": {"$gt": 5, "$ne": 6}, "$nin": ["v", None]},
        "H": {"whole": "mapping"},
        "I": [{"$oid": "x"}],
    }
    found = conditions([predicate.compile(raw)])
    assert list(found.fields) == ["A", "B", "C", "D", "E", "F", "G", "H", "I"]
    compared = [(each.field, each.operator, each.value) for each in found.comparisons]
    assert compared == [
        *(("A", "$eq", 1), ("B", "$gt", 2), ("C", "$eq", "x"), ("E", "$eq", "y")),
        ("H", "$eq", {"whole": "mapping"}),
    ]
    negated = [(each.field, each.operator, each.value) for each in found.negated]
    assert negated == [
        *(("B", "$eq", 3), ("F", "$eq", "z")),
        *(("G", "$gt", 5), ("G", "$eq", 6), ("G", "$eq", "v")),
    ]
    assert found.dated == ("D",)
    assert found.operators == {"$gt", "$ne", "$in", "$gte", "$or", "$nor", "$not", "$nin"}
    assert not conditions([predicate.compile(None)]).fields
