from __future__ import annotations

from exporter.config.notes import Given, Notes, either
from exporter.errors import Place, Problem

HERE = Place("f", 3, 1)


def test_an_error_makes_its_path_and_all_above_it_unclean() -> None:
    notes = Notes()
    notes.error(HERE, "queries[10].labels.channel[0]", "wrong")
    for path in ("", "queries", "queries[10]", "queries[10].labels", "queries[10].labels.channel[0]"):
        assert not notes.clean(path)
    for path in ("bots", "queries[1]", "queries[10].labels.channel[1]", "queries[10].query"):
        assert notes.clean(path)


def test_a_warning_leaves_everything_clean() -> None:
    notes = Notes()
    notes.warning(HERE, "bots[0]", "odd")
    assert notes.clean("")
    assert notes.clean("bots[0]")


def test_problems_come_by_severity_in_the_file_s_order() -> None:
    notes = Notes([Problem(Place("f", 9, 1), "z", "last")])
    notes.error(Place("f", 2, 1), "b", "second")
    notes.warning(HERE, "c", "odd")
    notes.error(Place("f", 2, 1), "a", "first")
    assert [problem.what for problem in notes.of("error")] == ["first", "second", "last"]
    assert [problem.what for problem in notes.of("warning")] == ["odd"]


def test_a_message_is_one_bounded_printable_line() -> None:
    notes = Notes()
    notes.error(HERE, "a", "a\nb\x1b" + "x" * 1000, "c\td")
    (problem,) = notes.of("error")
    assert problem.what.startswith("a\\nb\\x1bxxx")
    assert len(problem.what) < 420
    assert problem.advice == "c\\td"


def test_either_prefers_what_was_given() -> None:
    assert either(Given(0, HERE, "a"), 5) == 0
    assert either(None, 5) == 5
