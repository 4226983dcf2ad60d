"""Replaces a command whose modules are not installed, and says how to install them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

_SIMULATOR: Final = "exporter.simulator"
_PACKAGE: Final = "mongomock"
"""The package of the extra `simulate`, which is also its module."""


class Absent(click.ClickException):
    """A simulation needs a module that is not installed."""

    exit_code = 2

    def __init__(self, module: str) -> None:
        advice = "the image has no simulator; install the package instead"
        if module != _SIMULATOR:
            prefix = Path(sys.prefix)
            is_pipx = (prefix / "pipx_metadata.json").is_file()
            install = ["pipx", "inject", prefix.name] if is_pipx else [sys.executable, "-m", "pip", "install"]
            advice = f"this installs all that it needs: {shlex.join([*install, _PACKAGE])}"
        super().__init__(f"a simulation needs {module}, which is not installed here ({advice})")


def missing_module(command: str) -> str | None:
    """Return the first missing module that a command needs, or None."""
    needs = (_SIMULATOR, _PACKAGE) if command in {"simulate", "demo"} else ()
    return next((module for module in needs if find_spec(module) is None), None)


@contextmanager
def importing_simulator() -> Iterator[None]:
    """Raise Absent if an import in the block finds no module, such as one that mongomock needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise Absent(str(error.name)) from error


def replacement(name: str, module: str) -> click.Command:
    """Return a command that takes any arguments and raises Absent."""

    def fail() -> None:
        raise Absent(module)

    return click.Command(
        name,
        callback=fail,
        help="Not installed here.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
