"""Every file in `bad/` has one error: the one in its first line."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config.load import load
from exporter.errors import ConfigError

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
EXPECT = "# expect: "


def expected(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{path}:{line.removeprefix(EXPECT)}" for line in lines if line.startswith(EXPECT)]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_has_exactly_the_error_of_its_first_line(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, {}, secrets="optional")
    assert [str(problem) for problem in caught.value.problems] == expected(path)
    assert len(caught.value.problems) == 1


def test_there_are_fifty_bad_files_at_least() -> None:
    assert len(BAD) >= 50


def test_five_errors_are_reported_at_once() -> None:
    path = HERE / "five_faults.yaml"
    with pytest.raises(ConfigError) as caught:
        load(path, {}, secrets="optional")
    assert str(caught.value).splitlines() == expected(path)
    assert len(caught.value.problems) == 5
