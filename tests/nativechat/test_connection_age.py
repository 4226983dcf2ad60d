"""Laws of a connection's age: none is reused forever, and one that was closed meanwhile is no failure."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from exporter.errors import ApiError, TimedOut, Unreachable
from tests.clock import FakeClock

if TYPE_CHECKING:
    from tests.nativechat.conftest import Caller
    from tests.server import Server, Wire

    Serve = Callable[..., Server]
    Ask = Callable[..., Caller]
    Link = Callable[..., tuple[Server, Caller]]

AMPLE = 20.0
SHORT = 0.3


@pytest.mark.parametrize(("idle", "accepts"), [(59.0, 1), (61.0, 2)])
def test_a_connection_that_was_idle_for_a_minute_is_not_used_again(
    link: Link, idle: float, accepts: int
) -> None:
    clock = FakeClock()
    server, client = link(clock=clock)
    assert client.count() == 7
    clock.now += idle
    assert client.count() == 7
    assert server.accepts == accepts


def test_a_connection_that_is_always_in_use_is_replaced_after_ten_minutes(link: Link) -> None:
    clock = FakeClock()
    server, client = link(clock=clock)
    for _ in range(40):
        assert client.count() == 7
        clock.now += 30.0
    assert server.accepts == 2


def test_pruning_closes_what_would_not_be_used_again_and_nothing_else(link: Link) -> None:
    clock = FakeClock()
    ended = threading.Event()

    def serve(wire: Wire) -> None:
        if wire.answer().ended():
            ended.set()

    _, client = link(serve, clock=clock)
    client.client.prune()
    assert client.count() == 7
    client.client.prune()
    assert not ended.wait(0.05)
    clock.now += 61.0
    client.client.prune()
    assert ended.wait(AMPLE)


def test_pruning_closes_a_connection_that_the_other_side_closed(
    serve: Serve, ask: Ask, descriptors: Callable[[], int]
) -> None:
    closed = threading.Event()

    def close(wire: Wire) -> None:
        wire.answer().close()
        closed.set()

    before = descriptors()
    server = serve(close)
    client = ask(server.url)
    assert client.count() == 7
    assert closed.wait(AMPLE)
    client.client.prune()
    server.stop()
    assert descriptors() == before


def test_no_connection_outlives_a_renewal_even_if_it_was_in_use(serve: Serve, ask: Ask) -> None:
    asked, renewed = threading.Event(), threading.Event()

    def late(wire: Wire) -> None:
        asked.set()
        assert renewed.wait(AMPLE)
        wire.answer()

    server = serve(late)
    client = ask(server.url)
    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(client.count)
        assert asked.wait(AMPLE)
        client.client.renew()
        renewed.set()
        assert pending.result() == 7
    assert [client.count(), client.count()] == [7, 7]
    assert server.accepts == 2


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_reused_connection_that_dies_is_replaced_by_a_fresh_one_not_by_another_that_was_idle(
    link: Link, ending: str
) -> None:
    """Four connections are idle, and all of them break when they are reused."""
    together = threading.Barrier(4)

    def serve(wire: Wire) -> None:
        if len(server.heads) <= 4:
            together.wait(AMPLE)
            wire.answer()
        elif len(server.heads) == 5:
            getattr(wire, ending)()
        else:
            wire.answer()

    server, client = link(serve)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: client.count(), range(4))) == [7] * 4
    assert client.count() == 7
    assert server.accepts == 5


def test_the_fresh_connection_is_tried_once_and_within_the_attempt(link: Link) -> None:
    server, client = link(lambda wire: wire.answer(), lambda wire: wire.close())
    assert client.count() == 7
    assert isinstance(client.failure(), Unreachable)
    assert len(server.heads) == 3
    server, client = link(
        lambda wire: wire.answer(),
        lambda wire: wire.close(),
        lambda wire: wire.hang(),
        lambda wire: wire.answer(),
    )
    assert client.count() == 7
    assert isinstance(client.failure(SHORT), TimedOut)


@pytest.mark.parametrize("answered", [b"H", b"HTTP/1.1 103 Soon\r\n\r\n"])
def test_what_dies_after_a_first_byte_is_not_tried_again(link: Link, answered: bytes) -> None:
    server, client = link(lambda wire: wire.answer(), lambda wire: wire.send(answered).close())
    assert client.count() == 7
    assert isinstance(client.failure(), ApiError)
    assert len(server.heads) == 2


def other_authority(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    path = tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, path


@pytest.mark.parametrize("replace", [shutil.copy, Path.rename], ids=["in place", "by another file"])
def test_certificates_that_are_replaced_are_read_again(
    serve: Serve,
    ask: Ask,
    ca_file: Path,
    tmp_path: Path,
    replace: Callable[[Path, Path], object],
) -> None:
    context, other = other_authority(tmp_path)
    client = ask(serve(tls=context).url, ca_file=ca_file)
    assert "certificate not accepted" in str(client.failure())
    replace(other, ca_file)
    assert client.count() == 7
    ca_file.write_text("half a certifi")
    client.client.renew()
    assert str(client.failure()).startswith(f"cannot read certificates from {ca_file}: ")


def test_certificates_in_a_directory_are_read_again(serve: Serve, ask: Ask, tmp_path: Path) -> None:
    context, other = other_authority(tmp_path)
    folder = tmp_path / "authorities"
    folder.mkdir()
    client = ask(serve(tls=context).url, ca_file=folder)
    assert "certificate not accepted" in str(client.failure())
    hashed(other, folder)
    assert client.count() == 7


def hashed(certificate: Path, folder: Path) -> None:
    """Copy a certificate to a folder, under the name that OpenSSL looks for."""
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(certificate)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.copy(certificate, folder / f"{done.stdout.strip()}.0")


@pytest.mark.parametrize("kind", ["file", "folder", "both"])
def test_the_variables_of_openssl_name_certificates(
    serve: Serve, ask: Ask, tmp_path: Path, ca_file: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, other = other_authority(tmp_path)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    if kind != "file":
        hashed(other, folders[1])
        monkeypatch.setenv("SSL_CERT_DIR", ":".join(map(str, [*folders, tmp_path / "missing"])))
    if kind != "folder":
        monkeypatch.setenv("SSL_CERT_FILE", str(other if kind == "file" else ca_file))
    assert ask(serve(tls=context).url).count() == 7


def test_the_variables_of_requests_come_before_those_of_openssl(
    serve: Serve,
    ask: Ask,
    tls: ssl.SSLContext,
    ca_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    assert ask(serve(tls=tls).url).count() == 7
