"""Laws of suggestions for mistyped words."""

from __future__ import annotations

from exporter.language.suggest import did_you_mean


def test_a_near_word_is_suggested() -> None:
    assert did_you_mean("evry", ["every", "query"]) == 'did you mean "every"?'


def test_no_word_is_suggested_if_none_is_near() -> None:
    assert did_you_mean("banana", ["every", "query"]) == ""


def test_case_is_ignored() -> None:
    assert did_you_mean("$ELEMMATCH", iter(["$elemMatch", "$eq"])) == 'did you mean "$elemMatch"?'
