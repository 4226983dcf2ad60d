"""Laws of predicates: how they are filled, joined, compiled and written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.language import predicate
from exporter.model import DATE_FORMATS, DateFormat, Json, Predicate

NOW = datetime(2026, 11, 22, 16, 0, 0, 1999, tzinfo=UTC)
SOFIA = ZoneInfo("Europe/Sofia")
SINCE: Json = {"StartedAt": {"$gte": {"$date": "now-1h"}}}
JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


def test_a_placeholder_becomes_its_value_with_the_type_kept() -> None:
    raw: Json = {"a": "{text}", "b": ["{whole}", {"c": "{real}"}], "d": {"$exists": "{flag}"}}
    assert json.dumps(
        predicate.fill(raw, {"text": "x", "whole": 3, "real": 2.0, "flag": True})
    ) == json.dumps({"a": "x", "b": [3, {"c": 2.0}], "d": {"$exists": True}})


@pytest.mark.parametrize(
    "text", ["{other}", "{x}!", " {x}", "{{x}}", "{x}{x}", "{}", "${x}", "$x", "{x", "{x}\n", "{x y}"]
)
def test_any_other_text_is_unchanged(text: str) -> None:
    assert predicate.fill({"a": text}, {"x": "filled"}) == {"a": text}


def test_keys_are_never_filled() -> None:
    assert predicate.fill({"{x}": 1}, {"x": "filled"}) == {"{x}": 1}


def test_a_filled_value_is_not_filled_again() -> None:
    assert predicate.fill(["{x}", "{y}"], {"x": "{y}", "y": "z"}) == ["{y}", "z"]


@given(JSON)
def test_filling_with_nothing_changes_nothing(raw: Json) -> None:
    assert predicate.fill(raw, {}) == raw


def test_placeholders_are_returned_with_their_paths() -> None:
    raw: Json = {"a": "{x}", "$or": [{"b": {"$in": ["{y}", "{x}"]}}], "{z}": "{not one}", "c": 1}
    assert predicate.placeholders(raw) == {
        "x": [("a",), ("$or", 0, "b", "$in", 1)],
        "y": [("$or", 0, "b", "$in", 0)],
    }


@pytest.mark.parametrize("nothing", [None, {}])
def test_joining_with_an_empty_predicate_changes_nothing(nothing: Json) -> None:
    assert predicate.both(nothing, {"a": 1}) == {"a": 1}
    assert predicate.both({"a": 1}, nothing) == {"a": 1}
    assert predicate.compile(predicate.both(nothing, nothing)) == Predicate()


def test_two_predicates_are_joined_with_and() -> None:
    assert predicate.both({"a": 1}, {"a": 2}) == {"$and": [{"a": 1}, {"a": 2}]}


def test_a_predicate_is_compact_json_in_the_order_written() -> None:
    raw: Json = {"b": {"$in": [1, 2.5, None, True]}, "a": "Здравей"}
    assert predicate.compile(raw) == Predicate('{"b":{"$in":[1,2.5,null,true]},"a":"Здравей"}')


def test_an_empty_predicate_is_the_empty_text() -> None:
    assert predicate.compile(None) == predicate.compile({}) == Predicate()


@given(JSON)
def test_a_compiled_predicate_is_read_back(raw: Json) -> None:
    compiled = predicate.compile(raw)
    assert (json.loads(compiled.text) if compiled.text else raw) == raw


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ({"Errors": {"$gt": 0}}, ()),
        (SINCE, ("StartedAt",)),
        ({"StartedAt": {"$date": "now"}}, ("StartedAt",)),
        ({"b.c": {"$date": "now"}, "a": {"$gt": {"$date": "now"}, "$lt": {"$date": "now"}}}, ("a", "b.c")),
        (
            {"$and": [SINCE, {"$or": [{"EndedAt": {"$not": {"$gt": {"$date": "now"}}}}]}]},
            ("EndedAt", "StartedAt"),
        ),
        ({"a": {"$in": [1, {"$date": "now"}]}}, ("a",)),
        ({"a.b": {"$elemMatch": {"c": {"$gt": {"$date": "now"}}, "d": 1}}}, ("a.b.c",)),
        ({"a": {"$elemMatch": {"$gt": {"$date": "now"}}}}, ("a",)),
        ({"a": {"$all": [{"$elemMatch": {"$or": [{"b": {"$date": "now"}}]}}]}}, ("a.b",)),
        ({"a": {"b": {"$date": "now"}}}, ("a.b",)),
    ],
)
def test_the_fields_that_are_compared_with_dates_are_returned(raw: Json, fields: tuple[str, ...]) -> None:
    assert predicate.compile(raw).dated == fields


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        ("iso", '{"StartedAt":{"$gte":"2026-11-22T15:00:00.001Z"}}'),
        ("extended-json", '{"StartedAt":{"$gte":{"$date":"2026-11-22T15:00:00.001Z"}}}'),
        ("epoch-ms", '{"StartedAt":{"$gte":1795359600001}}'),
    ],
)
def test_a_date_is_written_in_each_format_to_the_millisecond(dates: DateFormat, text: str) -> None:
    assert predicate.write(predicate.compile(SINCE), NOW, SOFIA, dates) == text


def test_every_date_is_resolved_in_the_zone() -> None:
    raw: Json = {
        "$or": [
            {"a": {"$in": [{"$date": "now/d"}, "ü"]}},
            {"b": {"$lt": {"$date": "2026-07-01"}}},
            {"c": None},
        ]
    }
    assert predicate.write(predicate.compile(raw), NOW, SOFIA, "iso") == (
        '{"$or":[{"a":{"$in":["2026-11-21T22:00:00.000Z","ü"]}},{"b":{"$lt":"2026-06-30T21:00:00.000Z"}},{"c":null}]}'
    )


@pytest.mark.parametrize("dates", DATE_FORMATS)
def test_a_predicate_without_dates_is_written_as_it_is(dates: DateFormat) -> None:
    for undated in (Predicate(), predicate.compile({"Errors": {"$gt": 0}})):
        assert predicate.write(undated, NOW, SOFIA, dates) is undated.text


def test_a_probe_counts_documents_with_a_field() -> None:
    assert predicate.exists_probe("a.b") == '{"a.b":{"$ne":null}}'


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        ("iso", '{"a.b":{"$gte":"1970-01-01T00:00:00.000Z"}}'),
        ("extended-json", '{"a.b":{"$gte":{"$date":"1970-01-01T00:00:00.000Z"}}}'),
        ("epoch-ms", '{"a.b":{"$gte":100000000000}}'),
    ],
)
def test_a_probe_counts_documents_with_a_date_in_each_format(dates: DateFormat, text: str) -> None:
    assert predicate.since_epoch_probe("a.b", dates) == text


@pytest.mark.parametrize(
    ("dates", "bound"),
    [
        ("iso", "2026-11-22T16:00:00.001Z"),
        ("extended-json", {"$date": "2026-11-22T16:00:00.001Z"}),
        ("epoch-ms", 1795363200001),
    ],
)
def test_before_adds_a_date_to_what_a_predicate_matches(dates: DateFormat, bound: Json) -> None:
    dated = {"At": {"$lt": bound}}
    assert json.loads(predicate.before(Predicate(), "At", NOW, dates)) == dated
    both = json.loads(predicate.before(predicate.compile({"Errors": 0}), "At", NOW, dates))
    assert both == {"$and": [{"Errors": 0}, dated]}
