from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exporter.config.bots import LABELS as BOT_LABELS
from exporter.config.kinds import Kind
from exporter.config.variants import LABELS, PREDICATE

Check = Callable[..., tuple[Any, list[str]]]


def test_every_error_in_a_bot_s_labels_is_reported(check: Check) -> None:
    labels, problems = check(BOT_LABELS, "{le: a, b: '', c: 1, d: !x y, e: f}")
    assert labels == {"le": "a", "b": None, "c": None, "d": None, "e": "f"}
    assert [problem.split(": ")[:2] for problem in problems] == [
        ["2", "le"],
        ["12", "b"],
        ["19", "c"],
        ["25", "d"],
    ]


def test_a_query_s_labels_are_lists_of_values_or_mappings_to_predicates(check: Check) -> None:
    text = "{b: [x, 1, 1.5, true], a: {x: {Status: s}, 'no': {}}}"
    labels, problems = check(LABELS, text)
    assert problems == []
    assert list(labels.items()) == [
        ("b", ["x", 1, 1.5, True]),
        ("a", {"x": {"Status": "s"}, "no": {}}),
    ]


def test_every_error_in_a_query_s_labels_is_reported_and_every_name_is_kept(check: Check) -> None:
    text = "{le: [1], b: [], c: {}, d: x, e: [~, [1], '', 1, '1', !x y], f: {'': {}, g: , h: {i: no}}}"
    labels, problems = check(LABELS, text)
    assert list(labels) == ["le", "b", "c", "d", "e", "f"]
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


def test_a_label_with_a_refused_key_is_not_reported_as_empty(check: Check) -> None:
    assert [problem.split(" (")[0] for problem in check(LABELS, "{a: {1: {}}}")[1]] == [
        "6: a: a key that is not text"
    ]


@pytest.mark.parametrize("kind", [BOT_LABELS, LABELS, PREDICATE])
@pytest.mark.parametrize("text", ["[a]", "a", "", "!x {}"])
def test_a_value_that_is_not_a_mapping_is_reported_once(check: Check, kind: Kind, text: str) -> None:
    value, problems = check(kind, text)
    assert value is None
    assert len(problems) == 1
