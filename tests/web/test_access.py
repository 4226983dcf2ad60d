"""Laws of passwords: who knows one gets in, and guessing costs only the guesser."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
import threading
from collections.abc import Mapping

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.access import MOST_CHECKS, MOST_CHECKS_EACH, REMEMBERED, BasicAuth
from exporter.web.asgi import App, Message, Receive, Scope, Send

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4))
LONG = "x" * 80
USERS = {"prometheus": HASH, "jürgen": bcrypt.hashpw("pässwörd:1".encode(), bcrypt.gensalt(4))}


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


async def status(app: App, authorization: bytes | None, *, client: str = "10.0.0.1", path: str = "/") -> int:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if authorization is None else [(b"authorization", authorization)]
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers, "client": (client, 1)}
    await app(scope, receive, send)
    code: int = sent[0]["status"]
    return code


def guarded(users: Mapping[str, bytes] = USERS) -> BasicAuth:
    return BasicAuth(inside, users, open_paths=["/-/healthy"])


def once(authorization: bytes | None, users: Mapping[str, bytes] = USERS, path: str = "/") -> int:
    return asyncio.run(status(guarded(users), authorization, path=path))


@pytest.mark.parametrize(("user", "password"), [("prometheus", "secret"), ("jürgen", "pässwörd:1")])
def test_a_users_own_password_lets_in(user: str, password: str) -> None:
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
def test_anything_else_does_not(user: str, password: str) -> None:
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
def test_a_header_that_is_no_password_is_refused_without_work(header: bytes | None) -> None:
    assert once(header) == 401


@given(st.binary())
def test_no_header_is_an_error(header: bytes) -> None:
    assert once(header) == 401


def test_the_scheme_is_read_in_any_case() -> None:
    assert once(basic("prometheus", "secret").replace(b"Basic", b"bAsIc")) == 200


def test_open_paths_ask_for_nothing() -> None:
    assert once(None, path="/-/healthy") == 200


def test_a_password_longer_than_bcrypt_reads_counts_as_far_as_it_reads() -> None:
    users = {"long": bcrypt.hashpw(LONG[:72].encode(), bcrypt.gensalt(4))}
    assert once(basic("long", LONG), users) == 200
    assert once(basic("long", "y" + LONG), users) == 401


class Counted:
    """bcrypt's own check, counted, and held up while `gate` is shut."""

    def __init__(self) -> None:
        self.checks = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.checks += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.gate.wait(30.0)
        fits = bcrypt.checkpw(password, hashed)
        self.at_once -= 1
        return fits


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def door(counted: Counted) -> BasicAuth:
    return BasicAuth(inside, USERS, open_paths=[], fits=counted)


def test_a_password_that_fits_is_worked_on_once(door: BasicAuth, counted: Counted) -> None:
    async def scrape() -> list[int]:
        return [await status(door, basic("prometheus", "secret")) for _ in range(10)]

    assert asyncio.run(scrape()) == [200] * 10
    assert counted.checks == 1


def test_a_password_that_does_not_fit_is_never_remembered(door: BasicAuth, counted: Counted) -> None:
    async def guess() -> list[int]:
        return [await status(door, basic("prometheus", "guess")) for _ in range(3)]

    assert asyncio.run(guess()) == [401] * 3
    assert counted.checks == 3


def test_an_unknown_user_costs_as_much_work_as_a_known_one(door: BasicAuth, counted: Counted) -> None:
    assert asyncio.run(status(door, basic("nobody", "secret"))) == 401
    assert counted.checks == 1


def test_only_so_many_passwords_are_remembered(counted: Counted) -> None:
    users = {f"user{number}": HASH for number in range(REMEMBERED + 1)}
    door = BasicAuth(inside, users, open_paths=[], fits=counted)

    async def visit() -> None:
        for user in (*users, "user1", "user0"):
            assert await status(door, basic(user, "secret")) == 200

    asyncio.run(visit())
    assert counted.checks == len(users) + 1


def test_guesses_are_worked_on_one_at_a_time_and_only_so_many_wait(door: BasicAuth, counted: Counted) -> None:
    async def guess() -> tuple[list[int], int, int]:
        assert await status(door, basic("prometheus", "secret")) == 200
        counted.gate.clear()
        guesses = [
            asyncio.create_task(status(door, basic("root", str(number)), client=f"10.0.1.{number // 4}"))
            for number in range(MOST_CHECKS)
        ]
        await asyncio.sleep(0)
        turned_away = await status(door, basic("root", "one more"), client="10.0.2.1")
        scrape = await status(door, basic("prometheus", "secret"))
        counted.gate.set()
        return await asyncio.gather(*guesses), turned_away, scrape

    guesses, turned_away, scrape = asyncio.run(guess())
    assert guesses == [401] * MOST_CHECKS
    assert (turned_away, scrape) == (503, 200)
    assert counted.most_at_once == 1


def test_guessing_from_one_address_shuts_out_no_other(door: BasicAuth, counted: Counted) -> None:
    async def guess() -> tuple[int, int]:
        counted.gate.clear()
        guesses = [
            asyncio.create_task(status(door, basic("root", str(number)), client="6.6.6.6"))
            for number in range(MOST_CHECKS_EACH)
        ]
        await asyncio.sleep(0)
        same = await status(door, basic("root", "one more"), client="6.6.6.6")
        other = asyncio.create_task(status(door, basic("prometheus", "secret")))
        await asyncio.sleep(0)
        counted.gate.set()
        await asyncio.gather(*guesses)
        again = await status(door, basic("root", "one more"), client="6.6.6.6")
        assert again == 401
        return same, await other

    assert asyncio.run(guess()) == (503, 200)


def test_bcrypt_is_loaded_only_where_there_are_users() -> None:
    program = "import sys, exporter.web.app, exporter.web.server; sys.exit('bcrypt' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
