"""Laws of the fields in predicates: which may be misspelt, and what was meant."""

from __future__ import annotations

import pytest

from exporter.language import fields, predicate
from exporter.model import Collection, Json


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
    assert fields.doubtful(predicate.compile(raw)) == set(doubtful.split())


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
