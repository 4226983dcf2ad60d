"""Laws of the fields in predicates: which may be misspelt, and what was meant."""

from __future__ import annotations

import pytest

from exporter.language import fields, predicate
from exporter.model import Collection, Json, Part, Unknown


@pytest.mark.parametrize(
    ("raw", "doubtful"),
    [
        (None, ""),
        ({"Status": "success"}, "Status"),
        ({"Data.channel.ProviderName": {"$in": ["viber"]}, "Errors": 0}, "Data.channel.ProviderName Errors"),
        ({"$or": [{"a": 1}, {"$and": [{"b": 1}, {"c.d": {"$ne": 2}}]}], "$nor": [{"e": 1}]}, "a b c.d e"),
        ({"Items": {"$elemMatch": {"Kind": "error"}}}, "Items"),
        ({"StartedAt": {"$gte": {"$date": "now-1h"}}, "Status": "success"}, "Status"),
        ({"a": None, "b": {"$exists": False}, "c": {"$eq": None}, "d": {"$ne": None}}, "d"),
    ],
)
def test_doubtful_are_all_fields_but_proven_dates_and_those_that_are_to_be_absent(
    raw: Json, doubtful: str
) -> None:
    found = fields.doubtful(predicate.compile(raw))
    assert {part.field for part in found if not part.value} == set(doubtful.split())


@pytest.mark.parametrize(
    ("raw", "doubtful"),
    [
        ({"Status": "success", "Errors": 0}, {("Status", '"success"'), ("Errors", "0")}),
        ({"Done": True, "Name": "Zoë"}, {("Done", "true"), ("Name", '"Zoë"')}),
        (
            {"a": {"$in": [1, "1", None]}, "b": {"$eq": 2.5, "$ne": 3}},
            {("a", "1"), ("a", '"1"'), ("b", "2.5")},
        ),
        ({"$or": [{"a": 1}, {"$and": [{"b": 1}]}], "$nor": [{"c": 1}]}, {("a", "1"), ("b", "1")}),
        ({"Errors": {"$gt": 0}, "Status": {"$ne": "x"}, "Channel": {"$nin": ["y"]}}, set()),
        ({"Items": {"$elemMatch": {"Kind": "error"}}, "Data": {"a": 1}, "Tags": ["x"]}, set()),
        ({"Status": {"$not": {"$eq": "x"}}, "Name": {"$regex": "^x"}, "Text": {"$eq": None}}, set()),
        ({"StartedAt": {"$eq": {"$date": "now/d"}}, "Id": {"$oid": "5990b7b5d57ae86c1b2dfd6e"}}, set()),
    ],
)
def test_doubtful_are_all_scalars_that_a_field_is_to_equal(raw: Json, doubtful: set[tuple[str, str]]) -> None:
    found = fields.doubtful(predicate.compile(raw))
    assert {part for part in found if part.value} == doubtful


def test_what_is_unknown_is_told_by_field() -> None:
    values = {Part("b", "2"), Part("a", '"x"'), Part("b", "1")}
    unknown = Unknown({"c": "none has it"}, frozenset(values))
    assert fields.explanations(unknown, "messages") == [
        "none has it",
        'no message has "x" in `a`: nothing happened yet, or it is misspelt',
        "no message has 1 or 2 in `b`: nothing happened yet, or it is misspelt",
    ]
    some = unknown.among({Part("c"), Part("b", "2"), Part("d")})
    assert some == Unknown({"c": "none has it"}, frozenset({Part("b", "2")}))
    assert fields.explanations(unknown.among(frozenset()), "messages") == []


@pytest.mark.parametrize(
    ("field", "collection", "found", "guess"),
    [
        ("Statuss", "conversations", (), "Status"),
        ("status", "conversations", (), "Status"),
        ("Data.chanel.ProviderName", "conversations", (), "Data.channel.ProviderName"),
        ("Data.intnet", "conversations", ("Data.intent",), "Data.intent"),
        ("Data.intnet", "conversations", (), ""),
        ("Data.user.LastName", "conversations", ("Data.user.Lastname",), ""),
        ("Statuss", "messages", (), ""),
    ],
)
def test_the_nearest_known_or_found_field_is_suggested(
    field: str, collection: Collection, found: tuple[str, ...], guess: str
) -> None:
    sentence = fields.unknown_field(field, collection, found)
    meant = f" (did you mean `{guess}`?)" if guess else ""
    one = {"conversations": "conversation", "messages": "message"}[collection]
    assert sentence == f"no {one} has `{field}`: nothing happened yet, or it is misspelt{meant}"
