"""Writes a download to a file, so that it can continue after any interruption.

Beside FILE stands FILE.resume, from before the first row until the download is complete. It says how many
bytes of FILE are certain, and which row is the last in them. Continuing cuts FILE there first. So no row is
written twice and none is lost, even if the process is killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Final

from exporter.cli.resumable import Resumable
from exporter.errors import WrongUsage
from exporter.files import claim, with_digest, without_digest
from exporter.model import Json
from exporter.nativechat.by_key import Key, Position
from exporter.nativechat.history import Row

_SAVE_EVERY: Final = 100
"""Rows between two writes of FILE.resume."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A download to a file: what it was begun with, and how far it has come.

    `key` orders the rows, `position` is that of the last one that is written.
    """

    flags: dict[str, Json]
    query: str
    key: Key
    position: Position = field(default_factory=Position)
    rows: int = 0
    size: int = 0

    @classmethod
    def read(cls, text: str) -> Progress:
        """Return the progress that `text` holds as JSON."""
        saved = json.loads(text)
        key, position = Key(**saved.pop("key")), saved.pop("position")
        return cls(**saved, key=key, position=Position(position["last"], tuple(position["ids"])))


class DownloadFile(Resumable):
    """FILE and FILE.resume; only their owner can read them. `rows` is the number of rows that FILE has."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "download")
        self.rows = 0

    def progress(self, flags: dict[str, Json]) -> Progress | None:
        """Return the progress of an interrupted download, None if there is none.

        Raises WrongUsage if it cannot continue, or was begun with other flags.
        """
        if not self.beside.exists():
            return None
        try:
            progress = Progress.read(without_digest(self.beside.read_text("utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise WrongUsage(
                f"{self.beside} is damaged (remove it and {self.path}, and begin anew)"
            ) from error
        self.check_same(progress.flags, flags)
        if progress.size > (self.path.stat().st_size if self.path.exists() else 0):
            raise WrongUsage(
                f"{self.path} is shorter than it was (remove it and {self.beside}, and begin anew)"
            )
        return progress

    def fill(
        self,
        progress: Progress,
        rows: Iterable[Row],
        position: Callable[[], Position],
        line: Callable[[Row], str],
        head: str,
    ) -> None:
        """Write rows, and save the progress, also if that stops early.

        `position` returns that of the latest row. Raises what `rows` raises, and OSError, also if another
        process writes the file.
        """
        is_new = not self.beside.exists()
        if is_new:
            self._save(progress)  # before there is FILE, which alone would be complete
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            claim(file)
            self.is_new = is_new
            self._save(progress)
            file.truncate(progress.size)
            file.seek(progress.size)
            written = progress
            try:
                if head and not progress.size:
                    written = replace(written, size=_put(file, head))
                for row in rows:
                    size = written.size + _put(file, line(row))
                    # One assignment: an interrupt comes before it or after it.
                    written = replace(written, position=position(), rows=written.rows + 1, size=size)
                    self.rows = written.rows
                    if written.rows % _SAVE_EVERY == 0:
                        file.flush()
                        self._save(written)
            finally:
                file.flush()
                self._save(written)
        self.beside.unlink()

    def _save(self, progress: Progress) -> None:
        new = self.beside.with_name(f"{self.beside.name}.new")
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(with_digest(json.dumps(asdict(progress))))
        new.replace(self.beside)


def _put(file: IO[bytes], line: str) -> int:
    return file.write(f"{line}\n".encode(errors="backslashreplace"))
