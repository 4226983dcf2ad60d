"""Laws of a command that this installation leaves out."""

from __future__ import annotations

import click
import pytest

from exporter.cli import COMMANDS
from exporter.cli.absent import Absent, absent, stand_in


@pytest.mark.parametrize("command", COMMANDS)
def test_a_development_installation_leaves_nothing_out(command: str) -> None:
    assert absent(command) is None


@pytest.mark.parametrize("words", [[], ["--bots=3"], ["anything", "-x"]])
def test_a_stand_in_says_what_to_do_whatever_it_is_told(words: list[str]) -> None:
    command = stand_in("simulate", "mongomock")
    with pytest.raises(Absent, match=r"a simulation needs mongomock, .*pip install") as told:
        command.main(words, standalone_mode=False)
    assert told.value.exit_code == 2
    assert isinstance(told.value, click.ClickException)
