"""Laws of proposals: whatever fields and values are, what is written is accepted, and asks for just these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import source
from exporter.config.load import parse
from exporter.explore.explore import Explored, ProposedQuery
from exporter.explore.findings import Collected, DateField
from exporter.explore.operators import TRIED
from exporter.explore.privacy import shown_fields
from exporter.explore.profile import Profile
from exporter.explore.proposals import ALERT, MOST, SPARE, Proposal, Proposer, date_fields
from exporter.explore.writing import configuration
from exporter.model import COLLECTIONS, Collection, Json

TOP = Path(__file__).parents[2]
ENVIRON = {"ID": "5990b7b5d57ae86c1b2dfd6e", "TOKEN": "x"}
BOT: dict[str, Json] = {"name": "main", "id": {"env": "ID"}, "token": {"env": "TOKEN"}}

WORDS = (
    "Status state channel Type total info bot job namespace new kind Errors at Messages user turns sender "
    "SentAt StartedAt канал no x<y $set a.b kind_count 1e3 08 oN"
)
TEXTS = "yes no on null ~ 1 1.0 0x1f 1e3 a-b other others = x:y 2026-11-28T12:00:00Z"

words = st.sampled_from([*WORDS.split(), "a b"])
keys = words | st.text(min_size=1, max_size=6)
scalars = (
    st.sampled_from(
        ["yes", "no", "on", "null", "~", "1", "1.0", "0x1f", "1e3", "a-b", "other", "others", "=", "x: y"]
    )
    | st.text(max_size=8)
    | st.integers(-2, 12_000)
    | st.booleans()
    | st.floats(allow_nan=False)
)
records = st.dictionaries(
    keys, scalars | st.dictionaries(keys, scalars | st.lists(scalars, max_size=2), max_size=3), max_size=6
)


def collected(collection: Collection, documents: list[dict[str, Any]]) -> Collected:
    profile = Profile()
    for document in documents:
        profile.add(document)
    shown = shown_fields(profile.fields())
    return Collected(collection, len(documents), len(documents), shown, 0)


def written(documents: list[dict[str, Any]], usable: frozenset[str]) -> tuple[list[Proposal], str]:
    found = [collected(collection, documents) for collection in COLLECTIONS]
    dates = [DateField(each.collection, field, "auto", "") for each in found for field in date_fields(each)]  # type: ignore[arg-type]
    proposals = Proposer(found, dates, usable).proposals()
    queries = tuple(ProposedQuery(each.query, 1, each.basis) for each in proposals)
    explored = Explored((), tuple(found), (), queries, None, (), 0)
    return proposals, configuration(explored, BOT)


@settings(max_examples=40)
@given(st.lists(records, min_size=1, max_size=4), st.frozensets(st.sampled_from(TRIED)))
def test_whatever_a_bot_has_the_configuration_is_accepted_without_a_warning(
    documents: list[dict[str, Any]], usable: frozenset[str]
) -> None:
    proposals, text = written(documents * 6, usable)
    assert len(proposals) <= MOST + SPARE
    loaded = parse(text.encode(), Path("config.yaml"), ENVIRON)
    assert loaded.warnings == ()
    assert [query.name for query in loaded.config.queries] == [each.query["name"] for each in proposals]
    for query in loaded.config.queries:
        for variant in query.variants:
            for name in json.loads(variant.predicate.text or "{}"):
                assert any(field.name == name for each in proposals if (field := each.field))


def test_the_alert_on_errors_is_that_of_the_shipped_configuration() -> None:
    shipped = source.compose((TOP / "config.yaml").read_bytes(), "config.yaml")[0]
    assert ALERT in [query.get("alert") for query in cast("Any", shipped)["queries"]]


def test_no_field_is_proposed_twice() -> None:
    documents = [{"provider": {"status": value}, "Status": value} for value in ("a", "b")] * 5
    proposals, _ = written(documents, frozenset(TRIED))
    fields = [(each.collection, each.field.name) for each in proposals if each.field]
    assert len(fields) == len(set(fields))


def test_the_most_useful_come_first_and_there_is_an_end() -> None:
    others = [f"{letter}Kind" for letter in "abcdefghijklmnopqrstuvwxyz"]
    documents = [
        {"Status": value, "Errors": 1, "Messages": {"user": 5}, **dict.fromkeys(others, value)}
        for value in ("a", "b")
    ] * 5
    proposals, _ = written(documents, frozenset(TRIED))
    names = [each.query["name"] for each in proposals]
    assert names[:5] == [
        "conversations",
        "messages",
        "conversations_by_outcome",
        "conversations_with_errors",
        "conversations_engaged",
    ]
    assert len(names) == MOST + SPARE


def test_a_value_that_is_called_other_is_not_mixed_up_with_the_rest() -> None:
    for values, rest in ((["other", "x"], "others"), (["other", "others", "rest"], "otherss")):
        documents = [{"Status": value} for value in values] * 5
        [proposal] = [
            each
            for each in written(documents, frozenset(TRIED))[0]
            if each.query["name"] == "conversations_by_outcome"
        ]
        labels: Any = proposal.query["labels"]
        assert {"other": rest} in labels["outcome"]


def test_a_query_that_cannot_be_written_is_left_out_with_the_reason() -> None:
    documents = [{"of.kind": value, "Status": value} for value in ("a", "b")] * 5
    proposer = Proposer([collected("messages", documents)], [], frozenset(TRIED))
    assert [each.query["name"] for each in proposer.proposals()] == ["messages"]
    assert any("of.kind: a key has a dot" in reason for reason in proposer.left_out)
    assert any("Status is a field of conversations" in reason for reason in proposer.left_out)


def test_a_query_on_errors_says_if_some_are_no_numbers() -> None:
    for errors, basis in ((0, "It is a number."), ("few", "Most are of the type number.")):
        documents = [{"Errors": each} for each in (1, 2, errors)] * 5
        proposals = Proposer([collected("conversations", documents)], [], frozenset(TRIED)).proposals()
        assert basis in [each.basis for each in proposals]


@pytest.mark.parametrize(
    ("errors", "types"),
    [([[{"Code": 404}], []], "list, object"), (["0", "2"], "text"), (["few", 1], "number, text")],
)
def test_errors_that_are_no_numbers_are_left_out_with_the_reason(errors: list[Json], types: str) -> None:
    documents: list[dict[str, Any]] = [{"Errors": each} for each in errors] * 5
    proposer = Proposer([collected("conversations", documents)], [], frozenset(TRIED))
    assert [each.query["name"] for each in proposer.proposals()][:1] == ["conversations"]
    why = f"conversations_with_errors: Errors is no number or flag (its types: {types})"
    assert (why in proposer.left_out) == ("number" not in types)


def test_without_a_field_with_dates_the_recent_windows_are_left_out_with_the_reason() -> None:
    documents = [{"Status": "a", "At": 1_796_000_000}] * 5
    proposer = Proposer([collected("conversations", documents)], [], frozenset(TRIED))
    proposer.proposals()
    assert "conversations of the last hour and day: no field with dates was found" in proposer.left_out
