"""Laws of the profile: whatever documents look like, each field is counted once a document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.explore.profile import MOST_VALUES, Field, Profile, _walk
from exporter.model import Json

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
dates = st.datetimes().map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z") | st.integers(0, 2**42)
keys = st.sampled_from(["_id", "Id", "a.b", "$set", "", "Имя", "Status", "0"]) | st.text(max_size=4)
wrapped = st.one_of(
    dates.map(lambda date: {"$date": date}),
    st.integers().map(lambda number: {"$date": {"$numberLong": str(number)}}),
    st.text().map(lambda text: {"$oid": text}),
    st.text().map(lambda text: {"$numberLong": text}),
)
values = st.recursive(
    scalars | st.text(max_size=120) | dates | wrapped,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
documents = st.lists(st.dictionaries(keys, values, max_size=4), max_size=6)


def profile(*found: dict[str, Any]) -> dict[tuple[str, ...], Field]:
    made = Profile()
    for document in found:
        made.add(document)
    assert made.total == len(found)
    return {field.path: field for field in made.fields()}


def has(document: Json, path: tuple[str, ...]) -> bool:
    """Return whether a document has something at a path that is not null, through lists."""
    if not path:
        return document is not None
    if isinstance(document, list):
        return any(has(each, path) for each in document)
    return isinstance(document, dict) and has(document.get(path[0]), path[1:])


@settings(max_examples=30)
@given(documents)
def test_a_field_is_in_as_many_documents_as_have_it_and_not_null(found: list[dict[str, Json]]) -> None:
    for path, field in profile(*found).items():
        if all(not key.startswith("$") for key in path):
            assert field.documents == sum(has(document, path) for document in found)
        assert field.documents >= max(number for _, number in field.types)
        assert field.documents >= max((number for _, number in field.values), default=0)


@settings(max_examples=30)
@given(documents)
def test_every_path_of_every_document_is_found(found: list[dict[str, Json]]) -> None:
    paths = {path for document in found for path, _, _ in _walk(document)}
    assert profile(*found).keys() == paths


@settings(max_examples=30)
@given(documents)
def test_the_order_of_documents_does_not_matter(found: list[dict[str, Json]]) -> None:
    forth, back = profile(*found), profile(*reversed(found))
    assert forth.keys() == back.keys()
    for path, field in forth.items():
        assert set(field.types) == set(back[path].types)
        assert set(field.values) == set(back[path].values)
        assert field.documents == back[path].documents


@settings(max_examples=30)
@given(documents)
def test_no_field_has_more_than_twenty_values(found: list[dict[str, Json]]) -> None:
    assert all(len(field.values) <= MOST_VALUES for field in profile(*found).values())


def test_values_are_kept_up_to_twenty_and_none_beyond() -> None:
    assert len(profile(*({"a": n} for n in range(20)))["a",].values) == 20
    assert profile(*({"a": n} for n in range(21)))["a",].values == ()


def test_a_long_text_leaves_a_field_without_values() -> None:
    assert profile({"a": "x"}, {"a": "y" * 101})["a",].values == ()


def test_true_is_not_one() -> None:
    field = profile({"a": True}, {"a": 1}, {"a": 1.0})["a",]
    assert field.values == ((1, 2), (True, 1))
    assert field.types == (("number", 2), ("boolean", 1))


@pytest.mark.parametrize(
    ("value", "kind", "instant"),
    [
        ("2026-11-28T12:00:00.000Z", "UTC date as text", 1795867200000),
        ("2026-11-28T12:00:00+00:00", "UTC date as text", 1795867200000),
        ("2026-11-28T14:00:00+02:00", "date as text", None),
        ("2026-11-28", "date as text", None),
        ("28.11.2026 12:00", "date as text", None),
        ("2026-99-28T12:00:00Z", "date as text", None),
        (1795867200000, "milliseconds", 1795867200000),
        (1795867200, "number", None),
        ({"$date": "2026-11-28T12:00:00Z"}, "date", 1795867200000),
        ({"$date": 1795867200000}, "date", 1795867200000),
        ({"$date": {"$numberLong": "1795867200000"}}, "date", 1795867200000),
        ({"$date": {}}, "date", None),
        ({"$oid": "5990b7b5d57ae86c1b2dfd6e"}, "id", None),
        ({"$numberLong": "5"}, "number", None),
        ({"$numberDecimal": "5"}, "other", None),
        ({"$set": 1}, "object", None),
        ({}, "object", None),
        ([], "list", None),
    ],
)
def test_a_value_has_its_type(value: Json, kind: str, instant: int | None) -> None:
    field = profile({"a": value})["a",]
    assert field.type == kind
    assert field.instants == ((instant,) if instant else ())


def test_what_is_equally_frequent_has_an_order() -> None:
    forth, back = profile({"a": ["x", 1, True]}, {"a": 2}), profile({"a": 2}, {"a": [True, 1, "x"]})
    assert forth == back
    assert [kind for kind, _ in forth["a",].types] == ["number", "boolean", "list", "text"]


def test_paths_go_through_lists() -> None:
    fields = profile({"a": [{"b": 1}, {"b": 1}, {"b": "x"}]}, {"a": {"b": None}})
    assert fields["a", "b"].documents == 1
    assert dict(fields["a", "b"].values) == {1: 1, "x": 1}
    assert dict(fields["a",].types) == {"list": 1, "object": 2}


@pytest.mark.parametrize(
    ("key", "can_be_asked"),
    [("Status", True), ("Имя", True), ("a.b", False), ("$set", False), ("", False), ("0", True)],
)
def test_keys_that_no_predicate_can_name_are_told_apart(key: str, can_be_asked: bool) -> None:
    field = profile({"Data": {key: 1}})["Data", key]
    assert field.can_be_asked is can_be_asked
    assert field.name == f"Data.{key}"


def test_many_paths_and_deep_documents_have_a_bound() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = {"a": [deep]}
    made = Profile()
    made.add({"deep": deep})
    made.add({f"key{number}": 1 for number in range(6_000)})
    assert max(len(field.path) for field in made.fields()) <= 32
    assert len(made.fields()) == 5_000


def test_of_too_many_paths_those_of_the_first_levels_are_kept() -> None:
    deep = {f"key{number}": 1 for number in range(6_000)}
    assert {("Status",), ("Data",), ("At",)} <= profile({"Status": "x", "Data": deep, "At": 1}).keys()
