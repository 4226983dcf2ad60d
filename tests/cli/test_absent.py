"""Laws of a command whose modules are not installed."""

from __future__ import annotations

import pytest

from exporter.cli import COMMANDS
from exporter.cli.absent import Absent, missing_module, replacement


@pytest.mark.parametrize("command", COMMANDS)
def test_a_development_installation_has_every_module(command: str) -> None:
    assert missing_module(command) is None


@pytest.mark.parametrize("words", [[], ["--bots=3"], ["anything", "-x"]])
def test_a_replacement_says_what_to_install_whatever_its_arguments(words: list[str]) -> None:
    command = replacement("simulate", "mongomock")
    with pytest.raises(Absent, match=r"a simulation needs mongomock, .*pip install mongomock\)$") as raised:
        command.main(words, standalone_mode=False)
    assert raised.value.exit_code == 2
