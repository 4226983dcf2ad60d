"""Stands in for a command that this installation leaves out, and says what to do."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import click

_ADVICE: Final = {
    "exporter.simulator": "the image leaves it out; an installation of the package has it",
    "mongomock": "the package's extra `simulate` brings it, and so does: pip install mongomock",
}
"""What simulating needs, and where it is to be had."""

_NEEDS: Final = {"simulate": tuple(_ADVICE), "demo": tuple(_ADVICE)}


class Absent(click.ClickException):
    """A command that this installation leaves out."""

    exit_code = 2


def absent(command: str) -> str | None:
    """Return the first module that a command needs and that is not installed, None if all are."""
    return next((module for module in _NEEDS.get(command, ()) if find_spec(module) is None), None)


def stand_in(name: str, module: str) -> click.Command:
    """Return a command that takes whatever it is told, and ends with what to do."""

    def say() -> None:
        raise Absent(f"{name} needs {module}, which is not installed here ({_ADVICE[module]})")

    return click.Command(
        name,
        callback=say,
        help="Not installed here.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
