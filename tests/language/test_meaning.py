"""Laws of doubts about predicates that are well formed; the words are in tests/config/bad and warned."""

from __future__ import annotations

import pytest

from exporter.language.predicate import findings
from exporter.language.tree import Path
from exporter.model import Collection, Json


def date(text: str) -> Json:
    return {"$date": text}


def found(raw: Json, collection: Collection = "conversations") -> list[tuple[Path, str]]:
    return [(finding.path, finding.severity) for finding in findings(raw, collection)]


@pytest.mark.parametrize(
    "raw",
    [
        {"Status": "success", "Errors": 0, "Data.channel.ProviderName": {"$in": ["facebook", None]}},
        {"a": {"$eq": {"gt": 0}}, "b": {"$eq": ["x"]}, "c": {"$ne": {}}, "_id": {"$in": [["x"]]}},
        {"a": {"$gt": "m"}, "b": "0", "c": {"$in": ["0"]}, "d": "2026-11-22", "e": "now", "f": ">"},
        {"a": {"$gte": 3, "$lte": 3}, "b": {"$gt": 3, "$lt": "3x"}, "c": {"$gt": -1, "$lte": 0.5}},
        {"StartedAt": {"$gte": date("now-1d/d"), "$lt": date("now/d")}},
        {"StartedAt": {"$gte": date("now/d"), "$lt": date("now-1h")}},
        {"StartedAt": {"$gte": date("2020-01-01"), "$lt": date("now-1h")}},
        {"StartedAt": {"$gte": date("2999-01-01")}},
        {"StartedAt": {"$lte": date("now+1h")}},
        {"StartedAt": {"$gte": date("now-1h"), "$lte": date("now-1h")}},
        {"StartedAt": {"$gte": date("{since}")}, "Errors": {"$gt": "{least}"}, "Status": "{status}"},
        {"StartedAt": {"$gte": 1.7e12, "$nin": ["", "never"]}, "SentBy": {"$ne": ""}},
        {"StartedAt": {"$gte": "{since}"}, "$or": [{"StartedAt": "{then}"}, {"StartedAt": None}]},
        {"or": "x", "and": 1, "type": "x", "gt": 3, "first name": 1, "utm:source": "x"},
        {"a": {"$in": [1, 2], "$ne": 1}, "b": {"$eq": 1, "$ne": True}, "c": {"$eq": 1, "$nin": ["1"]}},
    ],
)
def test_what_can_be_meant_has_no_findings(raw: Json) -> None:
    assert found(raw) == []


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        *(
            ({sign: 0}, (sign,))
            for sign in (">", ">=", "<", "<=", "=", "==", "!=", "<>", "gt", "LTE", "ne", "eq")
        ),
        ({"in": ["x"]}, ("in",)),
        ({"exists": True}, ("exists",)),
        ({"regex": "x"}, ("regex",)),
        ({"b": {"c": {"nin": []}}}, ("b", "c", "nin")),
        ({"$gt": {"date": "now-1h"}}, ("$gt", "date")),
        ({"$lt": {"date": "2026-11-22"}}, ("$lt", "date")),
        ({"$lt": "now-1h"}, ("$lt",)),
        ({"$in": []}, ("$in",)),
        ({"$eq": 1, "$ne": 1}, ()),
        ({"$in": ["x", True], "$nin": [True, "y", "x"]}, ()),
        ({"$eq": "x", "$nin": ["x"]}, ()),
        ({"$gt": 3, "$lt": 3}, ("$lt",)),
        ({"$gte": 3.5, "$lte": 3}, ("$lte",)),
        ({"$gt": date("now"), "$lte": date("now-1d")}, ("$lte",)),
        ({"$gte": date("now/d"), "$lt": date("now/d")}, ("$lt",)),
        ({"$gt": date("2026-11-22"), "$lt": date("2026-11-21")}, ("$lt",)),
    ],
)
def test_what_cannot_match_is_an_error(condition: Json, path: Path) -> None:
    errors = [where for where, severity in found({"a": condition}) if severity == "error"]
    assert errors == [("a", *path)]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"$nor": [{"Status": {"$in": []}}]}, ("$nor", 0, "Status", "$in")),
        ({"a": {"$not": {"$in": ["x"], "$ne": "x"}}}, ("a", "$not")),
        ({"a": {"$not": {"$gt": 3, "$lt": 3}}}, ("a", "$not", "$lt")),
    ],
)
def test_what_cannot_match_is_a_warning_in_a_negation(raw: Json, path: Path) -> None:
    assert found(raw) == [(path, "warning")]


