"""Laws of a token that is replaced around the time the API begins to refuse the old one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.config.secrets import TokenReader
from exporter.daemon.bot_client import BotClient
from exporter.errors import Unauthorized
from exporter.model import Api, Bot, TokenSource


class Server(ThreadingHTTPServer):
    """Answers 5 to requests with the token `good`, and 401 to others."""

    good = "first"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        right = self.headers["Authorization"] == f"Bot-Server-Access-Token {self.server.good}"
        self.send_response(200 if right else 401)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"5")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


@pytest.fixture
def client(server: Server, token: Path) -> Iterator[BotClient]:
    source = TokenSource(file=token)
    url = f"http://127.0.0.1:{server.server_port}/v1"
    bot = Bot("support", "5bfd1c9d8f2a4e0012345678", source, api=Api(url=url))
    made = BotClient(bot, TokenReader(source, {}), SystemClock(), lambda *_: None)
    yield made
    made.close()


def ask(client: BotClient) -> int:
    return client.count("conversations", "", 5.0)


def test_a_refused_token_that_was_not_replaced_is_not_new(client: BotClient, server: Server) -> None:
    assert not client.has_new_token()
    server.good = "second"
    with pytest.raises(Unauthorized) as refused:
        ask(client)
    assert not refused.value.token_is_new
    assert not client.has_new_token()


def test_a_token_that_replaces_a_refused_one_is_new_and_is_used(
    client: BotClient, server: Server, token: Path
) -> None:
    server.good = "second"
    with pytest.raises(Unauthorized):
        ask(client)
    token.write_text("second\n")
    assert client.has_new_token()
    assert ask(client) == 5


def test_a_refused_token_is_read_again_even_if_its_file_has_the_old_size_and_time(
    client: BotClient, server: Server, token: Path
) -> None:
    assert ask(client) == 5
    before = token.stat()
    server.good = "other"
    token.write_text("other\n")
    os.utime(token, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(Unauthorized) as refused:
        ask(client)
    assert refused.value.token_is_new
    assert ask(client) == 5


def test_an_unreadable_token_is_not_new(client: BotClient, token: Path) -> None:
    token.unlink()
    with pytest.raises(Unauthorized) as refused:
        ask(client)
    assert not refused.value.token_is_new
    assert not client.has_new_token()
