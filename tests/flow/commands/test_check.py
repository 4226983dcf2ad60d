"""`run` refuses a wrong configuration; tests/cli and tests/config have the laws of `check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import StartExporter


ROOT = Path(__file__).parents[3]
EXPECT = "# expect: "
ENVIRON = {"NATIVECHAT_BOT_ID": "0123456789abcdef01234567", "NATIVECHAT_TOKEN": "t0ken"}


def expected(file: Path) -> list[str]:
    lines = file.read_text("utf-8").splitlines()
    return [f"{file}:{line.removeprefix(EXPECT)}" for line in lines if line.startswith(EXPECT)]


@pytest.mark.parametrize("name", ["query_every_short", "yaml_tab", "predicate_where"])
def test_run_prints_the_same_problems_as_check(exporter: StartExporter, name: str) -> None:
    file = ROOT / f"tests/config/bad/{name}.yaml"
    running = exporter(file, env=ENVIRON | {"SECOND_BOT_ID": "x", "SECOND_TOKEN": "x"})
    assert running.process.wait(30) == 2
    assert running.output.splitlines() == expected(file)
