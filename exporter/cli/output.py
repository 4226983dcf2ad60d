"""Prints results, also to a full disk or to a pipe without a reader."""

from __future__ import annotations

import os
import sys


def put_line(text: str) -> None:
    """Print one line and flush it; raises OSError if that fails."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def abandon_output() -> None:
    """Discard standard output: buffered text would fail again at the interpreter's shutdown."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def reason(error: OSError) -> str:
    """Return the operating system's message, in lower case."""
    return (error.strerror or str(error)).lower()
