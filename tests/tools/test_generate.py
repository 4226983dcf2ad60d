"""Laws of generated files: they are what the program makes, and one that is not is named."""

from __future__ import annotations

import pytest

from tools.generate import ROOT, contents, differing, main


def test_what_ships_is_what_the_program_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_a_file_that_differs_or_is_missing_is_named() -> None:
    made = contents()
    made[ROOT / "prometheus/rules.yml"] += "# by hand\n"
    made[ROOT / "prometheus/none.yml"] = ""
    assert differing(made) == ["prometheus/rules.yml", "prometheus/none.yml"]
