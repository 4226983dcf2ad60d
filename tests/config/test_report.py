from __future__ import annotations

import pytest

from exporter.config.report import Report, written
from exporter.config.source import compose
from exporter.errors import Place
from exporter.language.tree import Path

TEXT = b"a:\n  - x\n  - b.c: 5\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("queries", 2, "every"), "queries[2].every"),
        (("query", "Data.user", "$gt"), 'query["Data.user"].$gt'),
        (("a b",), '["a b"]'),
        (("a\x1b[2J\n",), '["a\\x1b[2J\\n"]'),
        (("\u2028" + "x" * 100,), '["\\u2028' + "x" * 58 + '\\u2026"]'),
        (("x" * 100,), "x" * 59 + "…"),
        ((*"abcdefghijklmnopqrstuvwxyz",), "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q…"),
    ],
)
def test_a_path_is_written_on_one_line(path: Path, text: str) -> None:
    assert written(path) == text


def test_a_value_a_key_and_a_missing_value_have_a_place() -> None:
    _, report = compose(TEXT, "f")
    assert report.place(("a", 1, "b.c")) == Place("f", 3, 10)
    assert report.place(("a", 1, "b.c"), at_key=True) == Place("f", 3, 5)
    assert report.place(("a", 0), at_key=True) == Place("f", 2, 5)
    assert report.place(("a", 1, "x", "y")) == Place("f", 3, 5)
    assert Report("f").place(("a",)) == Place("f", 1, 1)


def test_an_error_marks_its_path_and_all_paths_above_it() -> None:
    report = Report("f")
    path: Path = ("queries", 10, "labels", "channel", 0)
    report.error(path, "wrong")
    assert not any(report.clean(path[:length]) for length in range(len(path) + 1))
    for other in (
        ("bots",),
        ("queries", 1),
        ("queries", 10, "labels", "channel", 1),
        ("queries", 10, "query"),
    ):
        assert report.clean(other)


def test_a_warning_marks_no_path() -> None:
    report = Report("f")
    report.warning(("bots", 0), "odd")
    assert report.clean(())
    assert report.clean(("bots", 0))


def test_a_value_with_an_error_gets_no_warning() -> None:
    report = Report("f")
    report.error(("a", "b"), "wrong")
    report.warning(("a",), "odd")
    assert report.of("warning") == ()


def test_problems_are_sorted_by_place() -> None:
    _, report = compose(b"a: 1\nb: 2\nc: 3\n", "f")
    report.warning(("c",), "odd")
    report.error(("c",), "last")
    report.error(("b",), "second")
    report.error(("b", "a"), "third")
    report.error(("a",), "first")
    assert [problem.what for problem in report.of("error")] == ["first", "second", "third", "last"]
    assert [problem.what for problem in report.of("warning")] == ["odd"]


def test_a_message_is_one_bounded_line_of_printable_characters() -> None:
    report = Report("f")
    report.error(("a",), "a\nb\x1b" + "x" * 1000, "c\td")
    (problem,) = report.of("error")
    assert problem.what.startswith("a\\nb\\x1bxxx")
    assert len(problem.what) < 420
    assert problem.advice == "c\\td"
