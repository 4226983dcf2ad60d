"""Laws of trying operators: one that is refused, ignored or wrong is told, and none that is right."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.explore.operators import MOST_REQUESTS, TRIED, Operators, presence
from exporter.explore.profile import Profile
from exporter.explore.requests import NoAnswer, Requests
from tests.explore.conftest import Document, FakeBot

DOCUMENTS: list[Document] = [
    {"_id": str(place), "Status": "success" if place % 3 else "error", "Errors": place % 4}
    for place in range(120)
]


def tried(bot: FakeBot, **changed: Any) -> dict[str, str]:
    profile = Profile()
    for document in bot.conversations:
        profile.add(document)
    requests = Requests(changed.get("count", bot.count), bot.rows, MOST_REQUESTS)
    operators = Operators(requests, "conversations", len(bot.conversations), profile.fields())
    return {check.name: check.verdict for check in operators.checks()}


def test_an_api_as_documented_gives_no_finding() -> None:
    assert tried(FakeBot(DOCUMENTS)) == dict.fromkeys(TRIED, "ok")


@pytest.mark.parametrize("operator", TRIED)
def test_an_operator_that_is_refused_is_told(operator: str) -> None:
    verdicts = tried(FakeBot(DOCUMENTS, refuses=frozenset({operator})))
    assert verdicts[operator] == "refused"


@pytest.mark.parametrize("wrong", [0, len(DOCUMENTS)])
@pytest.mark.parametrize("operator", TRIED)
def test_an_operator_that_counts_all_or_nothing_is_told(operator: str, wrong: int) -> None:
    bot = FakeBot(DOCUMENTS)

    def count(collection: Any, text: str) -> int:
        return wrong if f'"{operator}"' in text else bot.count(collection, text)

    verdicts = tried(bot, count=count)
    # That a field exists in all documents is right here.
    assert verdicts[operator] == ("ok" if (operator, wrong) == ("$exists", len(DOCUMENTS)) else "differs")


def test_a_bot_without_a_field_to_try_leaves_all_unknown() -> None:
    assert set(tried(FakeBot([{"_id": str(number)} for number in range(50)])).values()) == {"unknown"}


@pytest.mark.parametrize("refused", [[], ["$ne"], ["$ne", "$nin"]])
def test_presence_is_counted_with_whatever_the_api_takes(refused: list[str]) -> None:
    bot = FakeBot([{"a": 1}, {"a": 2}, {}], refuses=frozenset(refused))
    requests = Requests(bot.count, bot.rows, 1)
    assert presence(requests, "conversations", "a", frozenset(TRIED) - set(refused)) == 2


def test_presence_that_cannot_be_counted_is_no_answer() -> None:
    requests = Requests(FakeBot().count, FakeBot().rows, 1)
    with pytest.raises(NoAnswer, match="none of"):
        presence(requests, "conversations", "a", frozenset({"$eq"}))
