"""Laws of inspection, as tables of predicates and their findings."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.language import predicate
from exporter.language.inspection import Finding, inspect
from exporter.language.predicate import fill, findings, write
from exporter.language.tree import MAX_DEPTH, Path
from exporter.model import DATE_FORMATS, Json

JSON: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["{name}", "now"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "$and",
                    "$not",
                    "$in",
                    "$gt",
                    "$date",
                    "$elemMatch",
                    "$all",
                    "$where",
                    "$text",
                    "$oid",
                    "Status",
                    "StartedAt",
                    "gt",
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
)


def only(raw: Json) -> Finding:
    [finding] = inspect(raw)
    return finding


def nested(levels: int) -> Json:
    """Return a predicate of `levels` nested mappings and lists; an even number."""
    raw: Json = {"Errors": {"$gt": 0}}
    for _ in range((levels - 2) // 2):
        raw = {"$and": [raw]}
    return raw


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        {"User": "[user-id]"},
        {"Conversation": "[conversation-id]"},
        {"Data.channel.ProviderName": "facebook", "Status": "success"},
        {"$or": [{"Data.channel.ProviderName": "facebook"}, {"Data.channel.ProviderName": "viber"}]},
        {"Errors": {"$gt": 0}},
        {"Messages.user": {"$gt": 3}},
    ],
)
def test_documented_predicates_have_no_findings(raw: Json) -> None:
    assert inspect(raw) == []


@pytest.mark.parametrize(
    "raw",
    [
        {"Status": "success", "$nor": [{"Errors": {"$gte": 1, "$lt": 9}}, {}], "$and": [{"$or": [{"a": 1}]}]},
        {"a": {"$in": [1, None, True, "x", {"k": 1}, [2]]}, "b": {"$nin": []}, "c": {"$ne": None}},
        {"a": {"$not": {"$gt": 3, "$lt": 9}}, "b": {"$eq": {"k": [1.5]}}, "c": {"k": {"l": "m"}}, "d": {}},
        {"StartedAt": {"$gte": {"$date": "now-1d/d"}, "$lt": {"$date": "2026-11-22T16:00:00Z"}}},
        {
            "StartedAt": {"$date": "2026-11-22"},
            "b": {"$in": [{"$date": "now"}]},
            "c": {"at": {"$date": "now"}},
        },
        {"a": "{channel}", "b": {"$in": ["{channel}"]}, "c": {"$gt": "{least}"}, "d": {"$date": "{since}"}},
        {
            "a": 2**53,
            "b": -(2**53),
            "c": 1e300,
            "d": {"$gt": "2026"},
            "e": "now-1h",
            "f": {"$eq": "2026-11-22"},
        },
    ],
)
def test_documented_operators_have_no_findings(raw: Json) -> None:
    assert inspect(raw) == []


@pytest.mark.parametrize(
    ("raw", "path", "what"),
    [
        ([], (), "a predicate is a mapping of fields"),
        ("success", (), "a predicate is a mapping of fields"),
        ({"$where": "this.a"}, ("$where",), "$where is refused: it runs JavaScript"),
        ({"a": {"$where": "this.a"}}, ("a", "$where"), "$where is refused"),
        ({"a": {"k": {"$where": "this.a"}}}, ("a", "k", "$where"), "$where is refused"),
        ({"$expr": {"$gt": ["$a", "$b"]}}, ("$expr",), "$expr is refused: it computes on every document"),
        ({"a": {"$in": [{"$function": {}}]}}, ("a", "$in", 0, "$function"), "$function is refused"),
        ({"$and": [{"$accumulator": {}}]}, ("$and", 0, "$accumulator"), "$accumulator is refused"),
        ({"$and": {}}, ("$and",), "$and takes a list of predicates, at least one"),
        ({"$or": []}, ("$or",), "$or takes a list of predicates"),
        ({"$nor": "{x}"}, ("$nor",), "$nor takes a list of predicates"),
        ({"$or": [{"a": 1}, "b"]}, ("$or", 1), "each branch of $or is a mapping of fields"),
        ({"a": {"$in": "b"}}, ("a", "$in"), "$in takes a list"),
        ({"a": {"$nin": {"b": 1}}}, ("a", "$nin"), "$nin takes a list"),
        ({"a": {"$in": "{channel}"}}, ("a", "$in"), "$in takes a list"),
        ({"a": {"$not": 3}}, ("a", "$not"), "$not takes a mapping of operators"),
        ({"a": {"$not": {"k": 3}}}, ("a", "$not"), "$not takes a mapping of operators"),
        ({"a": {"$not": {"$date": "now"}}}, ("a", "$not"), "$not takes a mapping of operators"),
        ({"a": {"$not": {"$gt": 1, "k": 1}}}, ("a", "$not", "k"), 'the field "k" is beside operators'),
        ({"a": {"$gt": 0, "b": 1}}, ("a", "b"), 'the field "b" is beside operators'),
        ({"a": {"$or": [{"b": 1}]}}, ("a", "$or"), "$or belongs above fields, not under one"),
        ({"a": {"$text": {}}}, ("a", "$text"), "$text belongs above fields, not under one"),
        ({"$gt": 3}, ("$gt",), "$gt belongs under a field"),
        ({"$or": [{"$exists": True}]}, ("$or", 0, "$exists"), "$exists belongs under a field"),
        ({"$date": "now"}, ("$date",), "$date belongs under a field"),
        ({"$or": [{"$oid": "x"}]}, ("$or", 0, "$oid"), "$oid belongs under a field"),
        (
            {"a": {"$eq": {"$gt": 1}}},
            ("a", "$eq", "$gt"),
            "$gt is inside a value, and values are compared as a whole",
        ),
        ({"a": {"k": {"$gt": 1}}}, ("a", "k", "$gt"), "$gt is inside a value"),
        ({"a": {"$in": [{"$gt": 1}]}}, ("a", "$in", 0, "$gt"), "$gt is inside a value"),
        ({"a": [{"$foo": 1}]}, ("a", 0, "$foo"), "$foo is inside a value"),
        ({"": 1}, ("",), "a field name is empty"),
        ({"a..b": 1}, ("a..b",), 'the field name "a..b" has an empty part'),
        ({"$and": [{".a": 1}]}, ("$and", 0, ".a"), 'the field name ".a" has an empty part'),
        ({"$Status": 1}, ("$Status",), "MongoDB has no operator $Status"),
        ({"a": {"$greater": 1}}, ("a", "$greater"), "MongoDB has no operator $greater"),
        ({"a": float("nan")}, ("a",), "nan is not a JSON number"),
        ({"a": {"$in": [1, float("-inf")]}}, ("a", "$in", 1), "-inf is not a JSON number"),
        ({"a": 2**53 + 1}, ("a",), "a whole number beyond 2^53"),
        ({"a": {"$lt": -(10**5000)}}, ("a", "$lt"), "a whole number beyond 2^53"),
        ({"a": {"$date": 1_700_000_000}}, ("a", "$date"), "$date takes text: date math"),
        (
            {"a": {"$gt": {"$date": "yesterday"}}},
            ("a", "$gt", "$date"),
            '"yesterday" is not a date (write date math',
        ),
        ({"a": {"$date": "now", "b": 1}}, ("a", "b"), '"b" is beside a value such as {$date: now}'),
        ({"a": {"$date": "now", "$gt": 1}}, ("a", "$gt"), '"$gt" is beside a value'),
    ],
)
def test_a_wrong_predicate_is_an_error_with_its_path(raw: Json, path: Path, what: str) -> None:
    finding = only(raw)
    assert (finding.path, finding.severity) == (path, "error")
    assert finding.what.startswith(what)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"a": {"$exists": True}}, ("a", "$exists")),
        ({"a": {"$exists": "{flag}"}}, ("a", "$exists")),
        ({"a": {"$type": "date"}}, ("a", "$type")),
        ({"a": {"$regex": "^face"}}, ("a", "$regex")),
        ({"a": {"$not": {"$regex": "^face"}}}, ("a", "$not", "$regex")),
        ({"a": {"$size": 0}}, ("a", "$size")),
        ({"a": {"$size": "{size}"}}, ("a", "$size")),
        ({"a": {"$mod": [4, 0]}}, ("a", "$mod")),
        ({"a": {"$all": ["x", {"k": 1}]}}, ("a", "$all")),
        ({"a": {"$elemMatch": {"Kind": "error", "Count": {"$gt": 3}}}}, ("a", "$elemMatch")),
        ({"a": {"$elemMatch": {"$gt": 3, "$lt": 9}}}, ("a", "$elemMatch")),
        ({"a": {"$elemMatch": {"$or": [{"k": 1}]}}}, ("a", "$elemMatch")),
        ({"a": {"$near": {"$geometry": {"type": "Point"}}}}, ("a", "$near")),
        ({"_id": {"$oid": "5c0e7f"}}, ("_id", "$oid")),
        ({"$comment": "why"}, ("$comment",)),
    ],
)
def test_an_operator_that_the_api_does_not_document_is_a_warning(raw: Json, path: Path) -> None:
    finding = only(raw)
    assert (finding.path, finding.severity) == (path, "warning")
    assert finding.what.startswith(f"the API does not document {path[-1]}")
    assert finding.advice == "documented are $eq $ne $gt $gte $lt $lte $in $nin $not $and $or $nor"


@pytest.mark.parametrize(
    ("operator", "operand", "what"),
    [
        ("$exists", 1, "$exists takes true or false"),
        ("$regex", 3, "$regex takes text"),
        ("$options", ["i"], "$options takes text"),
        ("$size", -1, "$size takes a whole number from 0"),
        ("$size", True, "$size takes a whole number from 0"),
        ("$size", 1.0, "$size takes a whole number from 0"),
        ("$size", "one", "$size takes a whole number from 0"),
        ("$mod", [4], "$mod takes two whole numbers"),
        ("$mod", [4, 0.5], "$mod takes two whole numbers"),
        ("$mod", 4, "$mod takes two whole numbers"),
        ("$all", "x", "$all takes a list"),
        ("$elemMatch", [1], "$elemMatch takes a mapping"),
        ("$elemMatch", {"$date": "now"}, "$elemMatch takes a mapping"),
        ("$elemMatch", {"$gt": 1, "k": 1}, 'the field "k" is beside operators'),
        ("$elemMatch", {"$gtt": 1}, "MongoDB has no operator $gtt"),
        ("$all", [{"$elemMatch": 1}], "$elemMatch takes a mapping"),
    ],
)
def test_an_operand_of_the_wrong_shape_is_an_error_beside_the_warning(
    operator: str, operand: Json, what: str
) -> None:
    findings = inspect({"a": {operator: operand}})
    [error] = [finding for finding in findings if finding.severity == "error"]
    assert error.what.startswith(what)
    assert findings[0].what.startswith(f"the API does not document {operator}")


@pytest.mark.parametrize(
    ("raw", "advice"),
    [
        ({"a": {"$gtt": 1}}, 'did you mean "$gt"?'),
        ({"$orr": []}, 'did you mean "$or"?'),
        ({"a": {"$elemmatch": {}}}, 'did you mean "$elemMatch"?'),
        ({"a": {"$frobnicate": 1}}, "documented are $eq $ne $gt $gte $lt $lte $in $nin $not $and $or $nor"),
    ],
)
def test_an_unknown_operator_has_advice(raw: Json, advice: str) -> None:
    assert only(raw).advice == advice


def test_all_findings_are_returned_at_once() -> None:
    raw: Json = {
        "$or": [{"": 1}, 2],
        "a": {"$in": 3, "$foo": 4},
        "b": {"$where": ""},
        "c": {"$gt": float("inf")},
    }
    assert {finding.path for finding in inspect(raw)} == {
        *[("$or", 0, ""), ("$or", 1), ("a", "$in"), ("a", "$foo"), ("b", "$where"), ("c", "$gt")]
    }


def test_a_predicate_may_be_nested_to_the_limit_and_no_deeper() -> None:
    assert inspect(nested(MAX_DEPTH)) == []
    assert only(nested(MAX_DEPTH + 2)).what == "nested deeper than 32 levels"
    assert only(nested(100_000)).what == "nested deeper than 32 levels"


def test_a_tree_that_contains_itself_is_nested_too_deep() -> None:
    raw: dict[str, Json] = {}
    raw["$and"] = [raw]
    assert only(raw).what == "nested deeper than 32 levels"


@given(JSON)
def test_a_predicate_without_errors_reaches_the_wire_in_every_format(raw: Json) -> None:
    filled = fill(raw, {"name": "now-1d/d"})
    if any(finding.severity == "error" for finding in inspect(filled)):
        return
    for dates in DATE_FORMATS:
        write(predicate.compile(filled), datetime(2026, 11, 22, tzinfo=UTC), ZoneInfo("UTC"), dates).encode()


@given(JSON)
def test_every_finding_has_a_path_of_the_tree(raw: Json) -> None:
    for finding in findings(raw, "conversations"):
        node = raw
        for step in finding.path:
            node = node[step]  # type: ignore[index]
