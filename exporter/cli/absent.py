"""Stands in for a command that this installation leaves out, and says what to do."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

_SIMULATING: Final = ("simulate", "demo")
_SIMULATOR: Final = "exporter.simulator"


class Absent(click.ClickException):
    """A module that a simulation needs and that this installation leaves out."""

    exit_code = 2

    def __init__(self, module: str) -> None:
        advice = "the image leaves it out; an installation of the package has it"
        if module != _SIMULATOR:
            advice = f"this installs all that it needs: {_installing(*_needs() or (module,))}"
        super().__init__(f"a simulation needs {module}, which is not installed here ({advice})")


def absent(command: str) -> str | None:
    """Return the first module that a command needs and that is not installed, None if all are."""
    if command not in _SIMULATING:
        return None
    modules = (re.sub(r"[^\w].*", "", need.replace("-", "_")) for need in _needs())
    return next((module for module in (_SIMULATOR, *modules) if find_spec(module) is None), None)


@contextmanager
def simulator_imported() -> Iterator[None]:
    """Raise Absent for an import that finds no module: what others need is not named by our package."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise Absent(str(error.name)) from error


def stand_in(name: str, module: str) -> click.Command:
    """Return a command that takes whatever it is told, and ends with what to do."""

    def say() -> None:
        raise Absent(module)

    return click.Command(
        name,
        callback=say,
        help="Not installed here.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


def _needs() -> tuple[str, ...]:
    """Return the requirements of the extra `simulate`; none where the package itself is not installed."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        needs = [need.partition(";") for need in requires("nativechat-exporter") or ()]
    except PackageNotFoundError:
        return ()
    return tuple(need.strip() for need, _, marker in needs if "simulate" in marker)


def _installing(*needs: str) -> str:
    """Return the command that adds packages to the environment in which this runs."""
    prefix = Path(sys.prefix)
    if (prefix / "pipx_metadata.json").is_file():
        return shlex.join(["pipx", "inject", prefix.name, *needs])
    return shlex.join([sys.executable, "-m", "pip", "install", *needs])
