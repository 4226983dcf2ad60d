"""Reads a secret from an environment variable or a file; a file is read again when it changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final, cast

from exporter.clock import Clock, SystemClock
from exporter.errors import ExporterError
from exporter.files import Limit, NotRegular, advice, read_regular
from exporter.model import Secret, TokenSource

MAX_BYTES: Final = 16 << 10

CHECK_INTERVAL: Final = 1.0
"""Seconds between two checks of a secret's file."""

_QUOTES: Final = "\"'`“”„‘’«»"


class SecretError(ExporterError):
    """A secret that cannot be read or sent; the message names its source, never the secret.

    `advice` says what to do. `is_absent` is set if there is no secret that this user can read, which may be
    otherwise where the exporter runs.
    """

    def __init__(self, message: str, advice: str, *, is_absent: bool = False) -> None:
        super().__init__(message)
        self.advice = advice
        self.is_absent = is_absent


class TokenReader:
    """Returns a secret as it is now; safe to call from several threads.

    Once the secret was read, a missing or wrong file changes nothing: the last good secret is returned,
    since the file is probably being replaced. Before that, SecretError is raised. `files` limits the time of
    reading a file, which is checked for changes once in CHECK_INTERVAL. `fault` says what was wrong at the
    last check and what to do; it is empty if nothing was.
    """

    def __init__(
        self,
        source: TokenSource,
        environ: Mapping[str, str],
        clock: Clock = SystemClock(),  # noqa: B008 - without state
        files: Limit | None = None,
    ) -> None:
        self._source = source
        self._environ = environ
        self._clock = clock
        self._files = files or Limit()
        self._lock = Lock()
        self.fault = ""
        self._secret: Secret | None = None
        self._signature: tuple[int, ...] | None = None
        self._checked_at = float("-inf")

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
        now = self._clock.steady()
        try:
            if self._source.file is None:
                self._secret, self.fault = Secret(_sendable(self._variable(), self._source)), ""
            elif again or self._secret is None or now - self._checked_at >= CHECK_INTERVAL:
                self._checked_at = now
                before = None if again or self._secret is None else self._signature
                if changed := self._files(partial(self._file, self._source.file, before)):
                    self._secret, self._signature = changed
                self.fault = ""
        except (SecretError, OSError) as exc:
            error = _translated(exc, self._source)
            self.fault = f"{error}; {error.advice}"
            if self._secret is None:
                raise error from exc
        return cast("Secret", self._secret)

    def _variable(self) -> str:
        text = self._environ.get(self._source.env or "")
        if text is None:
            advice = "set it before the exporter runs"
            raise SecretError(f"{self._source} is not set", advice, is_absent=True)
        return text

    def _file(self, path: Path, before: tuple[int, ...] | None) -> tuple[Secret, tuple[int, ...]] | None:
        """Return the secret in a file and the file's signature; None if that is `before`."""
        if before is not None and _signature(path.stat()) == before:
            return None
        try:
            data, status = read_regular(path, MAX_BYTES + 1)
        except NotRegular as exc:
            raise SecretError(f"{self._source} is not a regular file", "name a regular file") from exc
        if len(data) > MAX_BYTES:
            what = f"{self._source} is larger than {MAX_BYTES >> 10} KiB"
            raise SecretError(what, "check that this is the right file")
        return Secret(_sendable(data.decode("utf-8", "replace"), self._source)), _signature(status)


def _signature(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mtime_ns, status.st_ino, status.st_size


def _sendable(text: str, source: TokenSource) -> str:
    """Return the text without white space around it; raise SecretError if it is no token for a header.

    White space inside, such as a line break, could end the header and begin another.
    """
    secret = text.strip()
    if not secret:
        advice = f"{'write it to the file' if source.file else 'set it'} before the exporter runs"
        raise SecretError(f"{source} is empty", advice, is_absent=True)
    if secret[0] in _QUOTES or secret[-1] in _QUOTES:
        raise SecretError(f"{source} has quotes around it", "remove the quotes from the value itself")
    if secret.startswith(("${", "$(", "{{")):
        raise SecretError(f"{source} is a variable that nothing has replaced", "write the value itself")
    if any(character.isspace() for character in secret):
        raise SecretError(f"{source} has white space inside", "write the token or id alone")
    if not (secret.isascii() and secret.isprintable()):
        what = f"{source} has a character that no HTTP header can carry"
        raise SecretError(what, "copy it again: tokens and ids are plain ASCII")
    return secret


def _translated(exc: SecretError | OSError, source: TokenSource) -> SecretError:
    if isinstance(exc, SecretError):
        return exc
    what = f"{source} cannot be read: {(exc.strerror or type(exc).__name__).lower()}"
    todo = advice(exc, "name a file that exists and that this user may read")
    return SecretError(what, todo, is_absent=True)
