from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Json
from exporter.simulator.bots import simulated_bots
from exporter.simulator.dataset import Dataset
from exporter.simulator.dates import Dates
from exporter.simulator.matching import matcher
from exporter.simulator.settings import Settings

START = datetime(2026, 3, 1, tzinfo=UTC)
BOT = "5f3a0000000000000000abcd"


def grown(until: datetime = START, bot: str = BOT, **switches: Any) -> Dataset:
    dataset = Dataset(bot, START, Settings(**switches))
    dataset.grow(until)
    return dataset


def counted(dataset: Dataset, predicate: Json) -> int:
    return sum(map(matcher(predicate, Dates()), dataset.rows("conversations")))


def everything(dataset: Dataset) -> tuple[list[Any], list[Any]]:
    return dataset.rows("conversations"), dataset.rows("messages")


@settings(max_examples=15)
@given(st.lists(st.integers(0, 60), max_size=4))
def test_the_rows_depend_on_the_time_and_not_on_earlier_reads(reads: list[int]) -> None:
    often = Dataset(BOT, START, Settings(history=40))
    for seconds in reads:
        often.grow(START + timedelta(seconds=seconds))
    often.grow(START + timedelta(seconds=60))

    assert everything(often) == everything(grown(START + timedelta(seconds=60), history=40))


def test_bots_and_seeds_differ() -> None:
    assert everything(grown()) != everything(grown(bot="5f3a0000000000000000abce"))
    assert everything(grown()) != everything(grown(seed=2))


def test_there_is_history_from_the_start_and_growth_within_seconds() -> None:
    counts = [len(grown(START + timedelta(seconds=seconds)).rows("conversations")) for seconds in (0, 3, 60)]

    assert 300 < counts[0] < 500
    assert counts[0] < counts[1]
    assert 20 <= counts[2] - counts[0] <= 60


def test_growth_and_history_can_be_0() -> None:
    later = START + timedelta(days=30)

    assert everything(grown(later, growth=0)) == everything(grown(growth=0))
    assert everything(grown(history=0)) == ([], [])


@pytest.mark.parametrize("bot", simulated_bots(5), ids=lambda bot: bot.name)
def test_every_documented_predicate_matches_some_rows_and_not_all(bot: Any) -> None:
    dataset = grown(bot=bot.id)
    total = len(dataset.rows("conversations"))
    channels = [
        counted(dataset, {"Data.channel.ProviderName": name}) for name in ("facebook", "viber", "darvin")
    ]

    assert len(set(channels)) == 3
    assert 0 < min(channels) <= sum(channels) < total
    predicates: tuple[Json, ...] = (
        {"Status": "success"},
        {"Errors": {"$gt": 0}},
        {"Messages.user": {"$gt": 3}},
        {"Status": {"$exists": False}},
        {"Errors": {"$exists": False}},
        {"Data.user.FirstName": {"$exists": False}},
    )
    for predicate in predicates:
        assert 0 < counted(dataset, predicate) < total


def test_the_messages_of_a_conversation_are_as_many_as_it_counts() -> None:
    conversations, messages = everything(grown())
    sent: dict[str, int] = {}
    for message in messages:
        sent[message["Conversation"]] = sent.get(message["Conversation"], 0) + 1

    assert sent == {row["_id"]: sum(row["Messages"].values()) for row in conversations}
    assert len({row["_id"] for row in conversations + messages}) == len(conversations) + len(messages)


def test_the_oldest_conversations_are_deleted_above_the_maximum() -> None:
    whole, kept = grown(), grown(max_conversations=50)

    assert everything(kept)[0] == everything(whole)[0][-50:]
    assert {row["Conversation"] for row in kept.rows("messages")} == {
        row["_id"] for row in kept.rows("conversations")
    }


def test_a_burst_has_its_values_and_does_not_change_the_growth() -> None:
    dataset = grown(growth=1)
    dataset.burst(20, START, {"Errors": 7, "Data.channel.ProviderName": "viber", "New.one": 1})
    burst: Json = {"Errors": 7, "Data.channel.ProviderName": "viber", "New.one": 1}

    assert counted(dataset, burst) == 20
    later = START + timedelta(minutes=1)
    dataset.grow(later)
    matches = matcher(burst, Dates())
    grown_rows = [row for row in dataset.rows("conversations") if not matches(row)]
    assert grown_rows == everything(grown(later, growth=1))[0]


def test_deleting_conversations_deletes_their_messages() -> None:
    dataset = grown()
    successes: Json = {"Status": "success"}
    expected = counted(dataset, successes)

    assert dataset.forget(matcher(successes, Dates())) == expected
    assert counted(dataset, successes) == 0
    left = {row["_id"] for row in dataset.rows("conversations")}
    assert {row["Conversation"] for row in dataset.rows("messages")} == left


def test_the_oldest_conversations_can_be_deleted() -> None:
    dataset = grown()
    rows = everything(dataset)[0]

    assert dataset.forget_oldest(10) == 10
    assert everything(dataset)[0] == rows[10:]
    assert dataset.forget_oldest(10_000) == len(rows) - 10
    assert everything(dataset) == ([], [])


def test_completed_conversations_vanish_after_delivery_and_abandoned_ones_stay() -> None:
    whole, later = grown(), START + timedelta(seconds=600)
    whole.grow(later)
    delivered = grown(later, delivery=86_400.0)

    recent, messages = everything(delivered)
    old = [row for row in recent if row["StartedAt"] < "2026-02-28"]
    assert old == [row for row in everything(whole)[0][: len(old) * 10] if row in old]
    assert old
    assert {row["Status"] for row in old} == {"abandoned"}
    assert {row["Status"] for row in recent if "Status" in row} == {"abandoned", "error", "success"}
    assert {row["Conversation"] for row in messages} == {row["_id"] for row in recent}
    assert everything(delivered) == everything(grown(later, delivery=86_400.0))


def test_bots_are_the_same_for_the_same_seed_and_tokens_are_not_printed() -> None:
    bots = simulated_bots(7)

    assert simulated_bots(3) == bots[:3]
    assert simulated_bots(7, seed=2) != bots
    assert len({bot.name for bot in bots} | {bot.id for bot in bots}) == 14
    assert all(len(bot.id) == 24 and int(bot.id, 16) for bot in bots)
    assert not any(bot.token.reveal() in repr(bots) for bot in bots)
