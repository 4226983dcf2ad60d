"""Lets a command that writes FILE continue after an interruption."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exporter.errors import WrongUsage
from exporter.model import Json


class Resumable:
    """FILE, `path`, and FILE.resume, `beside`: it exists from the beginning until FILE is complete.

    `is_new` is to be set once FILE is begun, and not continued.
    """

    def __init__(self, path: Path, what: str) -> None:
        """Take the path of FILE, and what its content is, such as a download."""
        self.path = path
        self.beside = path.with_name(f"{path.name}.resume")
        self.is_new = False
        self._what = what

    def is_complete(self, *, resume: bool) -> bool:
        """Return whether FILE was finished before; raises WrongUsage if a file is in the way."""
        if resume:
            return self.path.exists() and not self.beside.exists()
        if self.beside.exists():
            advice = f"continue it with --resume, or remove it and {self.beside}"
            raise WrongUsage(f"{self.path} is an interrupted {self._what} ({advice})")
        if self.path.exists():
            raise WrongUsage(f"{self.path} exists (name another file, or remove it)")
        return False

    def check_same(self, before: Mapping[str, Json], now: Mapping[str, Json]) -> None:
        """Raise WrongUsage if FILE was begun with other flags."""
        for name, value in now.items():
            if before.get(name) != value:
                raise WrongUsage(f"{self.path} was begun with another {name} (use the same as then)")

    def stop(self, done: int, *, may_continue: bool = True) -> str:
        """Return how to go on after an interruption; if nothing is done of a new FILE, forget it."""
        if self.is_new and not done:
            self.path.unlink(missing_ok=True)
            self.beside.unlink(missing_ok=True)
        if not self.beside.exists():
            return ""
        if may_continue:
            return "; go on with --resume"
        return f"; remove {self.path} and {self.beside}, and begin anew"
