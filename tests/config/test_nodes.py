from __future__ import annotations

import pytest

from exporter.config.nodes import Node, Refused, below, kind, locate, measure, plain, shown
from exporter.config.source import compose
from exporter.errors import Place


def node(text: str) -> Node:
    return compose(text.encode(), "f").root


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        (["queries", 2, "every"], "queries[2].every"),
        (["query", "Data.user", "$gt"], 'query["Data.user"].$gt'),
        (["a b"], '["a b"]'),
        (["a\x1b[2J\n"], '["a\\x1b[2J\\n"]'),
        (["x" * 100], "x" * 59 + "…"),
    ],
)
def test_a_path_reads_as_one_would_write_it_on_one_line(steps: list[str | int], path: str) -> None:
    found = ""
    for step in steps:
        found = below(found, step)
    assert found == path


def test_a_shown_text_is_short_and_printable() -> None:
    assert shown("fine é") == "fine é"
    assert shown("\u2028" + "x" * 100).startswith("\\u2028x")
    assert len(shown("x" * 100)) == 60


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("~", "nothing"),
        ("true", "true or false"),
        ("secret", "text"),
        ("5", "a number"),
        ("5.5", "a decimal number"),
        ("[5]", "a list"),
        ("{a: 5}", "a mapping"),
    ],
)
def test_a_kind_is_named_without_the_value(text: str, name: str) -> None:
    assert kind(node(text)) == name


def test_size_and_height_count_every_value() -> None:
    assert measure(node("x")) == (1, 1)
    assert measure(node("[]")) == (1, 1)
    assert measure(node("{a: [1, [2]], b: 3}")) == (6, 4)


def test_plain_is_the_json_that_was_written() -> None:
    assert plain(node("{a: [1, {b: ~}], c: x}")) == {"a": [1, {"b": None}], "c": "x"}
    assert plain(Refused(Place("f"))) is None


def test_locating_gives_the_places_of_key_and_value() -> None:
    root = node("a:\n  - x\n  - b.c: 5\n")
    spot = locate(root, "query", ("a", 1, "b.c"))
    assert (spot.place, spot.key_place) == (Place("f", 3, 10), Place("f", 3, 5))
    assert spot.path == 'query.a[1]["b.c"]'
    assert locate(root, "query", ("a", 0)).key_place == Place("f", 2, 5)
    assert locate(root, "query", ()).place == Place("f", 1, 1)
