"""Laws of presence: it is counted with whatever the API takes and understands."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.explore.presence import MOST_REQUESTS, Presence
from exporter.explore.requests import NoAnswer, Requests
from tests.explore.conftest import FakeBot


def presence(bot: FakeBot) -> Presence:
    return Presence(Requests(bot, MOST_REQUESTS + 1), "conversations")


@pytest.mark.parametrize("refused", [[], ["$ne"], ["$ne", "$nin"]])
def test_presence_is_counted_with_whatever_the_api_takes(refused: list[str]) -> None:
    asked = presence(FakeBot([{"a": 1}, {"a": 2}, {}], refuses=frozenset(refused)))
    assert asked.check().verdict == "ok"
    assert asked.count("a") == 2


def test_presence_that_cannot_be_counted_is_no_answer() -> None:
    asked = presence(FakeBot([{"a": 1}], refuses=frozenset({"$ne", "$nin", "$exists"})))
    assert asked.check().verdict == "ok"
    with pytest.raises(NoAnswer, match="none of"):
        asked.count("a")


def test_an_operator_that_is_ignored_is_not_used() -> None:
    class Careless(FakeBot):
        def found(self, collection: str, text: str) -> list[dict[str, Any]]:
            return super().found(collection, "" if "$ne" in text else text)

    asked = presence(Careless([{"a": 1}, {}]))
    assert asked.check().verdict == "ok"
    assert asked.count("a") == 1


def test_predicates_without_effect_differ() -> None:
    class Deaf(FakeBot):
        def found(self, collection: str, text: str) -> list[dict[str, Any]]:
            return super().found(collection, "")

    assert presence(Deaf([{"a": 1}])).check().verdict == "differs"


def test_predicates_that_are_refused_are_unknown() -> None:
    assert (
        presence(FakeBot([{}], refuses=frozenset({"no_such_field_of_nativechat_exporter"}))).check().verdict
        == "unknown"
    )
