"""Reads regular files within a time limit, claims files to write, and detects changes to what was written.

A pipe, or a network disk that is gone, can block a read for ever.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import IO, Final, TypeVar

T = TypeVar("T")

LONGEST_READ: Final = 5.0
"""Seconds that the files of one use may take; a local disk needs milliseconds."""


class NotRegular(OSError):
    """The path of a pipe, a device or a folder."""


class Limit:
    """Calls functions that read files, one at a time, each for at most `seconds`; safe from several threads.

    Nothing can end a read that the system does not end. So each function runs on a thread of its own, which
    is left behind if it takes too long. Until it ends, further calls fail at once: at most one is left.
    """

    def __init__(self, seconds: float = LONGEST_READ) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._left: Thread | None = None

    def __call__(self, function: Callable[[], T]) -> T:
        """Return what `function` returns or raise what it raises; TimeoutError if it takes too long."""
        with self._lock:
            if self._left is not None and self._left.is_alive():
                raise TimeoutError(errno.ETIMEDOUT, "an earlier read has not ended yet")
            outcome: SimpleQueue[tuple[T, None] | tuple[None, Exception]] = SimpleQueue()
            thread = Thread(target=_run, args=(function, outcome), name="files", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system refuses a thread
                return function()
            try:
                result = outcome.get(timeout=self._seconds)
            except Empty:
                self._left = thread
                why = f"no answer from its disk within {self._seconds:g} s"
                raise TimeoutError(errno.ETIMEDOUT, why) from None
        if result[1] is not None:
            raise result[1]
        return result[0]


def advice(error: OSError, otherwise: str) -> str:
    """Return what to do about a file that cannot be read: `otherwise`, unless its disk does not answer."""
    return "check the disk that holds it" if isinstance(error, TimeoutError) else otherwise


def _run(function: Callable[[], T], outcome: SimpleQueue[tuple[T, None] | tuple[None, Exception]]) -> None:
    try:
        outcome.put((function(), None))
    except Exception as exc:  # noqa: BLE001 - raised again where it is awaited
        outcome.put((None, exc))


def read_regular(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """Return the first `most` bytes of a file, and its status; does not wait for a pipe's writer.

    Raises NotRegular, or another OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegular(errno.EINVAL, "not a regular file", str(path))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most), status
    finally:
        os.close(descriptor)


def claim(file: IO[bytes]) -> None:
    """Keep an open file to this process until it is closed; raises OSError if another process has claimed it.

    A disk without locks keeps nothing.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(
            error.errno, "another process is writing it (wait until it has ended)"
        ) from None
    except OSError:
        return


def with_digest(text: str) -> str:
    """Return a text with its digest, from which `without_digest` sees that it was not changed."""
    return f"{text} {hashlib.sha256(text.encode()).hexdigest()}"


def without_digest(written: str) -> str:
    """Return the text of what `with_digest` returned; raises ValueError if it was changed."""
    text = written.rpartition(" ")[0]
    if written != with_digest(text):
        raise ValueError("it was changed after it was written")
    return text
