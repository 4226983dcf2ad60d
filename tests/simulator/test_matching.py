from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from montydb.engine.queries import QueryFilter

from exporter.model import Json
from exporter.simulator.dates import Dates
from exporter.simulator.matching import matcher
from exporter.simulator.refusal import Refused

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)

DOCUMENTS: dict[str, dict[str, Any]] = {
    "number": {"f": 5},
    "fraction": {"f": 5.0},
    "zero": {"f": 0},
    "one": {"f": 1},
    "true": {"f": True},
    "false": {"f": False},
    "text": {"f": "5"},
    "null": {"f": None},
    "missing": {"g": 1},
    "array": {"f": [1, 7]},
    "mixed": {"f": ["5", True, None]},
    "empty": {"f": []},
    "object": {"f": {"a": 5, "b": 1}},
    "swapped": {"f": {"b": 1, "a": 5}},
    "objects": {"f": [{"a": 5}, {"b": 2}]},
    "deep": {"f": {"a": {"c": "x"}}},
    "date": {"f": NEW_YEAR},
}


def all_but(names: str) -> str:
    return " ".join(name for name in DOCUMENTS if name not in names.split())


CASES: list[tuple[Json, str]] = [
    ({}, " ".join(DOCUMENTS)),
    ({"f": 5}, "number fraction"),
    ({"f": 1}, "one array"),
    ({"f": True}, "true mixed"),
    ({"f": False}, "false"),
    ({"f": 0}, "zero"),
    ({"f": "5"}, "text mixed"),
    ({"f": None}, "null missing mixed"),
    ({"f": [1, 7]}, "array"),
    ({"f": [7, 1]}, ""),
    ({"f": []}, "empty"),
    ({"f": {"a": 5, "b": 1}}, "object"),
    ({"f": {"$eq": {"b": 1, "a": 5}}}, "swapped"),
    ({"f": {"a": 5}}, "objects"),
    ({"f": {"$gt": 0}}, "number fraction one array"),
    ({"f": {"$gte": 0}}, "number fraction zero one array"),
    ({"f": {"$lt": 5}}, "zero one array"),
    ({"f": {"$lte": 5}}, "number fraction zero one array"),
    ({"f": {"$gt": 4, "$lt": 6}}, "number fraction array"),
    ({"f": {"$gt": 6, "$lt": 2}}, "array"),
    ({"f": {"$gt": ""}}, "text mixed"),
    ({"f": {"$gt": False}}, "true mixed"),
    ({"f": {"$gte": None}}, "null missing mixed"),
    ({"f": {"$gt": None}}, ""),
    ({"f": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}}, "date"),
    ({"f": {"$lt": {"$date": "2026-01-01T02:00:00.001+02:00"}}}, "date"),
    ({"f": {"$date": 1767225600000}}, "date"),
    ({"f": {"$date": {"$numberLong": "1767225600000"}}}, "date"),
    ({"f": {"$gte": "2020-01-01T00:00:00Z"}}, "text mixed"),
    ({"f": {"$ne": 5}}, all_but("number fraction")),
    ({"f": {"$ne": None}}, all_but("null missing mixed")),
    ({"f": {"$in": [5, "5"]}}, "number fraction text mixed"),
    ({"f": {"$in": [None, 7]}}, "null missing array mixed"),
    ({"f": {"$in": []}}, ""),
    ({"f": {"$nin": [5, 0, 1, "5", True, False]}}, "null missing empty object swapped objects deep date"),
    ({"f": {"$nin": [None]}}, all_but("null missing mixed")),
    ({"f": {"$exists": False}}, "missing"),
    ({"f": {"$exists": True}, "f.a": {"$exists": True}}, "object swapped objects deep"),
    ({"f.a": 5}, "object swapped objects"),
    ({"f.a": None}, "number fraction zero one true false text null missing objects date"),
    ({"f.a": {"$ne": 5}, "f": {"$gte": 5}}, "number fraction array"),
    ({"f.b": {"$gt": 0}}, "object swapped objects"),
    ({"f.a.c": "x"}, "deep"),
    ({"f.a.c": None, "f.b": {"$gt": 0}}, "object swapped objects"),
    ({"f.0": 1}, "array"),
    ({"f.0": {"$exists": True}, "f.1": {"$exists": True}}, "array mixed objects"),
    ({"f.1.b": 2}, "objects"),
    ({"f": {"$not": {"$gt": 0}}}, all_but("number fraction one array")),
    ({"f": {"$not": {"$not": {"$gt": 5}}}}, "array"),
    ({"f": {"$gt": 0, "$ne": 1}}, "number fraction"),
    ({"f": {"$ne": 1, "$gt": 0}}, "number fraction"),
    ({"$or": [{"f": 5}, {"g": 1}]}, "number fraction missing"),
    ({"$and": [{"f": {"$gt": 0}}, {"f": {"$lt": 5}}]}, "one array"),
    ({"$nor": [{"f": {"$exists": True}}]}, "missing"),
    ({"$or": [{"$and": [{"f": 1}, {"f": 7}]}, {"f.a.c": "x"}]}, "array deep"),
    ({"f": {"$regex": "^5$"}}, "text mixed"),
    ({"f.a.c": {"$regex": "X", "$options": "i"}}, "deep"),
]  # fmt: skip


