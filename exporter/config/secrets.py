"""Reads a secret from an environment variable or a file; a file is read again when it changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Final

from exporter.errors import ExporterError
from exporter.model import Secret, TokenSource

MAX_BYTES: Final = 16 << 10


class SecretError(ExporterError):
    """A secret that cannot be read or sent; the message names its source, never the secret."""


class TokenReader:
    """Returns a secret as it is now; safe to call from several threads.

    Once the secret was read, a missing or wrong file changes nothing: the last good secret is returned,
    since the file is probably being replaced. Before that, SecretError is raised.
    """

    def __init__(self, source: TokenSource, environ: Mapping[str, str]) -> None:
        self._source = source
        self._environ = environ
        self._lock = Lock()
        self._secret: Secret | None = None
        self._signature: tuple[int, ...] | None = None

    def __call__(self) -> Secret:
        """Return the secret; read it again only if its file's time, inode or size changed."""
        with self._lock:
            return self._read(again=False)

    def refresh(self) -> bool:
        """Read the secret again, even if its file seems unchanged; return whether the secret changed."""
        with self._lock:
            before = self._secret
            return self._read(again=True) != before

    def _read(self, *, again: bool) -> Secret:
        try:
            if self._source.file is None:
                self._secret = Secret(_sendable(self._variable(), self._source))
            elif again or self._secret is None or self._signature != _signature(self._source.file.stat()):
                self._secret = self._file(self._source.file)
        except (SecretError, OSError) as exc:
            if self._secret is None:
                raise _translated(exc, self._source) from exc
        return self._secret

    def _variable(self) -> str:
        text = self._environ.get(self._source.env or "")
        if text is None:
            raise SecretError(f"{self._source} is not set")
        return text

    def _file(self, path: Path) -> Secret:
        # Opening a pipe would block, and it can be read only once.
        if not stat.S_ISREG(path.stat().st_mode):
            raise SecretError(f"{self._source} is not a regular file")
        with path.open("rb") as file:
            signature = _signature(os.fstat(file.fileno()))
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise SecretError(f"{self._source} is larger than {MAX_BYTES >> 10} KiB")
        secret = Secret(_sendable(data.decode("utf-8", "replace"), self._source))
        self._signature = signature
        return secret


def _signature(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mtime_ns, status.st_ino, status.st_size


def _sendable(text: str, source: TokenSource) -> str:
    """Return the text for an HTTP header; raise SecretError if it could end the header or begin another."""
    secret = text.strip()
    if not secret:
        raise SecretError(f"{source} is empty")
    if any(character.isspace() for character in secret):
        raise SecretError(f"{source} has white space inside")
    if not secret.isprintable() or max(secret) > "\xff":
        raise SecretError(f"{source} has characters that do not fit an HTTP header")
    return secret


def _translated(exc: SecretError | OSError, source: TokenSource) -> SecretError:
    if isinstance(exc, SecretError):
        return exc
    return SecretError(f"{source} cannot be read: {(exc.strerror or type(exc).__name__).lower()}")
