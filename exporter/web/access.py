"""Lets in who knows a password, at a cost that guessing cannot drive up for others."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

from exporter.web.asgi import App, Receive, Scope, Send, header, text
from exporter.web.aside import Aside

REMEMBERED: Final = 100
"""How many verified passwords are remembered, so that a scrape costs no bcrypt."""

MOST_CHECKS: Final = 64
"""Password checks that may wait at once; one is worked on at a time."""

MOST_CHECKS_EACH: Final = 8
"""Password checks of one address that may wait at once, so that guessing there shuts out nobody elsewhere."""

_BCRYPT_BYTES: Final = 72
"""As much of a password as bcrypt has ever looked at; its library refuses longer ones."""


_UNKNOWN: Final = (("www-authenticate", 'Basic realm="nativechat-exporter", charset="UTF-8"'),)


class _Busy(Exception):
    """Too many passwords wait to be checked."""


class BasicAuth:
    """Ask for a user's password before `app`, except on the `open_paths`.

    `users` maps one or more names to bcrypt hashes; `fits` compares a password with one, and is
    bcrypt's own by default. A user that does not exist costs as much work as one that does.
    """

    def __init__(
        self,
        app: App,
        users: Mapping[str, bytes],
        *,
        open_paths: Collection[str],
        fits: Callable[[bytes, bytes], bool] | None = None,
    ) -> None:
        self._app = app
        self._open_paths = frozenset(open_paths)
        self._passwords = _Passwords(users, fits or _bcrypt())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        given = _given(header(scope, "authorization"))
        try:
            known = given is not None and await self._passwords.fit(*given, client=_address(scope))
        except _Busy:
            refusal = text(503, "too many passwords to check, try again", headers=(("retry-after", "1"),))
            await refusal.send(send)
            return
        if known:
            await self._app(scope, receive, send)
        else:
            await text(401, "a user and a password are needed", headers=_UNKNOWN).send(send)


class _Passwords:
    """Check passwords one at a time, and remember those that fit."""

    def __init__(self, users: Mapping[str, bytes], fits: Callable[[bytes, bytes], bool]) -> None:
        self._fits = fits
        self._users = dict(users)
        self._stand_in = next(iter(self._users.values()))
        self._salt = secrets.token_bytes(32)
        self._remembered: dict[bytes, None] = {}
        self._waiting: Counter[str] = Counter()
        self._turn = Aside(1, "password")

    async def fit(self, user: str, password: bytes, *, client: str) -> bool:
        """Tell whether this is a user's password, or raise _Busy instead of queueing without end."""
        memory = hmac.digest(self._salt, user.encode() + b"\0" + password, "sha256")
        if memory in self._remembered:
            return True
        if self._waiting.total() >= MOST_CHECKS or self._waiting[client] >= MOST_CHECKS_EACH:
            raise _Busy
        self._waiting[client] += 1
        try:
            fits = await self._turn.run(lambda: self._check(user, password))
        finally:
            # Subtracted this way, an address that waits no more is forgotten.
            self._waiting -= Counter((client,))
        if fits:
            self._remember(memory)
        return fits

    def _check(self, user: str, password: bytes) -> bool:
        fits = self._fits(password[:_BCRYPT_BYTES], self._users.get(user, self._stand_in))
        return fits and user in self._users

    def _remember(self, memory: bytes) -> None:
        self._remembered[memory] = None
        if len(self._remembered) > REMEMBERED:
            del self._remembered[next(iter(self._remembered))]


def _bcrypt() -> Callable[[bytes, bytes], bool]:
    # Native code that only a server with users needs.
    from bcrypt import checkpw

    return checkpw


def _given(header: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = header.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if scheme.lower() == "basic" and colon else None
    except ValueError:
        return None


def _address(scope: Scope) -> str:
    client = scope["client"]
    return str(client[0]) if client else ""
