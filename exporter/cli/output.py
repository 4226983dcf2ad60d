"""Prints results where they may not fit: a full disk, or a reader that has gone."""

from __future__ import annotations

import os
import sys


def put_line(text: str) -> None:
    """Print one line, and see it out of this process; raises OSError where that fails."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def abandon_output() -> None:
    """Give up standard output: what is still held for it would fail again at the interpreter's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def reason(error: OSError) -> str:
    """Return why the operating system refused, in lower case."""
    return (error.strerror or str(error)).lower()
