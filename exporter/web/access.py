"""Checks users' passwords so that guessing is slow for the guesser alone."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from exporter.handler import Request
from exporter.web.pool import Busy, Pool

REMEMBERED: Final = 100
"""How many right passwords are remembered, so that a scrape costs no bcrypt."""

MOST_CHECKS_EACH: Final = 3
"""Checks that one address may have waiting. Twenty addresses that guess delay others by 60 checks at most."""

_BCRYPT_BYTES: Final = 72
"""bcrypt ignores the rest of a password; its library refuses longer ones."""


class Passwords:
    """Check users' passwords, and remember the right ones.

    `users` maps one or more names to bcrypt hashes, and `pool` does the checks. `fits` compares a password
    with a hash; the default is bcrypt's own. Each check takes as long as one of the costliest hash, so its
    time tells nothing about users.
    """

    def __init__(
        self, users: Mapping[str, bytes], pool: Pool, *, fits: Callable[[bytes, bytes], bool] | None = None
    ) -> None:
        self._users = dict(users)
        self._pool = pool
        self._fits = fits or _bcrypt()
        self._stand_in = max(self._users.values(), key=_cost)
        self._salt = secrets.token_bytes(32)
        self._remembered: dict[bytes, None] = {}
        self._waiting: Counter[str] = Counter()

    async def fit(self, request: Request) -> bool:
        """Return whether a request has a user's password, or raise Busy if too many checks are waiting."""
        credentials = _credentials(request.headers.get("Authorization", ""))
        if credentials is None:
            return False
        user, password = credentials
        digest = hmac.digest(self._salt, user.encode() + b"\0" + password, "sha256")
        if digest in self._remembered:
            return True
        if self._waiting[request.client] >= MOST_CHECKS_EACH:
            raise Busy
        self._waiting[request.client] += 1
        try:
            fits = await self._pool.run(lambda: self._check(user, password), request.is_open)
        finally:
            # Counter's subtraction forgets an address that has nothing waiting.
            self._waiting -= Counter((request.client,))
        if fits:
            self._remembered[digest] = None
            if len(self._remembered) > REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
        return fits

    def _check(self, user: str, password: bytes) -> bool:
        password, hashed = password[:_BCRYPT_BYTES], self._users.get(user, self._stand_in)
        fits = self._fits(password, hashed) and user in self._users
        for cost in range(_cost(hashed), _cost(self._stand_in)):
            self._fits(password, b"$2b$%02d" % cost + self._stand_in[6:])
        return fits


def _cost(hashed: bytes) -> int:
    return int(hashed[4:6])


def _bcrypt() -> Callable[[bytes, bytes], bool]:
    # Only a server with users needs this native code.
    from bcrypt import checkpw

    return checkpw


def _credentials(header: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = header.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if scheme.lower() == "basic" and colon else None
    except ValueError:
        return None