@pytest.mark.parametrize("field", ["StartedAt", "SentAt"])
@pytest.mark.parametrize("operand", ["1h", "-1h", "yesterday", "Now-1h", "ISODate(now)", "01/02/2026"])
def test_a_date_that_is_compared_with_what_is_none_is_doubted(field: str, operand: Json) -> None:
    collection: Collection = "messages" if field == "SentAt" else "conversations"
    assert found({field: {"$gte": operand}}, collection) == [((field, "$gte"), "warning")]
    assert found({"Other": {"$gte": operand}}, collection) == []


@pytest.mark.parametrize("operand", ["now-1hour", "now()-1h", "now-1h "])
def test_date_math_that_is_misspelt_as_text_is_an_error(operand: str) -> None:
    assert found({"StartedAt": {"$gte": operand}}) == [(("StartedAt", "$gte"), "error")]


@pytest.mark.parametrize("condition", ["yesterday", ">now-1h", {"$in": ["yesterday"]}])
def test_a_date_that_is_to_equal_a_text_is_doubted(condition: Json) -> None:
    assert [severity for _, severity in found({"StartedAt": condition})] == ["warning"]


@pytest.mark.parametrize("operator", ["and", "or", "nor"])
def test_a_logical_operator_without_its_sign_is_an_error(operator: str) -> None:
    assert (("$and", 0, operator), "error") in found({"$comment": "why", "$and": [{operator: [{"a": 1}]}]})


@pytest.mark.parametrize("field", ["a.$gt", "$or.a", "a.b.$in.c"])
def test_an_operator_in_the_name_of_a_field_is_an_error(field: str) -> None:
    assert [severity for _, severity in found({field: 1})] == ["error"]


@pytest.mark.parametrize(
    ("field", "severity"), [("StartedAt", "error"), ("Data.due", "warning"), ("SentAt", "error")]
)
@pytest.mark.parametrize("lower", ["$gt", "$gte"])
@pytest.mark.parametrize("text", ["now", "now+1h", "now/d+1d"])
def test_a_range_that_begins_now_or_later_is_an_error_in_fields_of_the_past(
    field: str, severity: str, lower: str, text: str
) -> None:
    collection: Collection = "messages" if field == "SentAt" else "conversations"
    assert found({field: {lower: date(text)}}, collection) == [((field, lower), severity)]


@pytest.mark.parametrize(
    "condition",
    [
        date("now-1h"),
        {"$ne": date("now/d")},
        {"$in": [date("2026-11-22")]},
        {"$not": {"$eq": date("now")}},
        {"b": 1},
        {},
        ["x"],
        {"$lt": "10"},
        {"$lt": " -1.5 "},
        {"$gte": None},
        {"$gte": False},
        {"$gte": ["x"]},
        {"$gte": "2026-11-22T16:00:00Z"},
        "now-1d/d",
        {"$eq": "now+1h"},
        ">0",
        "!= 3.5",
    ],
)
def test_what_can_hardly_be_meant_is_a_warning(condition: Json) -> None:
    assert [severity for _, severity in found({"$or": [{"a": condition}]})] == ["warning"]


@pytest.mark.parametrize("condition", ["0", "none", {"$ne": "1"}, {"$in": ["1"]}, {"$gt": "x"}])
@pytest.mark.parametrize("field", ["Errors", "Messages.user"])
def test_text_is_a_warning_in_a_field_of_numbers(field: str, condition: Json) -> None:
    assert [severity for _, severity in found({field: condition})] == ["warning"]


@pytest.mark.parametrize("field", ["Errors:0", "Status success", "a>b", "a=b"])
def test_a_field_with_a_sign_or_a_space_is_a_warning(field: str) -> None:
    assert found({field: None}) == [((field,), "warning")]


@pytest.mark.parametrize("field", ["Errors ", " Errors", "Errors\t", "Data. channel", "Data.channel .Name"])
def test_a_field_with_white_space_at_an_end_is_a_warning(field: str) -> None:
    assert found({field: 1}) == [((field,), "warning")]


@pytest.mark.parametrize(
    ("field", "owner"),
    [
        *((name, "conversations") for name in ("StartedAt", "Status", "Errors", "Messages.user", "Data.x")),
        *((name, "messages") for name in ("SentAt", "User", "Conversation")),
    ],
)
def test_a_field_of_the_other_collection_is_a_warning(field: str, owner: Collection) -> None:
    other: Collection = "messages" if owner == "conversations" else "conversations"
    assert found({field: None}, owner) == []
    assert found({field: None}, other) == [((field,), "warning")]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"a": {"$gt": [2**60]}}, ("a", "$gt", 0)),
        ({"StartedAt": "yesterday", "$date": "now"}, ("StartedAt",)),
    ],
)
def test_what_is_wrong_in_its_form_has_no_doubt_around_it(raw: Json, path: Path) -> None:
    assert [where for where, _ in found(raw)].count(path) == 1
    assert not {where for where, severity in found(raw) if severity == "warning"} & {path[:1], path[:2]}
