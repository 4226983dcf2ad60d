"""Laws of the journal: what was answered is never asked for again, wherever an interruption cut the file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.backfill.journal import Journal
from exporter.errors import WrongUsage
from exporter.files import with_digest


class NamedBytes(BytesIO):
    name = "past.om.resume"


def written(answers: list[int]) -> bytes:
    file = BytesIO()
    journal = Journal(file, {"since": 1})
    for answer in answers:
        assert journal.answer(lambda: answer) == answer  # noqa: B023 - called at once
    return file.getvalue()


@given(st.lists(st.integers(0, 10**12)), st.data())
def test_a_journal_cut_anywhere_keeps_its_whole_lines(answers: list[int], data: st.DataObject) -> None:
    whole = written(answers)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    kept = max(0, cut.count(b"\n") - 1)
    file = NamedBytes(cut)
    if cut and b"\n" not in cut:  # not even its own header is complete: it may be another's file
        with pytest.raises(WrongUsage, match="is no journal"):
            Journal(file, {"since": 1})
        assert file.getvalue() == cut
        return
    journal = Journal(file, {"since": 1})
    assert journal.answers == kept
    asked: list[int] = []

    def ask() -> int:
        asked.append(answers[kept + len(asked)])
        return asked[-1]

    assert [journal.answer(ask) for _ in answers] == answers
    assert asked == answers[kept:]
    assert file.getvalue() == whole
    assert journal.answers == len(answers)


def test_the_header_of_the_first_opening_stays() -> None:
    file = BytesIO(written([]))
    assert Journal(file, {"since": 2}).header == {"since": 1}


def test_answers_are_read_again_from_a_position() -> None:
    journal = Journal(BytesIO(), {})
    journal.answer(lambda: 5)
    position = journal.position
    for answer in (7, 8):
        journal.answer(lambda: answer)  # noqa: B023 - called at once
    journal.go_to(position)
    assert [journal.answer(int) for _ in range(2)] == [7, 8]


BEGUN = with_digest('{"since": 1}')


@pytest.mark.parametrize(
    "content",
    [
        *("not JSON\n", "3\n", "\n", '{"since": 1}\n', "3", BEGUN, f"{BEGUN.replace('1', '2', 1)}\n"),
        *(f"{BEGUN}\nmany\n", f"{BEGUN}\n-1\n"),
    ],
)
def test_another_file_and_a_changed_header_are_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "past.om.resume"
    path.write_text(content, "utf-8")
    with path.open("r+b") as file, pytest.raises(WrongUsage, match=r"past\.om\.resume is no journal"):
        Journal(file, {})
    assert path.read_text("utf-8") == content
