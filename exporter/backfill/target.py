"""Where a backfill goes: to standard output, or to FILE with its journal FILE.resume beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from exporter.errors import WrongUsage
from exporter.files import claim


class Target:
    """A file, or standard output if `path` is None. FILE.resume exists until FILE is complete."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}.resume") if path else None
        self._is_new = False

    def __str__(self) -> str:
        return str(self._path or "standard output")

    @property
    def name(self) -> str:
        """The name of the file, as far as it is known."""
        return str(self._path or "FILE")

    def is_complete(self, *, resume: bool) -> bool:
        """Return whether the file was finished before; raises WrongUsage if a file is in the way."""
        if self._path is None or self._beside is None:
            return False
        if self._beside.exists():
            if resume:
                return False
            advice = f"continue it with --resume, or remove {self._beside}"
            raise WrongUsage(f"{self} is an interrupted backfill ({advice})")
        if self._path.exists() and not resume:
            raise WrongUsage(f"{self} exists (name another file, or remove it)")
        return self._path.exists()

    def open_journal(self) -> BinaryIO:
        """Open the journal, empty if it is new; without a file it is a temporary one.

        Raises OSError, also if another process has it open.
        """
        if self._beside is None:
            return cast("BinaryIO", TemporaryFile())
        is_new = not self._beside.exists()
        file = self._beside.open("x+b" if is_new else "r+b")
        try:
            claim(file)
        except OSError:
            file.close()
            raise
        self._is_new = is_new
        return file

    def put(self, texts: Iterable[str]) -> None:
        """Write the output, and remove the journal; raises OSError."""
        if self._path is None or self._beside is None:
            for text in texts:
                sys.stdout.write(text)
            sys.stdout.flush()
            return
        with self._path.open("w", encoding="utf-8", newline="\n") as file:
            for text in texts:
                file.write(text)
        self._beside.unlink()

    def stop(self, answers: int) -> str:
        """Return how to continue after `answers` answers; after none, forget a backfill that began now."""
        if self._beside is None:
            return ""
        if self._is_new and not answers:
            self._beside.unlink(missing_ok=True)
        return "; go on with --resume" if self._beside.exists() else ""
