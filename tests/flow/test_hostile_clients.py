"""Clients that hold connections, guess or send too much: the process lives, and answers others."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest
import trustme

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

PATIENCE = 30.0
MIB = 1 << 20

GET = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"


def tell(figure: str) -> None:
    print(figure)  # noqa: T201 - pytest -s shows what it came to on this machine


def where(running: Running) -> tuple[str, int]:
    host, port = running.address.split(":")
    return host, int(port)


def memory(running: Running, field: str = "VmRSS") -> int:
    status = Path(f"/proc/{running.process.pid}/status").read_text("utf-8")
    (kilobytes,) = re.findall(rf"{field}:\s+(\d+) kB", status)
    return int(kilobytes) * 1024


def fetch(
    running: Running, path: str = "/metrics", tls: ssl.SSLContext | None = None, **headers: str
) -> tuple[int, bytes]:
    connection = (
        http.client.HTTPSConnection(running.address, timeout=PATIENCE, context=tls)
        if tls
        else http.client.HTTPConnection(running.address, timeout=PATIENCE)
    )
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Callable[..., dict[str, Any]],
) -> Callable[..., Running]:
    """Start an exporter with one query."""

    def start(*flags: str) -> Running:
        chat = nativechat()
        return exporter(chat.config([query()]), *flags, env=chat.environ)

    return start


@pytest.fixture
def web_config(tmp_path: Path) -> Callable[[dict[str, Any]], str]:
    """Write the web configuration; gives the flag that names it."""

    def write(content: dict[str, Any]) -> str:
        (tmp_path / "web.yaml").write_text(json.dumps(content), "utf-8")
        return f"--web.config.file={tmp_path / 'web.yaml'}"

    return write


@pytest.fixture
def tls_files(tmp_path: Path, authority: trustme.CA) -> Callable[..., tuple[dict[str, str], ssl.SSLContext]]:
    """Write a certificate; gives its part of the web configuration, and a client's context."""

    def write(*, mutual: bool = False) -> tuple[dict[str, str], ssl.SSLContext]:
        leaf = authority.issue_cert("127.0.0.1")
        leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
        authority.cert_pem.write_to_path(tmp_path / "clients.pem")
        client = ssl.create_default_context()
        authority.configure_trust(client)
        section = {"cert_file": "both.pem", "key_file": "both.pem"}
        if mutual:
            section |= {"client_ca_file": "clients.pem", "client_auth_type": "RequireAndVerifyClientCert"}
            authority.issue_cert("prometheus.example").configure_cert(client)
        return section, client

    return write


def connect(stack: ExitStack, running: Running) -> socket.socket:
    return stack.enter_context(socket.create_connection(where(running), timeout=PATIENCE))


@pytest.fixture
def in_64_mib() -> Iterator[Callable[[Running], Path]]:
    """Move a process into a memory cgroup of 64 MiB where one can be had; gives the cgroup."""
    made: list[Path] = []

    def limit(running: Running) -> Path:
        version_1 = Path("/sys/fs/cgroup/memory")
        root = version_1 if version_1.is_dir() else Path("/sys/fs/cgroup")
        group = root / f"nativechat-exporter-{running.process.pid}"
        group.mkdir()
        made.append(group)
        limit = "memory.limit_in_bytes" if root == version_1 else "memory.max"
        (group / limit).write_text(str(64 * MIB))
        (group / "cgroup.procs").write_text(str(running.process.pid))
        return group

    yield limit
    for group in made:
        for _ in range(100):
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.05)


def test_64_mib_are_enough_for_a_crowd_over_tls_and_bodies_that_nobody_reads(
    start: Callable[..., Running],
    web_config: Callable[[dict[str, Any]], str],
    tls_files: Callable[..., tuple[dict[str, str], ssl.SSLContext]],
    in_64_mib: Callable[[Running], Path],
) -> None:
    section, client = tls_files(mutual=True)
    running = start(web_config({"tls_server_config": section}))
    fetch(running, tls=client)
    with suppress(OSError):  # without the right to make a cgroup, the resident memory is judged alone
        in_64_mib(running)
    body = b"POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
    with ExitStack() as stack:
        idle = [
            stack.enter_context(client.wrap_socket(connect(stack, running), server_hostname="127.0.0.1"))
            for _ in range(140)
        ]
        for _ in range(160):
            connect(stack, running).sendall(b"\x16\x03\x01")
        for _ in range(500):
            with suppress(OSError), socket.create_connection(where(running), timeout=PATIENCE) as plain:
                secure = client.wrap_socket(plain, server_hostname="127.0.0.1")
                secure.settimeout(0.5)
                with suppress(OSError):
                    secure.sendall(body)
                secure.close()
        assert running.process.poll() is None
        for _ in range(20):
            assert fetch(running, tls=client)[0] == 200
        peak = memory(running, "VmHWM") / MIB
        tell(f"peak of {peak:.1f} MiB; {len(idle)} idle TLS connections")
        assert peak < 64
    assert running.end() == 0


