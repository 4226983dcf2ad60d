"""Reads regular files only: opening a pipe can block for ever, and its content can be read only once."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class NotRegular(OSError):
    """The path of a pipe, a device or a folder."""


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
