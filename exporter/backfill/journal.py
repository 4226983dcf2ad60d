"""Keeps the answers of a backfill on disk, in the order in which they were asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, BinaryIO

from exporter.errors import WrongUsage
from exporter.files import with_digest, without_digest


class Journal:
    """A file with `header`, a line of JSON and its digest, and a line for each of `answers` answers.

    A backfill asks in an order that depends only on earlier answers. So it continues by reading the answers
    that it has before it asks for more, and reads them again to write its output.
    """

    def __init__(self, file: BinaryIO, header: dict[str, Any]) -> None:
        """Open a journal that is readable and writable; begin it with `header` if it is empty.

        An answer that an interruption has cut is dropped. Raises WrongUsage if the file is no journal.
        """
        size = lines = 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            if lines and not line.strip().isdigit():
                raise _no_journal(file)
            size += len(line)
            lines += 1
        if not size and file.seek(0, os.SEEK_END):
            raise _no_journal(file)
        file.truncate(size)
        file.seek(0)
        if not size:
            file.write(f"{with_digest(json.dumps(header))}\n".encode())
            file.flush()
            file.seek(0)
        try:
            self.header: dict[str, Any] = json.loads(without_digest(file.readline().decode().rstrip("\n")))
        except ValueError as error:
            raise _no_journal(file) from error
        self.answers = max(0, lines - 1)
        self._file = file

    def answer(self, ask: Callable[[], int]) -> int:
        """Return the next answer of the file; at its end, that of `ask`, after it is written."""
        if line := self._file.readline():
            return int(line)
        count = ask()
        self._file.write(b"%d\n" % count)
        self._file.flush()
        self.answers += 1
        return count

    @property
    def position(self) -> int:
        """Where the next answer begins."""
        return self._file.tell()

    def go_to(self, position: int) -> None:
        """Continue with the answer that begins at an earlier `position`."""
        self._file.seek(position)


def _no_journal(file: BinaryIO) -> WrongUsage:
    return WrongUsage(f"{file.name} is no journal of a backfill (remove it, and begin anew)")
