from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from exporter.config.notes import Given, Notes
from exporter.config.outside import UNKNOWN_ID, Outside
from exporter.config.references import Reference
from exporter.errors import Place
from exporter.model import TokenSource

HERE = Place("f", 3, 9)
ID = "5990b7b5d57ae86c1b2dfd6e"


def given(reference: Reference) -> Given[Reference]:
    return Given(reference, HERE, "bots[0].id")


def around(
    folder: Path, secrets: Literal["required", "optional"] = "required", **environ: str
) -> tuple[Outside, Notes]:
    notes = Notes()
    return Outside(folder, environ, secrets, notes), notes


def told(notes: Notes) -> list[str]:
    return [str(problem) for problem in (*notes.of("error"), *notes.of("warning"))]


def test_a_token_is_proven_and_only_its_source_is_kept(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2")
    outside, notes = around(tmp_path, TOKEN="hunter2")
    assert outside.token(given(Reference(env="TOKEN"))) == TokenSource(env="TOKEN")
    assert outside.token(given(Reference(file=Path("token")))) == TokenSource(file=tmp_path / "token")
    assert told(notes) == []


@pytest.mark.parametrize(("secrets", "kind"), [("required", ""), ("optional", " warning:")])
def test_a_secret_that_is_missing_is_an_error_only_where_secrets_are_required(
    tmp_path: Path, secrets: Literal["required", "optional"], kind: str
) -> None:
    outside, notes = around(tmp_path, secrets)
    outside.token(given(Reference(env="TOKEN")))
    assert outside.bot_id(given(Reference(env="BOT"))) == UNKNOWN_ID
    outside.ca_file(Given(Path("ca.pem"), HERE, "api.ca_file"))
    assert told(notes)[0] == (
        f"f:3:9: api.ca_file:{kind} file {tmp_path}/ca.pem cannot be read: no such file or directory"
        " (name a file of certificates in PEM)"
    )
    assert told(notes)[1] == (
        f"f:3:9: bots[0].id:{kind} environment variable TOKEN is not set (set it before the exporter runs)"
    )


def test_an_id_may_come_from_the_file_a_variable_or_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "id").write_text(f"{ID}\n")
    outside, notes = around(tmp_path, BOT=ID)
    for reference in (Reference(text=ID), Reference(env="BOT"), Reference(file=Path("id"))):
        assert outside.bot_id(given(reference)) == ID
    assert told(notes) == []


def test_an_id_from_outside_is_as_strict_as_one_written_out(tmp_path: Path) -> None:
    outside, notes = around(tmp_path, "optional", BOT="../hunter2")
    outside.bot_id(given(Reference(env="BOT")))
    (problem,) = notes.of("error")
    assert problem.what.startswith("not a bot's id")
    assert "hunter2" not in str(problem)


def test_an_unusual_id_is_doubted(tmp_path: Path) -> None:
    outside, notes = around(tmp_path)
    assert outside.bot_id(given(Reference(text="short"))) == "short"
    assert [problem.severity for problem in notes.of("warning")] == ["warning"]


def test_nothing_is_looked_up_for_what_is_wrong_already(tmp_path: Path) -> None:
    outside, notes = around(tmp_path)
    notes.error(HERE, "bots[0].id", "missing")
    outside.token(given(Reference(env="")))
    assert outside.bot_id(given(Reference(text="blank"))) == "blank"
    assert len(told(notes)) == 1


def test_certificates_are_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    outside, notes = around(tmp_path)
    assert outside.ca_file(Given(Path("ca.pem"), HERE, "api.ca_file")) == tmp_path / "ca.pem"
    assert told(notes) == []
