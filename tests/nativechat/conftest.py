"""Clients of a server that misbehaves, over plain HTTP and over TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import trustme

from exporter.clock import Clock, SystemClock
from exporter.errors import ApiError
from exporter.model import Api, Bot, Secret, TokenSource
from exporter.nativechat.client import Client
from tests.server import Script, Server, Wire

TOKEN = "s3cr3t-t0ken"
BOT_ID = "5bfd1c9d8f2a4e0012345678"
AMPLE = 20.0


class TlsByHand:
    """TLS over the plain socket of a wire, whose records can be sent in parts."""

    def __init__(self, wire: Wire, context: ssl.SSLContext) -> None:
        self._sock = wire._sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._until_done(self._tls.do_handshake)

    def record(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._outgoing.read()

    def send(self, data: bytes) -> None:
        """Send data that is a TLS record already."""
        self._sock.sendall(data)

    def head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._until_done(lambda: self._tls.read(65536))
        return head

    def _until_done(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._sock.sendall(self._outgoing.read())
                part = self._sock.recv(65536)
                if not part:
                    raise ConnectionResetError from None
                self._incoming.write(part)
            else:
                self._sock.sendall(self._outgoing.read())
                return done


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's proxies and certificates out of the tests."""
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "requests_ca_bundle",
        "curl_ca_bundle",
        "ssl_cert_file",
        "ssl_cert_dir",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def tls_by_hand(tls: ssl.SSLContext) -> Callable[[Wire], TlsByHand]:
    return lambda wire: TlsByHand(wire, tls)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*scripts: Script, greeting: Script | None = None, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(*scripts, greeting=greeting, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class Caller:
    """A client, with a method that returns a count or an error."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def count(self, budget: float = AMPLE) -> int:
        return self.client.count("conversations", "", budget)

    def of(self, number: int) -> int | ApiError:
        """Count `{"n": number}`, whose true count is 1000 + number; return an error rather than raise it."""
        try:
            return self.client.count("conversations", f'{{"n":{number}}}', AMPLE)
        except ApiError as error:
            return error

    def failure(self, budget: float = AMPLE) -> ApiError:
        with pytest.raises(ApiError) as caught:
            self.count(budget)
        return caught.value


@pytest.fixture
def ask() -> Iterator[Callable[..., Caller]]:
    """Return a function that makes clients of a URL, with the test's token."""
    clients: list[Client] = []

    def connect(
        url: str,
        *,
        bot_id: str = BOT_ID,
        token: Callable[[], Secret] = lambda: Secret(TOKEN),
        ca_file: Path | None = None,
        on_attempt: Callable[[int | None, float], None] = lambda *_: None,
        on_doubt: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
        **api: Any,
    ) -> Caller:
        bot = Bot("support", bot_id, TokenSource(env="TOKEN"), api=Api(url=url, ca_file=ca_file, **api))
        clients.append(Client(bot, token, clock or SystemClock(), on_attempt, on_doubt))
        return Caller(clients[-1])

    yield connect
    for client in clients:
        client.close()


@pytest.fixture(params=["http", "https"])
def link(
    request: pytest.FixtureRequest,
    serve: Callable[..., Server],
    ask: Callable[..., Caller],
    tls: ssl.SSLContext,
    ca_file: Path,
) -> Callable[..., tuple[Server, Caller]]:
    """Return a function that makes a server and a client of it, over plain HTTP and then over TLS."""

    def connect(*scripts: Script, **options: object) -> tuple[Server, Caller]:
        server = serve(*scripts, tls=tls if request.param == "https" else None)
        return server, ask(server.url, **{"ca_file": ca_file} | options)

    return connect


@pytest.fixture
def descriptors() -> Callable[[], int]:
    """Return the number of open file descriptors of this process."""
    return lambda: len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def exposed() -> Callable[[BaseException], str]:
    """Return as text all that an error, its chain and the frames of their tracebacks hold."""
    return lambda error: repr([repr(thing) for thing in _held(error)])


def _held(error: BaseException) -> Iterator[object]:
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is not None:
            yield from (link, link.args, vars(link))
            yield from _locals(link.__traceback__)
            links += [link.__cause__, link.__context__]


def _locals(traceback: TracebackType | None) -> Iterator[object]:
    while traceback is not None:
        if "tests" not in Path(traceback.tb_frame.f_code.co_filename).parts:
            for value in traceback.tb_frame.f_locals.values():
                yield value
                yield getattr(value, "__dict__", None)
        traceback = traceback.tb_next
