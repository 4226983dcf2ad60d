"""Laws of privacy: nothing is shown that may be a person, a text, an id, a long number or an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.explore.privacy import shown_paths, shown_values, speaks_of_person, words_of
from exporter.explore.profile import Field, Profile


def fields(documents: Sequence[dict[str, Any]]) -> tuple[Field, ...]:
    made = Profile()
    for document in documents:
        made.add(document)
    return made.fields()


def values(path: str, *found: Any, times: int = 5) -> list[Any]:
    """Return the values that are shown of a field that has each of these so many times."""
    *outer, last = path.split(".")
    documents = []
    for value in found:
        document: dict[str, Any] = {last: value}
        for key in reversed(outer):
            document = {key: document}
        documents += [document] * times
    field = next(field for field in fields(documents) if field.name == path)
    return [value for value, _ in shown_values(field)]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("Status", ["success", "error", "In Progress"]),
        ("Data.channel.ProviderName", ["facebook", "viber", "darvin"]),
        ("channelname", ["Facebook"]),
        ("Data.plan", ["gold", "silver"]),
        ("Data.Language", ["en_US", "bg-BG"]),
        ("Data.version", ["v1", "v2", "v3"]),
        ("Data.rating", [1, 2, 3, 4, 5]),
        ("Data.isReturning", [True, False]),
        ("Sender", ["User", "Bot"]),
        ("Data.context", ["sales"]),
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
        ("Data.plan", ["gold", "Where is my order?"]),
        ("Data.plan", ["i want a large pizza"]),
        ("Data.plan", ["5990b7b5d57ae86c1b2dfd6e"]),
        ("Data.plan", ["deadbeef1"]),
        ("Data.plan", ["0f8fad5b-d9cb-469f-a165-70867728950e"]),
        ("Data.plan", ["a@example.org"]),
        ("Data.plan", ["https://example.org"]),
        ("Data.plan", ["10.0.0.1"]),
        ("Data.plan", ["359 888 123"]),
        ("Data.plan", ["main street 12"]),
        ("Data.slot", ["u1", "u2", "u3"]),
        ("Data.plan", [12345]),
        ("Data.plan", [42.69]),
        ("Data.plan", [-1]),
        ("Data.plan", ["x" * 41]),
        ("Data.plan", [" "]),
        ("Data.plan", ["a\x1b[31m"]),
        ("Data.plan", list(range(21))),
        ("Data.plan", ["2026-11-28T12:00:00Z"]),
    ],
)
def test_values_that_may_be_personal_are_not_shown(path: str, found: list[Any]) -> None:
    assert values(path, *found) == []


def test_a_value_is_shown_only_if_five_documents_have_it() -> None:
    documents = [*({"a": "x"},) * 5, *({"a": "y"},) * 4]
    [field] = fields(documents)
    assert shown_values(field) == (("x", 5),)


def test_a_path_is_shown_only_if_five_documents_have_it() -> None:
    documents: list[dict[str, Any]] = [*({"a": {"b": 1}},) * 4, {"a": {}}]
    assert shown_paths(fields(documents)) == {("a",)}


@pytest.mark.parametrize(
    "key", ["5990b7b5d57ae86c1b2dfd6e", "a@b.c", "3598881", "a\nb", "x" * 41, "+1 555 1"]
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


@pytest.mark.parametrize("key", ["Status", "Имя", "a.b", "$set", "0"])
def test_any_other_key_is_shown(key: str) -> None:
    assert shown_paths(fields([{key: 1}] * 5)) == {(key,)}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ProviderName", ["provider", "name"]),
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


@given(st.lists(st.text(max_size=30) | st.integers() | st.floats(allow_nan=False), min_size=1, max_size=20))
def test_whatever_is_shown_is_short_printable_and_no_long_number(found: list[Any]) -> None:
    for value in values("Data.kind", *found):
        assert str(value).isprintable()
        assert len(str(value)) <= 40
        assert sum(letter.isdigit() for letter in str(value)) < 12