@pytest.mark.parametrize(("predicate", "expected"), CASES, ids=[str(case[0]) for case in CASES])
def test_a_predicate_matches_what_mongodb_matches(predicate: Json, expected: str) -> None:
    matches = matcher(predicate, Dates("extended-json"))

    assert [name for name, document in DOCUMENTS.items() if matches(document)] == expected.split()


REFUSED: list[tuple[Json, str]] = [
    ({"$where": "true"}, "unknown operator $where"),
    ({"$expr": {"$gt": ["$f", 1]}}, "unknown operator $expr"),
    ({"f": {"$function": {}}}, "unknown operator $function"),
    ({"f": {"$gt": {"$function": {}}}}, "unknown operator $function"),
    ({"f": {"$grater": 1}}, "unknown operator $grater"),
    ({"f": {"$elemMatch": {"a": 5}}}, "unknown operator $elemMatch"),
    ({"f": {"$gt": 1, "plain": 2}}, "unknown operator plain"),
    ({"$xor": []}, "unknown operator $xor"),
    ({"f": {"$options": "i"}}, "unknown operator $options"),
    ({"f": [{"$oid": "1"}]}, "unknown operator $oid"),
    ({"$or": []}, "$or must be a nonempty array"),
    ({"$and": {}}, "$and needs an array"),
    ({"$or": [{"f": 1}, {"$nor": []}]}, "$nor must be a nonempty array"),
    ({"$or": [1]}, "a predicate must be a JSON object"),
    ([], "a predicate must be a JSON object"),
    ({"f": {"$in": 1}}, "$in needs an array"),
    ({"f": {"$nin": "a"}}, "$nin needs an array"),
    ({"f": {"$not": 1}}, "$not takes an object of operators"),
    ({"f": {"$not": {"a": 1}}}, "$not takes an object of operators"),
    ({"f": {"$regex": "("}}, "$regex is not a valid regular expression"),
    ({"f": {"$regex": "a", "$options": "z"}}, "$regex takes text, $options some of i, m, s, x"),
    ({"f": {"$date": "yesterday"}}, "$date takes ISO 8601 text with a time zone, or milliseconds"),
    ({"f": {"$date": "2026-01-01T00:00:00"}}, "$date takes ISO 8601 text with a time zone, or milliseconds"),
    ({"f": {"$date": True}}, "$date takes ISO 8601 text with a time zone, or milliseconds"),
    ({"f": {"$date": {}}}, "$date takes ISO 8601 text with a time zone, or milliseconds"),
    ({"f": {"$date": {"$numberLong": 1}}}, "$date takes ISO 8601 text with a time zone, or milliseconds"),
    ({"f": {"$date": 10**30}}, "$date takes ISO 8601 text with a time zone, or milliseconds"),
]  # fmt: skip


@pytest.mark.parametrize(("predicate", "message"), REFUSED, ids=[str(case[0]) for case in REFUSED])
def test_a_wrong_predicate_is_refused_before_any_document(predicate: Json, message: str) -> None:
    with pytest.raises(Refused) as refusal:
        matcher(predicate, Dates("extended-json"))

    assert str(refusal.value) == message


def test_an_array_that_a_number_in_a_path_names_is_a_whole() -> None:
    nested: dict[str, object] = {"f": [[2, 3]]}

    assert holds({"f.0": [2, 3]}, nested)
    assert not holds({"f.0": 2}, nested)