@pytest.fixture(scope="module")
def big(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Callable[..., dict[str, Any]],
    authority: trustme.CA,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[bool, Running]:
    """Exporters with a page of some 10 MB, plain and over TLS."""
    folder = tmp_path_factory.mktemp("big")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    (folder / "web.yaml").write_text("tls_server_config: {cert_file: both.pem, key_file: both.pem}", "utf-8")
    chat = nativechat(history=1)
    by_turns = {"labels": {"turns": list(range(250))}, "query": {"Messages.user": "{turns}"}}
    config = chat.config([query(f"by_turns_{number}", **by_turns) for number in range(5)])
    config["bots"][0]["labels"] = {"team": "x" * 4_000}
    config["defaults"] = {"every": "1d", "stale_after": "2d"}
    env = chat.environ
    return {
        secure: exporter(config, *([f"--web.config.file={folder / 'web.yaml'}"] if secure else []), env=env)
        for secure in (False, True)
    }


@pytest.mark.parametrize("how", ["plain", "pipelined", "over TLS"])
def test_sixty_clients_that_do_not_read_a_big_page_cost_at_most_three(
    big: dict[bool, Running], authority: trustme.CA, how: str
) -> None:
    running, client = big[how == "over TLS"], ssl.create_default_context()
    authority.configure_trust(client)
    tls = client if how == "over TLS" else None
    # A big page is costly: it is fetched after each query has run, until it is whole.
    until = time.monotonic() + 10 * PATIENCE
    while fetch(running, "/-/ready", tls=tls)[0] != 200:
        assert time.monotonic() < until
        time.sleep(0.2)
    while (page := len(fetch(running, tls=tls)[1])) < 9_900_000:
        assert time.monotonic() < until, page
        time.sleep(0.2)
    before = memory(running)

    def pages_held() -> float:
        most = 0
        with ExitStack() as stack:
            for _ in range(60):
                plain = connect(stack, running)
                secure = (
                    stack.enter_context(tls.wrap_socket(plain, server_hostname="127.0.0.1")) if tls else plain
                )
                secure.sendall(GET * (20 if how == "pipelined" else 1))
                most = max(most, memory(running))
                time.sleep(0.02)
            for _ in range(20):
                most = max(most, memory(running))
                time.sleep(0.05)
            assert fetch(running, "/-/healthy", tls=tls)[0] == 200
        return (most - before) / page

    # On a busy machine memory is given back late, which shows as more pages. What is held shows each time.
    tries = [pages_held()]
    while tries[-1] > 3 and len(tries) < 3:
        time.sleep(1.0)
        tries.append(pages_held())
    tell(f"60 clients, {how}: {tries[-1]:.1f} pages of {page / 1e6:.1f} MB")
    assert tries[-1] <= 3, tries


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_guessing_passwords_locks_nobody_out(
    start: Callable[..., Running], web_config: Callable[[dict[str, Any]], str]
) -> None:
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode()
    running = start(web_config({"basic_auth_users": {"prometheus": hashed}}))
    over = threading.Event()
    tally: list[int] = []

    def guess(host: str) -> None:
        connection = http.client.HTTPConnection(*where(running), timeout=PATIENCE, source_address=(host, 0))
        number = 0
        while not over.is_set():
            number += 1
            connection.request("GET", "/metrics", headers={"Authorization": basic("prometheus", f"{number}")})
            answer = connection.getresponse()
            answer.read()
            tally.append(answer.status)
        connection.close()

    guessers = [threading.Thread(target=guess, args=(f"127.0.0.{last}",)) for last in range(1, 21)]
    for guesser in guessers:
        guesser.start()
    while len(tally) < 40:
        time.sleep(0.05)
    before = len(tally)
    status = fetch(running, Authorization=basic("prometheus", "right"))[0]
    meanwhile = len(tally) - before
    over.set()
    for guesser in guessers:
        guesser.join()
    tell(f"let in with {status} after {meanwhile} guesses: {sorted(set(tally))}")
    assert status == 200
    # Each of the twenty has its turn once. Some more have it before this process counts them.
    assert meanwhile <= 4 * len(guessers)
    assert running.end() == 0


def test_a_withdrawn_client_authority_lets_nobody_in_not_even_with_a_resumed_session(
    start: Callable[..., Running],
    web_config: Callable[[dict[str, Any]], str],
    tls_files: Callable[..., tuple[dict[str, str], ssl.SSLContext]],
    tmp_path: Path,
) -> None:
    section, client = tls_files(mutual=True)
    running = start(web_config({"tls_server_config": section}))

    def let_in(session: ssl.SSLSession | None = None) -> tuple[bool, ssl.SSLSession | None]:
        with suppress(OSError), ExitStack() as stack:
            plain = connect(stack, running)
            secure = client.wrap_socket(
                plain, server_hostname="127.0.0.1", session=session, do_handshake_on_connect=False
            )
            stack.enter_context(secure)
            secure.do_handshake()
            secure.sendall(GET)
            return secure.recv(100).startswith(b"HTTP/1.1 200"), secure.session
        return False, None

    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        client.minimum_version, client.maximum_version = ssl.TLSVersion.TLSv1_2, version
        authority = (tmp_path / "clients.pem").read_text()
        came_in, session = let_in()
        assert came_in
        kept = http.client.HTTPSConnection(*where(running), timeout=PATIENCE, context=client)
        kept.request("GET", "/metrics")
        assert kept.getresponse().read()
        (tmp_path / "clients.pem").write_bytes(trustme.CA().cert_pem.bytes())
        until = time.monotonic() + PATIENCE
        while let_in(session)[0]:
            assert time.monotonic() < until, f"a resumed session is let in with {version.name}"
            time.sleep(0.1)
        kept.sock.sendall(GET)
        with suppress(ConnectionError):
            assert not kept.sock.recv(1)
        kept.close()
        (tmp_path / "clients.pem").write_text(authority)
        until = time.monotonic() + PATIENCE
        while not let_in()[0]:
            assert time.monotonic() < until
            time.sleep(0.1)
    assert running.end() == 0
