"""Laws of which queries add up, and which count everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.config.load import parse
from exporter.model import Query
from exporter.monitoring.overlap import adds_up, counts_all

BOT = {"name": "b", "id": "0123456789abcdef01234567", "token": {"env": "TOKEN"}}
CHANNEL = {"channel": ["facebook", "viber"]}


def query(**keys: Any) -> Query:
    one = {"name": "q", "collection": "conversations", **keys}
    text = json.dumps({"bots": [BOT], "queries": [one]})
    return parse(text.encode(), Path("config.yaml"), {"TOKEN": "t"}).config.queries[0]


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"labels": CHANNEL, "query": {"Data.channel.ProviderName": "{channel}"}},
        {"labels": CHANNEL, "query": {"$and": [{"Errors": 0}, {"Data.channel.ProviderName": "{channel}"}]}},
        {"labels": {"status": {"good": {"Status": "success"}, "bad": {"Status": "error"}}}},
        {"labels": {"n": [1, 2], **CHANNEL}, "query": {"A": "{n}", "B": "{channel}"}},
    ],
)
def test_series_that_require_different_values_of_one_field_add_up(keys: dict[str, Any]) -> None:
    assert adds_up(query(**keys))


@pytest.mark.parametrize(
    "keys",
    [
        {"labels": {"outcome": {"success": {"Status": "success"}, "error": {"Errors": {"$gt": 0}}}}},
        {"labels": {"long": {"all": {}, "failed": {"Status": "error"}}}},
        {"labels": CHANNEL, "query": {"A": {"$ne": "{channel}"}}},
        {"labels": CHANNEL, "query": {"$or": [{"A": "{channel}"}, {"B": 1}]}},
    ],
)
def test_series_that_may_count_the_same_document_do_not_add_up(keys: dict[str, Any]) -> None:
    assert not adds_up(query(**keys))


def test_only_one_series_without_a_predicate_counts_all() -> None:
    assert counts_all(query())
    assert not counts_all(query(query={"Status": "success"}))
    assert not counts_all(query(labels={"a": {"x": {}, "y": {"Status": "success"}}}))