def test_a_predicate_may_be_no_deeper_than_a_document() -> None:
    deep: Json = 1
    for _ in range(60):
        deep = {"$and": [{"f": 2}, deep]} if isinstance(deep, dict) else {"f": deep}

    with pytest.raises(Refused, match="nested more than 100 deep"):
        matcher(deep, Dates())


def test_the_deepest_predicate_can_be_evaluated() -> None:
    condition: Json = {"$gt": 0}
    for _ in range(96):
        condition = {"$not": condition}

    assert matcher({"f": condition}, Dates())({"f": 1})


@pytest.mark.parametrize("stored_as", ["iso", "epoch-ms"])
def test_an_undecoded_date_is_refused_or_matches_nothing(stored_as: Any) -> None:
    predicate: Json = {"f": {"$gte": {"$date": "1970-01-01T00:00:00Z"}}}
    document: dict[str, object] = {"f": Dates(stored_as).store(NEW_YEAR)}

    with pytest.raises(Refused, match="unknown operator \\$date"):
        matcher(predicate, Dates(stored_as, "refuse"))
    assert not matcher(predicate, Dates(stored_as, "nothing"))(document)
    assert not matcher({"f": {"$date": 0}}, Dates(stored_as, "nothing"))(document)
    assert matcher({"f": {"$ne": {"$date": 0}}}, Dates(stored_as, "nothing"))(document)


scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, 1.0, "", "a", "1"])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
documents = st.dictionaries(st.sampled_from("fgh"), values | st.dictionaries(st.sampled_from("ab"), values))
operands = scalars
paths = st.sampled_from(["f", "g", "f.a", "f.a.b", "f.0"])


def holds(predicate: Any, document: dict[str, Any]) -> bool:
    return bool(matcher(predicate, Dates())(document))


@given(documents, paths, operands)
def test_ne_is_the_complement_of_eq(document: dict[str, Any], path: str, operand: Any) -> None:
    assert holds({path: {"$ne": operand}}, document) != holds({path: operand}, document)


@given(documents, paths, st.lists(operands, max_size=3))
def test_in_is_an_or_of_equals_and_nin_its_complement(
    document: dict[str, Any], path: str, choices: list[Any]
) -> None:
    expected = any(holds({path: choice}, document) for choice in choices)

    assert holds({path: {"$in": choices}}, document) == expected
    assert holds({path: {"$nin": choices}}, document) != expected


@given(documents, paths, operands, operands)
def test_several_operators_on_one_field_are_joined_with_and(
    document: dict[str, Any], path: str, least: Any, other: Any
) -> None:
    together = holds({path: {"$gte": least, "$ne": other}}, document)

    assert together == (holds({path: {"$gte": least}}, document) and holds({path: {"$ne": other}}, document))


@given(documents, paths, operands)
def test_gte_is_gt_or_equal(document: dict[str, Any], path: str, operand: Any) -> None:
    either = {"$or": [{path: {"$gt": operand}}, {path: operand}]}

    assert holds({path: {"$gte": operand}}, document) == holds(either, document)


@given(documents, paths, operands)
def test_nor_is_not_or(document: dict[str, Any], path: str, operand: Any) -> None:
    branches = [{path: operand}, {"h": {"$exists": True}}]

    assert holds({"$nor": branches}, document) != holds({"$or": branches}, document)


comparisons = st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"])
conditions = st.one_of(
    operands,
    st.lists(scalars, max_size=3),
    st.tuples(comparisons, operands)
    .filter(lambda it: it[1] is not None or it[0] in ("$eq", "$ne"))
    .map(lambda it: {it[0]: it[1]}),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(operands, max_size=3)).map(
        lambda it: {it[0]: it[1]}
    ),
)
clauses = st.dictionaries(paths, conditions, min_size=1, max_size=2)
predicates = st.recursive(
    clauses,
    lambda inner: st.tuples(
        st.sampled_from(["$and", "$or", "$nor"]), st.lists(inner, min_size=1, max_size=2)
    ).map(lambda it: {it[0]: it[1]}),
    max_leaves=3,
)


@given(documents, predicates)
def test_the_documented_operators_match_what_an_independent_implementation_matches(
    document: dict[str, Any], predicate: Any
) -> None:
    # MontyDB is not asked for {$gte: null}, in which it misses missing fields.
    assert holds(predicate, document) == QueryFilter(predicate)(document)
