"""The bot's token is sent to the API, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.errors import (
    ExporterError,
    Rejected,
    Unauthorized,
)
from exporter.model import Secret

if TYPE_CHECKING:
    from tests.nativechat.conftest import Caller
    from tests.server import Server

    Serve = Callable[..., Server]
    Ask = Callable[..., Caller]

TOKEN = "s3cr3t-t0ken"


@pytest.mark.parametrize("kind", [ExporterError, Unauthorized])
def test_an_unreadable_token_is_unauthorized_and_no_attempt(
    serve: Serve, ask: Ask, kind: type[ExporterError]
) -> None:
    def unreadable() -> Secret:
        raise kind("cannot read the token from file /run/token: permission denied")

    attempts: list[object] = []
    server = serve()
    error = ask(server.url, token=unreadable, on_attempt=lambda *seen: attempts.append(seen)).failure()
    assert type(error) is Unauthorized
    assert str(error) == "cannot read the token from file /run/token: permission denied"
    assert (attempts, server.heads) == ([], [])


@pytest.mark.parametrize("token", [f"{TOKEN}\nX: y", f"{TOKEN}\r\n", f"{TOKEN}é", f"{TOKEN}\0"])
def test_a_token_that_no_header_can_carry_is_unauthorized_and_not_shown(
    serve: Serve, ask: Ask, exposed: Callable[[BaseException], str], token: str
) -> None:
    server = serve()
    error = ask(server.url, token=lambda: Secret(token)).failure()
    assert type(error) is Unauthorized
    assert TOKEN not in exposed(error)
    assert server.heads == []


def test_a_token_that_changes_is_followed(serve: Serve, ask: Ask) -> None:
    tokens = [Secret("second"), Secret("first")]
    server = serve()
    client = ask(server.url, token=tokens.pop)
    client.count()
    client.count()
    assert b"Bot-Server-Access-Token first\r\n" in server.heads[0]
    assert b"Bot-Server-Access-Token second\r\n" in server.heads[1]


def test_a_redirect_does_not_carry_the_token_elsewhere(serve: Serve, ask: Ask) -> None:
    elsewhere = serve()
    server = serve(lambda wire: wire.answer(b"", 302, f"Location: {elsewhere.url}"))
    assert type(ask(server.url).failure()) is Rejected
    assert elsewhere.accepts == 0


def test_a_netrc_is_never_consulted(
    serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve()
    ask(server.url).count()
    assert f"Authorization: Bot-Server-Access-Token {TOKEN}\r\n".encode() in server.heads[0]
