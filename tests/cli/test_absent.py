"""Laws of a command whose modules are not installed."""

from __future__ import annotations

import pytest

from exporter.cli import COMMANDS
from exporter.cli.absent import Absent, is_absent, replacement


@pytest.mark.parametrize("command", COMMANDS)
def test_an_installation_has_every_command(command: str) -> None:
    assert not is_absent(command)


@pytest.mark.parametrize("words", [[], ["--bots=3"], ["anything", "-x"]])
def test_a_replacement_says_what_to_do_whatever_its_arguments(words: list[str]) -> None:
    command = replacement("simulate")
    with pytest.raises(Absent, match=r"needs exporter\.simulator, .*install the package") as raised:
        command.main(words, standalone_mode=False)
    assert raised.value.exit_code == 2
