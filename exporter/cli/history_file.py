"""Writes a download to a file, so that it can continue after any interruption.

Beside FILE stands FILE.resume, from before the first row until the download is complete. It says how many
bytes of FILE are certain, and which row is the last in them. Continuing cuts FILE there first. So no row is
written twice and none is lost, even if the process is killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Final

from exporter.errors import WrongUsage
from exporter.files import claim, with_digest, without_digest
from exporter.model import DateFormat, Json
from exporter.nativechat.by_key import Key, Position
from exporter.nativechat.history import Row

_SAVE_EVERY: Final = 100
"""Rows between two writes of FILE.resume."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A download to a file: what it was begun with, and how far it has come."""

    flags: dict[str, Json]
    query: str
    key_field: str
    descends: bool
    dates: DateFormat | None
    last: Json = None
    ids: list[Json] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    @property
    def key(self) -> Key:
        """The field that orders the rows."""
        return Key(self.key_field, self.descends, self.dates)

    @property
    def position(self) -> Position:
        """The last row that is written."""
        return Position(self.last, tuple(self.ids))


class DownloadFile:
    """FILE and FILE.resume; only their owner can read them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._beside = path.with_name(f"{path.name}.resume")
        self._is_new = False

    def interrupted(self, flags: dict[str, Json], *, resume: bool) -> Progress | None:
        """Return the progress of an interrupted download, None if there is none.

        Raises WrongUsage if a file is in the way, or if the download was begun with other flags.
        """
        if not self._beside.exists():
            if self.path.exists() and not resume:
                raise WrongUsage(f"{self.path} exists (name another file, or remove it)")
            return None
        if not resume:
            advice = f"continue it with --resume, or remove it and {self._beside}"
            raise WrongUsage(f"{self.path} is an interrupted download ({advice})")
        try:
            progress = Progress(**json.loads(without_digest(self._beside.read_text("utf-8"))))
        except ValueError as error:
            raise WrongUsage(
                f"{self._beside} is damaged (remove it and {self.path}, and begin anew)"
            ) from error
        for name, value in progress.flags.items():
            if flags.get(name) != value:
                raise WrongUsage(f"{self.path} was begun with another {name} (use the same flags as then)")
        if progress.size > (self.path.stat().st_size if self.path.exists() else 0):
            raise WrongUsage(
                f"{self.path} is shorter than it was (remove it and {self._beside}, and begin anew)"
            )
        return progress

    def stop(self, rows: int, *, may_continue: bool) -> str:
        """Return what to do after `rows` rows; after none, forget a download that began now."""
        if self._is_new and not rows:
            self.path.unlink(missing_ok=True)
            self._beside.unlink(missing_ok=True)
        if not self._beside.exists():
            return ""
        return (
            "; go on with --resume"
            if may_continue
            else f"; remove {self.path} and {self._beside}, and begin anew"
        )

    def fill(
        self,
        progress: Progress,
        rows: Iterable[Row],
        position: Callable[[], Position],
        line: Callable[[Row], str],
        head: str,
    ) -> Generator[int, None, int]:
        """Write rows, and yield how many the file has after each; return how many it has in the end.

        `position` returns that of the latest row. Closing the iterator saves the progress. Raises what `rows`
        raises, and OSError, also if another process writes the file.
        """
        is_new = not self._beside.exists()
        if is_new:
            self._save(progress)  # before there is FILE, which alone would be complete
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            claim(file)
            self._is_new = is_new
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
                    written = _moved(written, position(), size)
                    if written.rows % _SAVE_EVERY == 0:
                        file.flush()
                        self._save(written)
                    yield written.rows
            finally:
                file.flush()
                self._save(written)
        self._beside.unlink()
        return written.rows

    def _save(self, progress: Progress) -> None:
        new = self._beside.with_name(f"{self._beside.name}.new")
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(with_digest(json.dumps(asdict(progress))))
        new.replace(self._beside)


def _moved(progress: Progress, position: Position, size: int) -> Progress:
    return replace(progress, last=position.last, ids=list(position.ids), rows=progress.rows + 1, size=size)


def _put(file: IO[bytes], line: str) -> int:
    return file.write(f"{line}\n".encode(errors="backslashreplace"))
