"""Laws of trying operators: one that is refused, ignored or wrong is told, and none that is right."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.explore.operators import MOST_REQUESTS, TRIED, Operators
from exporter.explore.profile import Profile
from exporter.explore.requests import Requests
from exporter.language.operators import ORDERING
from tests.explore.conftest import Document, FakeBot

DOCUMENTS: list[Document] = [
    {"_id": str(place), "Status": "success" if place % 3 else "error", "Errors": place % 4}
    for place in range(120)
]


def tried(bot: FakeBot) -> dict[str, str]:
    profile = Profile()
    for document in bot.conversations:
        profile.add(document)
    requests = Requests(bot, MOST_REQUESTS)
    operators = Operators(requests, "conversations", len(bot.conversations), profile.fields())
    return {check.name: check.verdict for check in operators.checks()}


def test_an_api_as_documented_gives_no_finding() -> None:
    assert tried(FakeBot(DOCUMENTS)) == dict.fromkeys(TRIED, "ok")


@pytest.mark.parametrize("operator", TRIED)
def test_an_operator_that_is_refused_is_told(operator: str) -> None:
    verdicts = tried(FakeBot(DOCUMENTS, refuses=frozenset({operator})))
    assert verdicts[operator] == "refused"


@pytest.mark.parametrize(
    ("operator", "other"), [("$gt", "$gte"), ("$gte", "$gt"), ("$lt", "$lte"), ("$lte", "$lt")]
)
def test_an_order_is_unknown_without_a_count_to_compare_it_with(operator: str, other: str) -> None:
    assert tried(FakeBot(DOCUMENTS, refuses=frozenset({other})))[operator] == "unknown"


def test_an_api_is_right_if_documents_come_and_go_meanwhile() -> None:
    class Growing(FakeBot):
        def found(self, collection: str, text: str) -> list[Document]:
            self.conversations = [*self.conversations, DOCUMENTS[1]]
            return super().found(collection, text)

    class Shrinking(FakeBot):
        def found(self, collection: str, text: str) -> list[Document]:
            self.conversations = self.conversations[1:]
            return super().found(collection, text)

    for bot in (Growing(DOCUMENTS), Shrinking(DOCUMENTS)):
        assert set(tried(bot).values()) == {"ok"}


@pytest.mark.parametrize("wrong", [0, len(DOCUMENTS)])
@pytest.mark.parametrize("operator", TRIED)
def test_an_operator_that_counts_all_or_nothing_is_told(operator: str, wrong: int) -> None:
    class Wrong(FakeBot):
        def count(self, collection: str, text: str) -> int:
            return wrong if f'"{operator}"' in text else super().count(collection, text)

    verdicts = tried(Wrong(DOCUMENTS))
    # That a field exists in all documents is right here.
    assert verdicts[operator] == ("ok" if (operator, wrong) == ("$exists", len(DOCUMENTS)) else "differs")


def test_a_bot_without_a_field_to_try_leaves_all_unknown() -> None:
    assert set(tried(FakeBot([{"_id": str(number)} for number in range(50)])).values()) == {"unknown"}


def test_operators_are_tried_with_fields_that_vary() -> None:
    constants: list[Document] = [{f"Kind{number}": "same" for number in range(4)} for _ in range(120)]
    documents = [one | {"Status": other["Status"]} for one, other in zip(constants, DOCUMENTS, strict=True)]
    assert {name for name, verdict in tried(FakeBot(documents)).items() if verdict == "unknown"} == set(
        ORDERING
    )


@pytest.mark.parametrize(
    "values",
    [
        [[1, 2], [2, 3], [1, 2, 3]],
        [1, [1, 2, 3], 3],
        [True, False, 2],
        [1, "x", 2],
    ],
)
def test_numbers_are_compared_only_where_a_document_has_one(values: list[Any]) -> None:
    verdicts = tried(FakeBot([{"Numbers": values[place % 3]} for place in range(120)]))
    assert {verdicts[operator] for operator in ORDERING} == {"unknown"}
    verdicts = tried(FakeBot([{"Items": [{"Number": 1}, {"Number": 5}, {"Number": 3}]}] * 120))
    assert {verdicts[operator] for operator in ORDERING} == {"unknown"}
