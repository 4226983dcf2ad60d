"""Prints results: tables, lines, and why a command stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.errors import ApiError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a table of a head and rows; the columns at the positions `right` are right-aligned."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def encode_output() -> None:
    """Use UTF-8 on standard output and standard error; escape half of an emoji as JSON does.

    If the shell has closed one, writing to standard output fails, and messages are discarded.
    """
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


class _Messages(FileIO):
    """Standard error, which discards what it cannot write."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def discard_lost_messages() -> None:
    """Discard messages that cannot be written, as on a full disk: the exit code stays the command's own."""
    if sys.stderr is not None:
        raw = _Messages(sys.stderr.fileno(), "w", closefd=False)
        sys.stderr = TextIOWrapper(BufferedWriter(raw), line_buffering=True)


def put_line(text: str) -> None:
    """Print one line and flush it; raises OSError if that fails."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def abandon_output() -> None:
    """Discard standard output: buffered text would fail again at the interpreter's shutdown."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def why_stopped(error: ApiError | KeyboardInterrupt | OSError, to: Path | None) -> str:
    """Return why a command that writes to a file, or prints if `to` is None, has stopped."""
    if isinstance(error, ApiError):
        return error.described
    if not isinstance(error, OSError):
        return "interrupted"
    if to:
        return f"cannot write {to}: {reason(error)}"
    abandon_output()
    return f"cannot print: {reason(error)}"


def reason(error: OSError) -> str:
    """Return the operating system's message, in lower case."""
    return (error.strerror or str(error)).lower()
