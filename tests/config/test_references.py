from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.notes import Notes
from exporter.config.references import BOT_ID, TOKEN, Reference, ReferenceKind, id_doubt, id_problem
from exporter.config.source import compose
from exporter.errors import ConfigError


def read(kind: ReferenceKind, text: str) -> tuple[Reference | None, list[str]]:
    document = compose(text.encode(errors="replace"), "f")
    notes = Notes(document.problems)
    given = kind.read(document.root, "bots[0].token", notes)
    return (given.value if given else None), [str(problem) for problem in notes.of("error")]


def test_a_reference_names_a_variable_or_a_file() -> None:
    assert read(TOKEN, "{env: TOKEN}") == (Reference(env="TOKEN"), [])
    assert read(TOKEN, "{file: /run/token}") == (Reference(file=Path("/run/token")), [])
    assert read(BOT_ID, "{env: BOT_ID}") == (Reference(env="BOT_ID"), [])


def test_only_an_id_may_be_written_out() -> None:
    assert read(BOT_ID, "5990b7b5d57ae86c1b2dfd6e") == (Reference(text="5990b7b5d57ae86c1b2dfd6e"), [])
    reference, problems = read(TOKEN, "hunter2")
    assert reference is None
    assert problems == [
        "f:1:1: bots[0].token: a token does not belong in this file (write {env: NAME} or {file: PATH})"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "[hunter2]",
        "{hunter2}",
        "{hunter2: env}",
        "{env: hunter-2}",
        "{env: hunter2-, file: x}",
        "{env: [hunter2]}",
        "{file: {hunter2: }}",
        '{file: "hunter2\\0"}',
        "{env: }",
        "{}",
        "12345",
        "1.5",
        "~",
        "true",
        "!hunter2 x",
        "{<<: hunter2}",
        "{env: 012345}",
        "012345",
    ],
)
def test_what_stands_where_a_token_belongs_is_told_once_and_never_repeated(text: str) -> None:
    reference, problems = read(TOKEN, text)
    assert reference is None
    assert len(problems) == 1
    assert problems[0].startswith("f:1:")
    assert "hunter" not in problems[0]
    assert "12345" not in problems[0]


@given(st.text(), st.sampled_from([TOKEN, BOT_ID]))
def test_no_text_is_ever_repeated(text: str, kind: ReferenceKind) -> None:
    for written in (
        f"hunter2{text}",
        f"{{env: 'hunter2{text}'}}",
        f"{{hunter2{text}: x}}",
        f'"hunter2{text}"',
    ):
        try:
            problems = read(kind, written)[1]
        except ConfigError as exc:
            problems = [str(exc)]
        assert "hunter2" not in "".join(problems)


def test_an_id_fits_a_url_s_path() -> None:
    assert id_problem("5990b7b5d57ae86c1b2dfd6e") is None
    assert id_problem("a-b_C") is None
    for text in ("", "a/b", "..", "a?b", "a%2f", "a b", "é", "x" * 201, "a\n"):
        assert id_problem(text) is not None


def test_an_id_that_is_not_24_hexadecimal_digits_is_doubted() -> None:
    assert id_doubt("5990b7b5d57ae86c1b2dfd6E") is None
    assert id_doubt("5990b7b5d57ae86c1b2dfd6") is not None
    assert id_doubt("g990b7b5d57ae86c1b2dfd6e") is not None
