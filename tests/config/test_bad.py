"""Every file in `bad/` has one error, and every file in `warned/` one warning: those of its first lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter.config.load import load
from exporter.errors import ConfigError, Problem

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
WARNED = sorted((HERE / "warned").glob("*.yaml"))
EXPECT = "# expect: "
ENVIRON = {
    "NATIVECHAT_BOT_ID": "5990b7b5d57ae86c1b2dfd6e",
    "NATIVECHAT_TOKEN": "made-up-token",
    "NATIVECHAT_OTHER_BOT_ID": "7990b7b5d57ae86c1b2dfd6e",
    "SECOND_BOT_ID": "6990b7b5d57ae86c1b2dfd6e",
    "SECOND_TOKEN": "made-up-token",
}


def expected(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").replace("{here}", str(HERE)).splitlines()
    return [f"{path}:{line.removeprefix(EXPECT)}" for line in lines if line.startswith(EXPECT)]


def problems(path: Path) -> list[Problem]:
    try:
        return list(load(path, ENVIRON, secrets="optional").warnings)
    except ConfigError as error:
        return [*error.problems, *error.warnings]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_has_exactly_the_error_of_its_first_line(path: Path) -> None:
    assert list(map(str, problems(path))) == expected(path)
    assert [problem.severity for problem in problems(path)].count("error") == 1


@pytest.mark.parametrize("path", WARNED, ids=lambda path: path.stem)
def test_a_warned_file_has_exactly_the_warning_of_its_first_line(path: Path) -> None:
    assert list(map(str, problems(path))) == expected(path)
    assert [problem.severity for problem in problems(path)] == ["warning"]


@pytest.mark.parametrize("path", [*BAD, *WARNED], ids=lambda path: path.stem)
def test_every_problem_says_what_to_do(path: Path) -> None:
    for problem in problems(path):
        assert problem.advice or re.search(r"expected | takes |\(", problem.what)


def test_there_are_fifty_bad_files_and_twenty_warned_files_at_least() -> None:
    assert len(BAD) >= 50
    assert len(WARNED) >= 20


def test_five_errors_are_reported_at_once_and_a_warning_beside_them() -> None:
    path = HERE / "five_faults.yaml"
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON, secrets="optional")
    errors, warnings = caught.value.problems, caught.value.warnings
    assert [str(problem) for problem in (*errors, *warnings)] == expected(path)
    assert (len(errors), len(warnings)) == (5, 1)
