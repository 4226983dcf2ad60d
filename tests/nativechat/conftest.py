"""A real HTTP server on plain sockets, which misbehaves as a test specifies."""

from __future__ import annotations

import gzip
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from exporter.clock import Clock, SystemClock
from exporter.errors import ApiError
from exporter.model import Api, Bot, Collection, Secret, TokenSource
from exporter.nativechat.client import Client

TOKEN = "s3cr3t-t0ken"
BOT_ID = "5bfd1c9d8f2a4e0012345678"
AMPLE = 20.0


def response(
    body: bytes = b'{"count":7}', status: int = 200, *headers: str, length: int | None = None
) -> bytes:
    """Return a response as bytes, with a wrong Content-Length if one is passed."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Wire:
    """The server's end of one connection, after it has read one request."""

    def __init__(self, sock: socket.socket, stopped: threading.Event, head: bytes = b"") -> None:
        self._sock = sock
        self._stopped = stopped
        self._head = head

    @property
    def true(self) -> bytes:
        """The right count for the request's predicate: `{"n": 5}` counts 1005."""
        query = parse_qs(urlsplit(self._head.split()[1].decode()).query)["query"][0]
        return b'{"count":%d}' % (1000 + json.loads(query)["n"])

    def pause(self, seconds: float) -> Self:
        self._stopped.wait(seconds)
        return self

    def ended(self) -> bool:
        """Wait until the client closes the connection; return whether it did so without another request."""
        self._sock.settimeout(AMPLE)
        with suppress(ConnectionResetError):
            return self._sock.recv(1) == b""
        return True

    def send(self, data: bytes) -> Self:
        self._sock.sendall(data)
        return self

    def answer(
        self, body: bytes = b'{"count":7}', status: int = 200, *headers: str, length: int | None = None
    ) -> Self:
        return self.send(response(body, status, *headers, length=length))

    def gzipped(self, body: bytes, cut: int | None = None) -> Self:
        return self.answer(gzip.compress(body)[:cut], 200, "Content-Encoding: gzip")

    def chunks(self, *chunks: bytes, end: bytes = b"0\r\n\r\n") -> Self:
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            self.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        return self.send(end)

    def drip(self, data: bytes) -> Self:
        """Send a byte every 20 ms, and repeat the last one forever."""
        position = 0
        while not self._stopped.wait(0.02):
            self.send(data[position : position + 1])
            position = min(position + 1, len(data) - 1)
        return self

    def flood(self, data: bytes) -> Self:
        """Send the same data forever."""
        while not self._stopped.is_set():
            self.send(data)
        return self

    def hang(self) -> Self:
        self._stopped.wait()
        return self

    def reset(self) -> Self:
        """Reset the connection with RST, as a crash does."""
        linger = struct.pack("ii", 1, 0)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return self.close()

    def close(self) -> Self:
        self._sock.close()
        return self


Script = Callable[[Wire], object]


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


class Server:
    """Runs one script for each request, the last one repeatedly; sends `greeting` at each accept."""

    def __init__(
        self, scripts: tuple[Script, ...], greeting: Script | None, tls: ssl.SSLContext | None
    ) -> None:
        self.heads: list[bytes] = []
        self.accepts = 0
        self._scripts = list(scripts)
        self._greeting = greeting
        self._tls = tls
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._stop_read, self._stop_write = socket.socketpair()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}/v1"

    def request_lines(self) -> list[str]:
        return [head.split(b"\r\n", 1)[0].decode() for head in self.heads]

    def stop(self) -> None:
        self._stopped.set()
        self._stop_write.close()
        for thread in self._threads:
            thread.join()
        self._listener.close()
        self._stop_read.close()

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._stop_read], [], [])
            if self._stop_read in ready:
                break
            sock, _ = self._listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepts += 1
            with self._lock:
                self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            if self._greeting:
                self._greeting(Wire(sock, self._stopped))
            if self._tls:
                with self._lock:
                    self._open.remove(sock)
                sock = self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open.append(sock)
            while head := self._head(sock):
                with self._lock:
                    self.heads.append(head)
                    script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                script(Wire(sock, self._stopped, head))
        with self._lock:
            if sock in self._open:
                self._open.remove(sock)
        sock.close()

    @staticmethod
    def _head(sock: socket.socket) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = sock.recv(65536)
            if not part:
                return b""
            head += part
        return head


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
        servers.append(Server(scripts or (Wire.answer,), greeting, tls))
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
        on_attempt: Callable[[Collection, int | None, float], None] = lambda *_: None,
        clock: Clock | None = None,
        **api: Any,
    ) -> Caller:
        bot = Bot("support", bot_id, TokenSource(env="TOKEN"), api=Api(url=url, ca_file=ca_file, **api))
        clients.append(Client(bot, token, clock or SystemClock(), on_attempt))
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
