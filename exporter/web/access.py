"""Lets in who knows a password, at a cost that guessing cannot drive up for others."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from exporter.handler import Request
from exporter.web.pool import Busy, Pool

REMEMBERED: Final = 100
"""How many verified passwords are remembered, so that a scrape costs no bcrypt."""

CHECKED_AT_ONCE: Final = 2
"""Passwords that are checked at once; the other threads are left to scrapes."""

MOST_CHECKS: Final = 64
"""Password checks that may wait at once: two seconds of work at bcrypt's cost 10."""

MOST_CHECKS_EACH: Final = 3
"""Password checks of one address that may wait at once: twenty addresses that guess shut out nobody."""

_BCRYPT_BYTES: Final = 72
"""As much of a password as bcrypt has ever looked at; its library refuses longer ones."""


class Passwords:
    """Check users' passwords, and remember those that fit.

    `users` maps one or more names to bcrypt hashes; `fits` compares a password with one, and is bcrypt's own
    by default. Each check takes as much work as the costliest hash, so that time tells nothing about users.
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
        self._turn = asyncio.Semaphore(CHECKED_AT_ONCE)

    async def fit(self, request: Request) -> bool:
        """Tell whether a request has a user's password, or raise Busy instead of queueing without end."""
        given = _given(request.headers.get("Authorization", ""))
        if given is None:
            return False
        memory = hmac.digest(self._salt, given[0].encode() + b"\0" + given[1], "sha256")
        if memory in self._remembered:
            return True
        if self._waiting.total() >= MOST_CHECKS or self._waiting[request.client] >= MOST_CHECKS_EACH:
            raise Busy
        # A client that hangs up while its password is checked does not begin the next check thereby.
        fits = await asyncio.shield(self._wait_and_check(*given, request))
        if fits:
            self._remembered[memory] = None
            if len(self._remembered) > REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
        return fits

    async def _wait_and_check(self, user: str, password: bytes, request: Request) -> bool:
        self._waiting[request.client] += 1
        try:
            async with self._turn:
                return await self._pool.run(lambda: self._check(user, password), request.is_open)
        finally:
            # Subtracted this way, an address that waits no more is forgotten.
            self._waiting -= Counter((request.client,))

    def _check(self, user: str, password: bytes) -> bool:
        password, hashed = password[:_BCRYPT_BYTES], self._users.get(user, self._stand_in)
        fits = self._fits(password, hashed) and user in self._users
        for cost in range(_cost(hashed), _cost(self._stand_in)):
            self._fits(password, b"$2b$%02d" % cost + self._stand_in[6:])
        return fits


def _cost(hashed: bytes) -> int:
    return int(hashed[4:6])


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
