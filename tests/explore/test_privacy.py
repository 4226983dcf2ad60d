"""Laws of privacy: nothing is shown that may be a person, a text, an id, a long number or an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.explore.privacy import shown_name, shown_paths, shown_values, speaks_of_person, words_of
from exporter.explore.profile import Field, Profile


def fields(documents: Sequence[dict[str, Any]]) -> tuple[Field, ...]:
    made = Profile()
    for document in documents:
        made.add(document)
    return made.fields()


def values(path: str, *found: Any) -> list[Any]:
    """Return the values that are shown of a field that has each of these five times."""
    *outer, last = path.split(".")
    documents = []
    for value in found:
        document: dict[str, Any] = {last: value}
        for key in reversed(outer):
            document = {key: document}
        documents += [document] * 5
    field = next(field for field in fields(documents) if field.name == path)
    return [value for value, _ in shown_values(field)]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("Status", ["success", "error", "In Progress"]),
        ("Data.channel.ProviderName", ["facebook", "viber", "darvin"]),
        ("channelname", ["Facebook"]),
        ("Data.tier", ["gold", "silver"]),
        ("Channel", ["Facebook Messenger"]),
        ("State", ["waiting_for_agent", "step-12"]),
        ("Канал", ["уеб", "социална мрежа"]),
        ("Data.kind", ["in-progress", "web_chat", "webChat", "WEB_CHAT", "Gold", "VIPGold", "step12"]),
        ("locale", ["en-US", "zh-Hans"]),
        ("Data.Language", ["en_US", "bg-BG"]),
        ("Data.version", ["v1", "v2", "v3"]),
        ("Data.rating", [1, 2, 3, 4, 5]),
        ("Data.isReturning", [True, False]),
        ("Sender", ["User", "Bot"]),
        ("From.Kind", ["user", "bot"]),
    ],
)
def test_values_of_a_kind_are_shown(path: str, found: list[Any]) -> None:
    assert sorted(map(str, values(path, *found))) == sorted(map(str, found))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("Data.user.plan", ["gold"]),
        ("FirstName", ["ada"]),
        ("username", ["ada"]),
        ("Data.E-Mail", ["a"]),
        ("phoneNumber", [1]),
        ("shippingAddress", ["x"]),
        ("Text", ["yes"]),
        ("Messages.user", [1, 2]),
        ("имя", ["ада"]),
        ("ConversationId", ["a"]),
        ("Sender", ["ada", "bot"]),
        ("user.role", ["user"]),
        ("Data.who", ["Ada", "Boris"]),
        ("Data.who", ["Ada Lovelace"]),
        ("Data.who", ["王伟"]),
        ("Data.kind", ["gold", "Where is my order?"]),
        ("Data.kind", ["i want a large pizza"]),
        ("Data.kind", ["5990b7b5d57ae86c1b2dfd6e"]),
        ("Data.kind", ["deadbeef1"]),
        ("Data.kind", ["0f8fad5b-d9cb-469f-a165-70867728950e"]),
        ("Data.kind", ["a@example.org"]),
        ("Data.kind", ["https://example.org"]),
        ("Data.kind", ["10.0.0.1"]),
        ("Data.kind", ["359 888 123"]),
        ("Data.kind", ["main street 12"]),
        ("reason", ["patient Petrov"]),
        ("Channel.operator", ["Ivan Petrov"]),
        ("Event.host", ["Ivan Petrov"]),
        ("State.setBy", ["Ivan"]),
        ("Status2.changedBy", ["ivan"]),
        ("Department.head", ["Ivan Petrov"]),
        ("Data.group.lead", ["Ivan Petrov"]),
        ("Data.plan.buyer", ["Ivan Petrov"]),
        ("flow.startedBy", ["Ivan Petrov"]),
        ("Channel.said", ["well then"]),
        ("ClosedBy", ["ivan"]),
        ("Operator", ["ivan"]),
        ("Assigned", ["ivan"]),
        ("Rep", ["ivan.petrov"]),
        ("who", ["ivan"]),
        ("Data.vip", ["petrov"]),
        ("Data.vip", [True, False]),
        ("Tags", ["ivan"]),
        ("Data.apikey", ["sk-abc"]),
        ("Data.apikey.type", ["abc"]),
        ("passcode", ["abc"]),
        ("pin", [432]),
        ("otp", [445]),
        ("diagnosis", ["flu"]),
        ("diagnosis.category", ["flu"]),
        ("religion", ["none"]),
        ("relationshipStatus", ["single"]),
        ("isPregnant", [True]),
        ("salary", [900]),
        ("Data.rating", [1000]),
        ("tenant", ["ab12-cd"]),
        ("kind", ["ab12-cd"]),
        ("kind", ["xkcdqwez"]),
        ("kind", ["ivan.petrov"]),
        ("source", ["Ivan Petrov"]),
        ("source", ["IvanPetrov"]),
        ("Kind", ["мария петрова", "Мария"]),
        ("Kind", ["ivan petrov"]),
        ("Kind", ["IVAN PETROV"]),
        ("Kind", ["Anna-maria"]),
        ("Kind", ["Anna_Schmidt"]),
        ("Kind", ["i petrov"]),
        ("Kind", ["I. Petrov"]),
        ("Kind", ["IPetrov"]),
        ("Kind", ["I_petrov"]),
        ("Kind", ["o'neil"]),
        ("Kind", ["van der berg"]),
        ("Data.slot", ["u1", "u2", "u3"]),
        ("Sender.name", ["user"]),
        ("Data.kind", [12345]),
        ("Data.kind", [42.69]),
        ("Data.kind", [-1]),
        ("Data.kind", ["x" * 41]),
        ("Data.kind", [" "]),
        ("Data.kind", ["a\x1b[31m"]),
        ("Data.kind", list(range(21))),
        ("Data.kind", ["2026-11-28T12:00:00Z"]),
    ],
)
def test_values_that_may_be_personal_are_not_shown(path: str, found: list[Any]) -> None:
    assert values(path, *found) == []


def test_a_value_is_shown_only_if_five_documents_have_it() -> None:
    documents = [*({"kind": "x"},) * 5, *({"kind": "y"},) * 4]
    [field] = fields(documents)
    assert shown_values(field) == (("x", 5),)


def test_a_path_is_shown_only_if_five_documents_have_it() -> None:
    documents: list[dict[str, Any]] = [*({"a": {"b": 1}},) * 4, {"a": {}}]
    assert shown_paths(fields(documents)) == {("a",)}


@pytest.mark.parametrize(
    "key", ["5990b7b5d57ae86c1b2dfd6e", "a@b.c", "3598881", "a\nb", "x" * 41, "+1 555 1", "Ivan Petrov"]
)
def test_a_path_with_data_as_a_key_is_not_shown(key: str) -> None:
    assert shown_paths(fields([{"a": {key: {"b": 1}}}] * 9)) == {("a",)}


def test_the_keys_of_a_map_are_not_shown() -> None:
    names = [
        "ada",
        "boris",
        "chloe",
        "dimitar",
        "elena",
        "farid",
        "grace",
        "hristo",
        "ines",
        "joana",
        "kalin",
    ]
    documents = [{"scores": {name: {"points": 1}}} for name in names for _ in range(9)]
    assert shown_paths(fields(documents)) == {("scores",)}
    records = [{"scores": dict.fromkeys(names, 1)}] * 9
    assert len(shown_paths(fields(records))) == 12


@pytest.mark.parametrize("parent", ["byAgent", "by_city", "agents", "LastUsers"])
def test_the_keys_below_a_name_that_says_so_are_not_shown(parent: str) -> None:
    documents = [{"Data": {parent: {"maria": 1}}}] * 9
    assert shown_paths(fields(documents)) == {("Data",), ("Data", parent)}


def test_keys_of_one_structure_in_few_documents_each_are_not_shown() -> None:
    pairs = (("ada", "boris"), ("chloe", "elena"), ("ada", "farid"), ("grace", "boris"), ("ines", "elena"))
    documents = [{"scores": {name: {"points": 1} for name in pair}} for pair in pairs for _ in range(9)]
    assert shown_paths(fields(documents)) == {("scores",)}
    records: list[dict[str, Any]] = [{"a": {"b": {"c": 1}}}, {"a": {"d": 1}}, {"a": {"e": "x"}}] * 9
    assert len(shown_paths(fields(records))) == 5


def test_keys_of_one_structure_of_which_a_document_has_one_are_not_shown() -> None:
    documents = [{"votes": {name: 1}} for name in ("ada", "boris") for _ in range(9)]
    assert shown_paths(fields(documents)) == {("votes",)}


@pytest.mark.parametrize("key", ["Status", "Имя", "a.b", "$set", "0"])
def test_any_other_key_is_shown(key: str) -> None:
    assert shown_paths(fields([{key: 1}] * 5)) == {(key,)}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ProviderName", ["provider"]),
        ("HTTPStatus", ["http", "status"]),
        ("first_name", ["first", "name"]),
        ("first-name2", ["first", "name"]),
        ("ФамилноИме", ["фамилно", "име"]),
        ("", []),
    ],
)
def test_a_path_has_the_words_that_a_person_reads(key: str, words: list[str]) -> None:
    assert list(words_of((key,))) == words


@given(st.lists(st.text(max_size=12), max_size=4))
def test_any_path_has_an_answer(path: list[str]) -> None:
    assert speaks_of_person(tuple(path)) in (True, False)


@settings(max_examples=40)
@given(st.lists(st.text(max_size=30) | st.integers() | st.floats(allow_nan=False), min_size=1, max_size=5))
def test_whatever_is_shown_is_short_printable_and_no_long_number(found: list[Any]) -> None:
    for value in values("Data.kind", *found):
        assert str(value).isprintable()
        assert len(str(value)) <= 40
        assert sum(letter.isdigit() for letter in str(value)) < 12


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Data.channel.ProviderName", "Data.channel.ProviderName"),
        ("Items.0.Kind", "Items.0.Kind"),
        ("Meta.5f0c3f3e8d1c4b0012345678.x", "Meta.….x"),
        ("user 0888123456", "…"),
        ("Data.byAgent.petrov.count", "Data.byAgent.….count"),
        ("Customers.maria", "Customers.…"),
    ],
)
def test_a_step_that_looks_like_data_is_not_in_the_name_that_is_shown(name: str, shown: str) -> None:
    assert shown_name(name) == shown
