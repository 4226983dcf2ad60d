"""Laws of a token that is replaced while the API begins to refuse the old one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.config.secrets import TokenReader
from exporter.daemon.bot_client import BotClient
from exporter.errors import Unauthorized
from exporter.model import Api as ApiSettings
from exporter.model import Bot, TokenSource
from tests.server import Server, Wire


class Api:
    """Answers 5 to requests with the token `good`, and 401 to others."""

    good = "first"

    def answer(self, wire: Wire) -> None:
        wire.answer(b"5", 200 if wire.token == self.good else 401)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def server(api: Api) -> Iterator[Server]:
    with Server(api.answer) as server:
        yield server


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


@pytest.fixture
def client(server: Server, token: Path) -> Iterator[BotClient]:
    source = TokenSource(file=token)
    bot = Bot("support", "5bfd1c9d8f2a4e0012345678", source, api=ApiSettings(url=server.url))
    made = BotClient(bot, TokenReader(source, {}), SystemClock(), lambda *_: None)
    yield made
    made.close()


def ask(client: BotClient) -> int:
    return client.count("conversations", "", 5.0)


def test_a_refused_token_that_was_not_replaced_is_not_new(client: BotClient, api: Api) -> None:
    assert not client.has_new_token()
    api.good = "second"
    with pytest.raises(Unauthorized) as refused:
        ask(client)
    assert not refused.value.token_is_new
    assert not client.has_new_token()


def test_a_token_that_replaced_the_refused_one_is_noticed_and_used(
    client: BotClient, api: Api, token: Path
) -> None:
    api.good = "second"
    with pytest.raises(Unauthorized):
        ask(client)
    token.write_text("second\n")
    assert client.has_new_token()
    assert ask(client) == 5


def test_a_token_replaced_in_place_with_the_old_size_and_time_is_read_again_once_refused(
    client: BotClient, api: Api, token: Path
) -> None:
    import os

    assert ask(client) == 5
    before = token.stat()
    api.good = "other"
    token.write_text("other\n")
    os.utime(token, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(Unauthorized) as refused:
        ask(client)
    assert refused.value.token_is_new
    assert ask(client) == 5


def test_a_token_that_cannot_be_read_is_not_new(client: BotClient, token: Path) -> None:
    token.unlink()
    with pytest.raises(Unauthorized) as refused:
        ask(client)
    assert not refused.value.token_is_new
    assert not client.has_new_token()


def remove(token: Path) -> None:
    token.unlink()


def put_in_quotes(token: Path) -> None:
    token.write_text('"s3cr3t"\n')


def leave_unresolved(token: Path) -> None:
    token.write_text("${s3cr3t}\n")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (remove, "cannot be read: no such file or directory"),
        (put_in_quotes, "has quotes around it; remove the quotes"),
        (leave_unresolved, "is a variable that nothing has replaced; write the value itself"),
    ],
)
def test_the_refusal_of_an_older_token_names_the_file_and_what_is_wrong_with_it(
    client: BotClient, api: Api, token: Path, spoil: Callable[[Path], None], why: str
) -> None:
    assert ask(client) == 5
    spoil(token)
    api.good = "second"
    with pytest.raises(Unauthorized) as refused:
        ask(client)
    assert f"an older token was sent: file {token} {why}" in refused.value.advice
    assert "s3cr3t" not in refused.value.described
    token.write_text("third\n")
    with pytest.raises(Unauthorized) as refused:
        ask(client)
    assert refused.value.advice == Unauthorized.advice


def test_without_a_token_nothing_is_sent_and_the_error_says_which_is_missing_until_it_is_there(
    client: BotClient, token: Path, server: Server
) -> None:
    token.unlink()
    with pytest.raises(Unauthorized) as missing:
        ask(client)
    assert missing.value.status is None
    assert missing.value.described == (
        f"unauthorized: file {token} cannot be read: no such file or directory"
        " (name a file that exists and that this user may read)"
    )
    assert server.heads == []
    token.write_text("first\n")
    assert client.has_new_token()
    assert ask(client) == 5


def test_a_bot_whose_id_is_missing_gets_no_request(server: Server, token: Path) -> None:
    source = TokenSource(file=token)
    fault = ("environment variable SALES_ID is not set", "set it before the exporter runs")
    bot = Bot("sales", "unknown", source, api=ApiSettings(url=server.url), fault=fault)
    client = BotClient(bot, TokenReader(source, {}), SystemClock(), lambda *_: pytest.fail("an attempt"))
    with pytest.raises(Unauthorized) as missing:
        ask(client)
    assert missing.value.described == f"unauthorized: {fault[0]} ({fault[1]})"
    assert (missing.value.status, client.has_new_token(), server.heads) == (None, False, [])
