"""Replaces the commands that simulate where the simulator is not installed, as in the image."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import click

_SIMULATOR: Final = "exporter.simulator"


class Absent(click.ClickException):
    """A command that is not installed; unlike a UsageError it prints no usage."""

    exit_code = 2


def is_absent(command: str) -> bool:
    """Return whether a command needs the simulator where there is none."""
    return command in {"simulate", "demo"} and find_spec(_SIMULATOR) is None


def replacement(name: str) -> click.Command:
    """Return a command that takes any arguments and raises Absent."""

    def fail() -> None:
        advice = "the image has no simulator; install the package instead"
        raise Absent(f"a simulation needs {_SIMULATOR}, which is not installed here ({advice})")

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=fail, help="Not installed here.", context_settings=settings)
