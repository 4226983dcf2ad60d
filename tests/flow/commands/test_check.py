"""`check` tells a person every mistake and its place, or what the configuration would do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.flow.commands.conftest import Finished
    from tests.flow.conftest import StartExporter

    Command = Callable[..., Finished]

ROOT = Path(__file__).parents[3]
BAD = sorted((ROOT / "tests/config/bad").glob("*.yaml"))[::10]
"""A few of the bad files; tests/config/test_bad.py holds each to its words."""
FIVE = ROOT / "tests/config/five_faults.yaml"
EXPECT = "# expect: "
ENVIRON = {"NATIVECHAT_BOT_ID": "0123456789abcdef01234567", "NATIVECHAT_TOKEN": "t0ken"}


def expected(file: Path) -> list[str]:
    lines = file.read_text("utf-8").splitlines()
    return [f"{file}:{line.removeprefix(EXPECT)}" for line in lines if line.startswith(EXPECT)]


@pytest.mark.parametrize("environ", [{}, ENVIRON], ids=["empty environment", "both variables"])
def test_check_prints_the_plan_of_the_shipped_configuration(
    command: Command, environ: dict[str, str]
) -> None:
    ended = command("check", f"--config.file={ROOT / 'config.yaml'}", env=environ)
    assert ended.code == 0, ended
    assert "bots: 1, queries: 6, series: 9, requests per minute: 10.0" in ended.out
    assert "nativechat_conversations_by_channel" in ended.out
    assert ENVIRON["NATIVECHAT_TOKEN"] not in ended.out + ended.err


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_check_tells_a_mistake_with_file_line_and_column_and_exits_with_2(
    command: Command, file: Path
) -> None:
    ended = command("check", f"--config.file={file}")
    assert ended.code == 2
    assert ended.out.splitlines() == expected(file)
    assert re.match(rf"{re.escape(str(file))}:\d+:\d+: \S", ended.out)
    assert "Traceback" not in ended.out + ended.err


def test_check_tells_five_mistakes_at_once(command: Command) -> None:
    ended = command("check", f"--config.file={FIVE}")
    assert ended.code == 2
    assert len(expected(FIVE)) == 5
    assert ended.out.splitlines() == expected(FIVE)


def test_check_says_what_to_do_where_there_is_no_file(command: Command, tmp_path: Path) -> None:
    ended = command("check", f"--config.file={tmp_path / 'none.yaml'}")
    assert ended.code == 2
    assert "no such file" in ended.out
    assert "name a file that exists" in ended.out


@pytest.mark.parametrize("name", ["query_every_short", "yaml_tab", "predicate_where"])
def test_run_refuses_to_start_with_the_same_words_as_check(exporter: StartExporter, name: str) -> None:
    file = ROOT / f"tests/config/bad/{name}.yaml"
    running = exporter(file, env=ENVIRON | {"SECOND_BOT_ID": "x", "SECOND_TOKEN": "x"})
    assert running.process.wait(30) == 2
    assert running.output.splitlines() == expected(file)
