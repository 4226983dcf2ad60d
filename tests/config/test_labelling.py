from __future__ import annotations

from typing import Any

import pytest

from exporter.config.kinds import Kind
from exporter.config.labelling import PREDICATE, BotLabelsKind, QueryLabelsKind
from exporter.config.notes import Notes
from exporter.config.source import compose


def read(kind: Kind[Any], text: str) -> tuple[Any, list[str]]:
    document = compose(text.encode(), "f")
    notes = Notes(document.problems)
    given = kind.read(document.root, "", notes)
    problems = [str(problem).removeprefix("f:1:").split(" (")[0] for problem in notes.of("error")]
    return given.value if given else None, problems


def test_a_bot_s_labels_are_sorted_by_name() -> None:
    assert read(BotLabelsKind(), "{team: care, area: 'no'}") == ((("area", "no"), ("team", "care")), [])


def test_a_bot_s_labels_tell_every_fault() -> None:
    labels, problems = read(BotLabelsKind(), "{le: a, b: '', c: 1, d: !x y, e: f}")
    assert labels == (("e", "f"), ("le", "a"))
    assert [problem.split(": ")[:2] for problem in problems] == [
        ["2", "le"],
        ["12", "b"],
        ["19", "c"],
        ["25", "d"],
    ]


def test_a_list_of_values_keeps_their_types_and_writes_them_as_json_does() -> None:
    labels, problems = read(QueryLabelsKind(), "{a: [x, 1, 1.50, true]}")
    assert problems == []
    assert labels[0].listed
    assert [(value.text, value.value) for value in labels[0].values] == [
        ("x", "x"),
        ("1", 1),
        ("1.5", 1.5),
        ("true", True),
    ]


def test_a_mapping_of_values_brings_a_predicate_each() -> None:
    labels, problems = read(QueryLabelsKind(), "{a: {x: {Status: s}, 'no': {}}}")
    assert problems == []
    assert not labels[0].listed
    found = [(value.text, value.predicate and value.predicate.value.raw) for value in labels[0].values]
    assert found == [("x", {"Status": "s"}), ("no", {})]


def test_labels_keep_the_order_of_the_file() -> None:
    labels, _ = read(QueryLabelsKind(), "{b: [1], a: [1]}")
    assert [label.name for label in labels] == ["b", "a"]


def test_a_query_s_labels_tell_every_fault_and_keep_every_name() -> None:
    text = "{le: [1], b: [], c: {}, d: x, e: [~, [1], '', 1, '1', !x y], f: {'': {}, g: , h: {i: no}}}"
    labels, problems = read(QueryLabelsKind(), text)
    assert [label.name for label in labels] == ["le", "b", "c", "d", "e", "f"]
    assert [problem.split(": ")[1] for problem in problems] == [
        "le",
        "b",
        "c",
        "d",
        "e[0]",
        "e[1]",
        "e[2]",
        "e[4]",
        "e[5]",
        'f[""]',
        "f.g",
        "f.h.i",
    ]


@pytest.mark.parametrize("kind", [BotLabelsKind(), QueryLabelsKind(), PREDICATE])
@pytest.mark.parametrize("text", ["[a]", "a", "", "!x {}"])
def test_what_is_no_mapping_is_told_once(kind: Kind[object], text: str) -> None:
    value, problems = read(kind, text)
    assert value is None
    assert len(problems) == 1
