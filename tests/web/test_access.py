"""Laws of passwords: a right one lets in, and guessing delays only the guesser."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import cast

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.iostream import IOStream

from exporter.handler import Request
from exporter.web.access import MOST_CHECKS_EACH, REMEMBERED, Passwords
from exporter.web.pool import Busy, Pool

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4))
LONG = "x" * 80
USERS = {"prometheus": HASH, "jürgen": bcrypt.hashpw("pässwörd:1".encode(), bcrypt.gensalt(4))}


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


async def status(passwords: Passwords, authorization: bytes | None, *, client: str = "10.0.0.1") -> int:
    headers = {} if authorization is None else {"Authorization": authorization.decode("latin-1")}
    request = Request("GET", "/", "", headers, client, b"", cast("IOStream", None), is_open=lambda: True)
    try:
        return 200 if await passwords.fit(request) else 401
    except Busy:
        return 503


def once(authorization: bytes | None, users: Mapping[str, bytes] = USERS) -> int:
    async def ask() -> int:
        return await status(Passwords(users, Pool()), authorization)

    return asyncio.run(ask())


@pytest.mark.parametrize(("user", "password"), [("prometheus", "secret"), ("jürgen", "pässwörd:1")])
def test_a_users_own_password_is_right(user: str, password: str) -> None:
    assert once(basic(user, password)) == 200


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("prometheus", "Secret"),
        ("prometheus", ""),
        ("nobody", "secret"),
        ("", ""),
        ("prometheus", "secret\0"),
    ],
)
def test_any_other_password_is_wrong(user: str, password: str) -> None:
    assert once(basic(user, password)) == 401


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Basic",
        b"Basic !",
        b"Basic cHJvbWV0aGV1cw==",
        b"Bearer " + basic("prometheus", "secret")[6:],
        b"Basic /////w==",
        b"basic\xff",
    ],
)
def test_a_header_without_a_password_is_refused(header: bytes | None) -> None:
    assert once(header) == 401


@given(st.binary())
def test_no_header_is_an_error(header: bytes) -> None:
    assert once(header) == 401


def test_the_scheme_is_read_in_any_case() -> None:
    assert once(basic("prometheus", "secret").replace(b"Basic", b"bAsIc")) == 200


def test_a_long_password_is_compared_as_far_as_bcrypt_reads() -> None:
    users = {"long": bcrypt.hashpw(LONG[:72].encode(), bcrypt.gensalt(4))}
    assert once(basic("long", LONG), users) == 200
    assert once(basic("long", "y" + LONG), users) == 401


class Counted:
    """bcrypt's own check, counted, which waits while `gate` is closed."""

    def __init__(self) -> None:
        self.checks = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.checks += 1
        self.gate.wait(30.0)
        return bcrypt.checkpw(password, hashed)


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def passwords(counted: Counted) -> Passwords:
    return Passwords(USERS, Pool(threads=2), fits=counted)


def test_a_right_password_is_checked_once(passwords: Passwords, counted: Counted) -> None:
    async def scrape() -> list[int]:
        return [await status(passwords, basic("prometheus", "secret")) for _ in range(10)]

    assert asyncio.run(scrape()) == [200] * 10
    assert counted.checks == 1


def test_a_wrong_password_is_checked_each_time(passwords: Passwords, counted: Counted) -> None:
    async def guess() -> list[int]:
        return [await status(passwords, basic("prometheus", "guess")) for _ in range(3)]

    assert asyncio.run(guess()) == [401] * 3
    assert counted.checks == 3


def test_the_oldest_remembered_password_is_forgotten(counted: Counted) -> None:
    users = {f"user{number}": HASH for number in range(REMEMBERED + 1)}
    passwords = Passwords(users, Pool(), fits=counted)

    async def visit() -> None:
        for user in (*users, "user1", "user0"):
            assert await status(passwords, basic(user, "secret")) == 200

    asyncio.run(visit())
    assert counted.checks == len(users) + 1


def test_guessing_locks_out_neither_others_nor_the_same_address(
    passwords: Passwords, counted: Counted
) -> None:
    async def guess() -> tuple[list[int], int, int, int]:
        counted.gate.clear()
        guesses = [
            asyncio.create_task(status(passwords, basic("root", f"{number}"), client=f"10.0.1.{last}"))
            for number in range(MOST_CHECKS_EACH)
            for last in range(20)
            if number < MOST_CHECKS_EACH - 1 or last
        ]
        for _ in range(3):
            await asyncio.sleep(0)
        same = await status(passwords, basic("root", "one more"), client="10.0.1.1")
        own = asyncio.create_task(status(passwords, basic("prometheus", "secret"), client="10.0.1.0"))
        other = asyncio.create_task(status(passwords, basic("jürgen", "pässwörd:1"), client="10.0.2.1"))
        await asyncio.sleep(0)
        counted.gate.set()
        return await asyncio.gather(*guesses), same, await own, await other

    guesses, *rest = asyncio.run(guess())
    assert set(guesses) == {401}
    assert rest == [503, 200, 200]


@pytest.mark.parametrize("user", ["cheap", "costly", "nobody"])
def test_every_check_costs_as_much_as_the_costliest_hash(user: str) -> None:
    work = []

    def fits(password: bytes, hashed: bytes) -> bool:
        work.append(2 ** int(hashed[4:6]))
        return bcrypt.checkpw(password, hashed)

    costs = {"cheap": 4, "costly": 7}
    users = {name: bcrypt.hashpw(b"secret", bcrypt.gensalt(cost)) for name, cost in costs.items()}

    async def ask() -> int:
        return await status(Passwords(users, Pool(), fits=fits), basic(user, "guess"))

    assert asyncio.run(ask()) == 401
    assert sum(work) == 2**7


def test_bcrypt_is_loaded_only_if_there_are_users() -> None:
    program = "import sys, exporter.web.app, exporter.web.server; sys.exit('bcrypt' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
