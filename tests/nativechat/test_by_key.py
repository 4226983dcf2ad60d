"""Laws of downloads by key: each row that stays comes once, whatever is deleted or added meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from random import Random
from typing import Any, cast

import pytest

from exporter.errors import BadAnswer, Rejected
from exporter.language.tree import value_at
from exporter.model import Collection, Json
from exporter.nativechat.by_key import ByKey, Key, Position
from exporter.nativechat.history import Row
from exporter.nativechat.paced import PacedClient
from exporter.simulator.bots import simulated_bots
from exporter.simulator.parameters import read_sort
from exporter.simulator.settings import Settings
from exporter.simulator.simulation import Simulation
from tests.clock import FakeClock

BY_ID = Key("_id")
NEWEST_FIRST = Key("_id", descends=True)


class Chat:
    """A simulation called directly; `before_page` is called before each page."""

    def __init__(self, **switches: Any) -> None:
        settings = Settings(**{"growth": 0, "history": 300, "max_limit": 1000, **switches})
        self.clock = FakeClock()
        self.simulation = Simulation(settings, simulated_bots(1), self.clock)
        self.bot = self.simulation.bots[0].name
        self.before_page: Callable[[], object] = lambda: None
        self.before_count: Callable[[], object] = lambda: None
        self.refused: str = ""

    def rows(
        self,
        collection: Collection,
        *,
        query: str = "",
        sort: str = "",
        limit: int | None = None,
        skip: int | None = None,
    ) -> list[Row]:
        assert skip is None
        self.before_page()
        settings = self.simulation.settings
        keys = () if "sort" in settings.ignored or not sort else read_sort(sort)
        most = min(limit or settings.max_limit, settings.max_limit)
        page = self.simulation.page(self.bot, collection, json.loads(query or "{}"), sort=keys, limit=most)
        rows: list[Row] = json.loads(json.dumps(page))
        return rows

    def count(self, collection: Collection, predicate_text: str) -> int:
        self.before_count()
        if self.refused and self.refused in predicate_text:
            raise Rejected("unknown operator")
        return self.simulation.count(self.bot, collection, json.loads(predicate_text or "{}"))

    def by_key(
        self,
        key: Key,
        position: Position | None = None,
        collection: Collection = "conversations",
        **more: Any,
    ) -> ByKey:
        return ByKey(cast("PacedClient", self), collection, key, position or Position(), **more)

    def ids(self, collection: Collection = "conversations") -> list[Any]:
        return [row["_id"] for row in self.rows(collection, limit=10**9)]


@pytest.mark.parametrize("collection", ["conversations", "messages"])
@pytest.mark.parametrize("key", [BY_ID, NEWEST_FIRST])
@pytest.mark.parametrize("most", [3, 1000])
def test_every_row_comes_once_in_the_order_of_its_key(collection: Any, key: Key, most: int) -> None:
    chat = Chat(max_limit=most, history=60)
    chat_with_all = Chat(history=60, max_limit=10**9)
    found = [row["_id"] for row in chat.by_key(key, collection=collection, page=40).rows()]

    assert found == sorted(chat_with_all.ids(collection), reverse=key.descends)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("key", [BY_ID, NEWEST_FIRST, Key("StartedAt"), Key("StartedAt", descends=True)])
def test_rows_that_stay_come_once_while_others_come_and_go_and_it_is_interrupted(seed: int, key: Key) -> None:
    random = Random(seed)
    chat = Chat(max_limit=10**9)
    before = chat.ids()

    def change() -> None:
        victims = [identity for identity in before if random.random() < 0.02]
        chat.simulation.forget(chat.bot, {"_id": {"$in": list(victims)}})
        chat.clock.sleep(1.0)
        chat.simulation.burst(chat.bot, random.randint(1, 9))

    chat.before_page = change
    found: list[Any] = []
    position = Position()
    for _ in range(4):
        download = chat.by_key(key, position, page=20)
        found += [row["_id"] for row in islice(download.rows(), random.randint(1, 90))]
        position = download.position
    found += [row["_id"] for row in chat.by_key(key, position, page=20).rows(limit=300)]
    chat.before_page = lambda: None

    assert len(found) == len(set(found))
    assert set(before) & set(chat.ids()) <= set(found)


@pytest.mark.parametrize("shown", ["text", "as-stored"])
@pytest.mark.parametrize("stored", ["iso", "extended-json", "epoch-ms"])
@pytest.mark.parametrize("descends", [False, True])
def test_a_date_is_a_key_in_whatever_form_it_is_stored_and_shown(
    stored: Any, shown: str, descends: bool
) -> None:
    chat = Chat(dates=stored, shown_dates=shown, undecoded_dates="nothing")
    rows = chat.rows("conversations", sort='{"StartedAt":-1}' if descends else "StartedAt", limit=10**9)
    key = Key("StartedAt", descends, stored)

    assert list(chat.by_key(key, page=30).rows()) == rows


def test_a_date_that_is_sent_otherwise_than_stored_is_found_out_and_loses_no_row_silently() -> None:
    chat = Chat(dates="extended-json")

    with pytest.raises(BadAnswer, match=r"conversations cannot be selected by their StartedAt: .*otherwise"):
        list(chat.by_key(Key("StartedAt"), page=30).rows())


@pytest.mark.parametrize(("refused", "message"), [("$nor", "^1 conv"), ("", "^3\\d\\d conv|^2\\d\\d conv")])
def test_rows_that_the_key_cannot_select_are_counted_even_without_nor(refused: str, message: str) -> None:
    chat = Chat(dates="extended-json")
    chat.refused = refused

    with pytest.raises(BadAnswer, match=message):
        next(chat.by_key(Key("StartedAt"), page=30).rows())


@pytest.mark.parametrize("field", ["Status", "Data.user.LastName"])
def test_a_key_that_some_rows_lack_is_refused(field: str) -> None:
    with pytest.raises(BadAnswer, match=rf"some conversations have no {field}"):
        list(Chat().by_key(Key(field), page=50).rows())


def test_a_key_of_two_types_is_refused() -> None:
    chat = Chat(documents="untidy")
    chat.simulation.forget(chat.bot, {"Errors": {"$exists": False}})

    with pytest.raises(BadAnswer, match=r"conversations cannot be selected by their Errors"):
        list(chat.by_key(Key("Errors"), page=50).rows())


def test_a_key_that_is_neither_text_nor_a_number_nor_a_date_is_refused() -> None:
    with pytest.raises(BadAnswer, match="a row cannot be ordered: Data is not text"):
        next(Chat().by_key(Key("Data")).rows())


@pytest.mark.parametrize("key", [BY_ID, NEWEST_FIRST, Key("StartedAt")])
def test_an_api_that_ignores_sort_is_found_out(key: Key) -> None:
    with pytest.raises(BadAnswer, match=r"not in the order of .* ignore `sort`"):
        list(Chat(ignore="sort").by_key(key, page=20).rows())


def test_an_api_that_ignores_sort_is_found_out_although_its_first_page_is_in_order() -> None:
    chat = Chat(history=0, ignore="sort")
    for value in (5, 3):
        chat.simulation.burst(chat.bot, 20, {"Round": value})

    with pytest.raises(BadAnswer, match="not in the order of Round"):
        list(chat.by_key(Key("Round"), page=20).rows())


@pytest.mark.parametrize("key", [BY_ID, NEWEST_FIRST])
def test_rows_that_are_added_during_the_first_checks_are_no_disorder(key: Key) -> None:
    chat = Chat()
    before = chat.ids()
    additions = iter([1, 1])

    def add() -> None:
        chat.clock.sleep(60.0)
        if number := next(additions, 0):
            chat.simulation.burst(chat.bot, number)

    chat.before_count = add
    found = [row["_id"] for row in chat.by_key(key, page=20).rows()]

    assert set(before) <= set(found)
    assert len(found) == len(set(found))


def test_rows_with_the_same_key_may_fill_a_page_but_not_more() -> None:
    def download(number: int) -> list[Row]:
        chat = Chat(history=0)
        for value in range(3):
            chat.simulation.burst(chat.bot, number, {"Round": value})
        return list(chat.by_key(Key("Round"), page=20).rows())

    assert len(download(20)) == 60
    with pytest.raises(BadAnswer, match="more conversations than a page holds have the same Round"):
        download(21)


def test_it_stops_at_the_limit_and_continues_after_it() -> None:
    chat = Chat()
    first = chat.by_key(BY_ID, page=20)
    found = [row["_id"] for row in first.rows(limit=33)]
    found += [row["_id"] for row in chat.by_key(BY_ID, first.position, page=20).rows()]

    assert found == sorted(chat.ids())


def test_the_query_holds_beside_the_key() -> None:
    chat = Chat()
    rows = list(chat.by_key(BY_ID, query='{"Status":"success"}', page=20).rows())

    assert {row["Status"] for row in rows} == {"success"}
    assert len(rows) == chat.count("conversations", '{"Status":"success"}')


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b": 1, "c": [{"d": 1}, {"d": 2}, {}, 3]}),
        ("a.b", 1),
        ("a.c.d", [1, 2]),
        ("a.c.e", None),
        ("a.b.c", None),
        ("x", None),
        ("e.f", "dotted"),
    ],
)
def test_a_dotted_path_has_a_value_or_none(path: str, value: Any) -> None:
    row: Row = {"a": {"b": 1, "c": [{"d": 1}, {"d": 2}, {}, 3]}, "e.f": "dotted"}

    assert value_at(row, path) == value


@pytest.mark.parametrize("kind", ["$numberInt", "$numberLong", "$numberDouble", "$numberDecimal"])
def test_numbers_of_extended_json_are_ordered_as_numbers(kind: str) -> None:
    key = Key("Number")
    position = Position()
    numbers: list[Json] = [{kind: "9"}, {kind: "12"}, 13]
    for number in numbers:
        position = position.after(key, {"Number": number})

    with pytest.raises(BadAnswer, match="not in the order of Number"):
        position.after(key, {"Number": {kind: "2"}})


def _with_empty_pages(chat: Chat, empty: range, key: Key = BY_ID) -> ByKey:
    """Return a download in which some pages, counted from 1, are empty by mistake."""
    whole, asked = chat.rows, 0

    def rows(collection: Collection, **options: Any) -> list[Row]:
        nonlocal asked
        asked += 1
        return [] if asked in empty else whole(collection, **options)

    chat.rows = rows  # type: ignore[method-assign]
    return chat.by_key(key, page=20)


@pytest.mark.parametrize("key", [BY_ID, NEWEST_FIRST, Key("StartedAt")])
@pytest.mark.parametrize("empty", [1, 2, 3])
def test_an_empty_page_before_the_last_row_is_asked_for_again(key: Key, empty: int) -> None:
    chat = Chat()
    before = chat.ids()
    found: list[Any] = [row["_id"] for row in _with_empty_pages(chat, range(empty, empty + 1), key).rows()]
    assert sorted(found) == sorted(before)


def test_an_empty_first_page_leaves_out_no_check() -> None:
    with pytest.raises(BadAnswer, match=r"some conversations have no Data\.user\.LastName"):
        list(_with_empty_pages(Chat(), range(1, 2), Key("Data.user.LastName")).rows())


def test_pages_that_end_before_the_last_row_are_no_complete_download() -> None:
    with pytest.raises(BadAnswer, match=r"an empty page, though \d+ are left"):
        list(_with_empty_pages(Chat(), range(3, 99)).rows())
