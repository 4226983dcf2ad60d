"""Laws of connecting: names, addresses, TLS and proxies, within the budget."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from exporter.errors import (
    ApiError,
    TimedOut,
    Unreachable,
)
from exporter.files import Limit
from exporter.nativechat.authorities import Authorities

if TYPE_CHECKING:
    from tests.nativechat.conftest import Caller
    from tests.server import Script, Server, Wire

    Serve = Callable[..., Server]
    Ask = Callable[..., Caller]
    Link = Callable[..., tuple[Server, Caller]]

T = TypeVar("T")

TOKEN = "s3cr3t-t0ken"
BOTS = "/v1/bots/5bfd1c9d8f2a4e0012345678"
AMPLE = 20.0
SHORT = 0.3

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"
GOOD = HEAD + b'{"count":7}'


def test_a_refused_connection_is_unreachable(ask: Ask) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        error = ask(f"http://127.0.0.1:{port}/v1").failure()
    assert str(error) == f"no connection to 127.0.0.1:{port}: connection refused"
    assert error.advice == "check the host and port in api.url, and the firewalls on the way"
    assert type(error) is Unreachable
    assert error.status is None


@pytest.mark.parametrize("name", ["nowhere.invalid", "a..invalid", f"{'a' * 64}.invalid"])
def test_a_name_without_address_is_unreachable(ask: Ask, name: str) -> None:
    error = ask(f"http://{name}/v1").failure()
    assert type(error) is Unreachable
    assert str(error).startswith(f"no address for {name}:80: ")
    assert error.advice == "check the host in api.url, and that this host can resolve names"


@pytest.fixture
def full() -> Iterator[int]:
    """A port whose queue of connections is full: a new one is neither accepted nor refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port: int = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        yield port
        for sock in waiting:
            sock.close()


def test_connecting_is_within_the_budget(ask: Ask, full: int) -> None:
    error = ask(f"http://127.0.0.1:{full}/v1").failure(SHORT)
    assert type(error) is TimedOut
    assert str(error) == (
        f"GET conversations/_count took longer than 0.3s: still connecting to 127.0.0.1:{full}"
    )


def test_a_budget_that_is_spent_asks_nothing(serve: Serve, ask: Ask) -> None:
    server = serve()
    client = ask(server.url)
    assert type(client.failure(0.0)) is TimedOut
    assert client.count() == 7
    assert type(client.failure(-1.0)) is TimedOut
    assert len(server.heads) == 1


def test_a_closed_client_is_unreachable(serve: Serve, ask: Ask) -> None:
    client = ask(serve().url)
    assert client.count() == 7
    client.client.close()
    assert "this client is closed" in str(client.failure())


def test_a_client_that_is_closed_before_its_first_request_makes_none(serve: Serve, ask: Ask) -> None:
    server = serve()
    client = ask(server.url)
    client.client.close()
    assert "this client is closed" in str(client.failure())
    assert server.accepts == 0


def test_closing_lets_an_attempt_in_flight_end(
    serve: Serve, ask: Ask, descriptors: Callable[[], int]
) -> None:
    asked, closed = threading.Event(), threading.Event()

    def late(wire: Wire) -> None:
        asked.set()
        assert closed.wait(AMPLE)
        wire.answer()

    before = descriptors()
    server = serve(late)
    client = ask(server.url)
    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(client.count)
        assert asked.wait(AMPLE)
        client.client.close()
        closed.set()
        assert pending.result() == 7
    server.stop()
    assert descriptors() == before


def test_a_certificate_of_an_unknown_authority_is_refused(
    serve: Serve, ask: Ask, tls: ssl.SSLContext
) -> None:
    server = serve(tls=tls)
    error = ask(server.url).failure()
    assert type(error) is Unreachable
    assert str(error) == (
        f"no TLS with localhost:{server.port}: "
        "certificate not accepted, unable to get local issuer certificate"
    )
    assert server.heads == []


def test_a_certificate_for_another_name_is_refused(
    serve: Serve, ask: Ask, tls: ssl.SSLContext, ca_file: Path
) -> None:
    server = serve(tls=tls)
    error = ask(server.url.replace("localhost", "127.0.0.1"), ca_file=ca_file).failure()
    assert "certificate not accepted" in str(error)
    assert error.advice == "write a host into api.url that the certificate names"


def test_an_old_authority_is_accepted_by_every_python(serve: Serve, ask: Ask, tmp_path: Path) -> None:
    """By default, Python 3.13 refuses a certificate without key identifiers, and 3.11 accepts it."""
    authority, leaf = old_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf)
    server = serve(tls=context)
    assert ask(server.url, ca_file=authority).count() == 7
    wrong_host = ask(server.url.replace("localhost", "127.0.0.1"), ca_file=authority).failure()
    assert "certificate not accepted" in str(wrong_host)


def test_an_intermediate_authority_can_be_trusted_alone(serve: Serve, ask: Ask, tmp_path: Path) -> None:
    intermediate = trustme.CA().create_child_ca()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    intermediate.issue_cert("localhost").configure_cert(context)
    trusted = tmp_path / "intermediate.pem"
    intermediate.cert_pem.write_to_path(str(trusted))
    assert ask(serve(tls=context).url, ca_file=trusted).count() == 7


def old_certificates(folder: Path) -> tuple[Path, Path]:
    """Return an authority's file, and one with a key and certificate, as old tools make them."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("old CA", "localhost")]
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), False),
        (x509.SubjectAlternativeName([x509.DNSName("localhost")]), False),
    ]
    files = (folder / "old-ca.pem", folder / "leaf.pem")
    now = datetime.now(UTC)
    for name, key, (extension, critical), file in zip(names, keys, extensions, files, strict=True):
        builder = x509.CertificateBuilder(names[0], name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        made = builder.add_extension(extension, critical).sign(keys[0], hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes((private if file is files[1] else b"") + made.public_bytes(Encoding.PEM))
    return files


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_usual_variables_name_certificates(
    link: Link, ca_file: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    _, client = link(ca_file=None)
    monkeypatch.setenv(variable, str(ca_file))
    assert client.count() == 7


def test_certificates_may_stand_in_a_directory(
    serve: Serve, ask: Ask, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    error = ask(serve(tls=tls).url, ca_file=tmp_path).failure()
    assert "certificate not accepted" in str(error)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file or directory"),
        ("", "no certificate in PEM"),
        ("no certificate", "no certificate in PEM"),
    ],
)
def test_certificates_that_cannot_be_read_are_named_with_their_setting(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, why: str
) -> None:
    path = tmp_path / "private-ca.pem"
    if content is not None:
        path.write_text(content)

    def fails(setting: str, ca_file: Path | None = None) -> None:
        error = ask("https://localhost/v1", ca_file=ca_file).failure()
        assert type(error) is Unreachable
        assert str(error) == f"cannot read certificates from {path}: {why}"
        assert error.advice == f"set {setting} to a file with certificates in PEM"

    fails("ca_file", path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    fails("SSL_CERT_FILE or SSL_CERT_DIR")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(path))
    fails("CURL_CA_BUNDLE")


def test_certificates_on_a_disk_that_does_not_answer_are_an_error_in_time(ca_file: Path) -> None:
    never = threading.Event()

    class Disk(Limit):
        def __call__(self, function: Callable[[], T]) -> T:
            return super().__call__(lambda: (never.wait(AMPLE), function())[1])

    authorities = Authorities(ca_file, "", {}, lambda _: None, Disk(0.05))
    with pytest.raises(Unreachable, match="cannot read certificates: no answer from its disk") as caught:
        authorities.context()
    assert caught.value.advice == "check the disk of ca_file, or of the variables for certificates"
    never.set()


def test_certificates_are_read_when_they_appear(
    serve: Serve, ask: Ask, tls: ssl.SSLContext, ca_file: Path
) -> None:
    late = ca_file.rename(ca_file.with_name("not-yet"))
    client = ask(serve(tls=tls).url, ca_file=ca_file)
    assert type(client.failure()) is Unreachable
    late.rename(ca_file)
    assert client.count() == 7


GREETINGS: dict[str, tuple[Script, type[ApiError]]] = {
    "resets at once": (lambda wire: wire.reset(), Unreachable),
    "closes at once": (lambda wire: wire.close(), Unreachable),
    "speaks plain HTTP": (lambda wire: wire.send(GOOD).hang(), Unreachable),
    "says nothing": (lambda wire: wire.hang(), TimedOut),
    "drips": (lambda wire: wire.drip(b"\x16\x03\x03\x40\x00" + b"\x02\x00\x3f\xfc\x03\x03" + b"7"), TimedOut),
}  # fmt: skip


@pytest.mark.parametrize("greeting", GREETINGS)
def test_a_handshake_is_within_the_budget(
    serve: Serve, ask: Ask, tls: ssl.SSLContext, descriptors: Callable[[], int], greeting: str
) -> None:
    script, kind = GREETINGS[greeting]
    before = descriptors()
    server = serve(greeting=script, tls=tls)
    client = ask(server.url)
    assert type(client.failure(SHORT if kind is TimedOut else AMPLE)) is kind
    client.client.close()
    server.stop()
    assert descriptors() == before


def test_a_proxy_from_the_environment_carries_plain_requests(
    serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve()
    monkeypatch.setenv("http_proxy", f"http://user:pass@localhost:{proxy.port}")
    assert ask("http://api.invalid/v1").count() == 7
    assert proxy.request_lines() == [f"GET http://api.invalid{BOTS}/conversations/_count HTTP/1.1"]
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in proxy.heads[0]


def test_a_proxy_at_an_ipv6_address_is_found(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://[::1]:{port}")
        with ThreadPoolExecutor(1) as threads:
            accepted = threads.submit(listener.accept)
            error = ask("https://api.invalid/v1").failure(SHORT)
            accepted.result()[0].close()
    assert type(error) is TimedOut


WANTED = (
    "the proxy in {} wants a user and a password: write both into that variable, as in "
    "http://USER:PASSWORD@HOST:PORT"
)


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("http", "GET conversations/_count answered 407"),
        ("https", "no tunnel to api.invalid:443 through the proxy in {}: it answered 407"),
    ],
)
@pytest.mark.parametrize("form", ["{}_proxy", "{}_PROXY", "ALL_PROXY"])
def test_a_proxy_that_wants_a_password_is_named_by_its_variable(
    serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch, scheme: str, said: str, form: str
) -> None:
    proxy = serve(lambda wire: wire.answer(b"", 407))
    variable = form.format(scheme.upper() if "PROXY" in form else scheme)
    monkeypatch.setenv(variable, f"http://user:hunter2@localhost:{proxy.port}")
    error = ask(f"{scheme}://api.invalid/v1").failure()
    assert str(error) == said.format(variable)
    assert error.advice == WANTED.format(variable)
    assert "hunter2" not in error.described


def test_a_407_without_a_proxy_is_not_blamed_on_the_bot(serve: Serve, ask: Ask) -> None:
    error = ask(serve(lambda wire: wire.answer(b"", 407)).url).failure()
    assert error.advice == "a proxy that no variable names wants a password: ask who runs the network"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_connections_is_named_by_its_variable(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{port}")
        error = ask(f"{scheme}://api.invalid/v1").failure()
    assert str(error) == f"no connection to 127.0.0.1:{port}, the proxy in ALL_PROXY: connection refused"
    assert error.advice == "check ALL_PROXY and that proxy, or add the host of api.url to NO_PROXY"


def test_a_certificate_that_a_proxy_shows_is_not_that_of_the_proxys_address(
    serve: Serve, ask: Ask, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(tls=tls)

    def tunnel(wire: Wire) -> None:
        with socket.create_connection(("localhost", server.port)) as api:
            wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
            wire.join(api)

    monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{serve(tunnel).port}")
    error = ask("https://api.invalid/v1").failure()
    assert str(error) == (
        "no TLS with api.invalid:443 through the proxy in HTTPS_PROXY: "
        "certificate not accepted, unable to get local issuer certificate"
    )
    assert "a proxy that inspects TLS" in error.advice


def test_a_proxy_that_answers_in_the_apis_place_is_suspected(
    serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(lambda wire: wire.answer(b"", 503))
    monkeypatch.setenv("HTTP_PROXY", f"http://localhost:{proxy.port}")
    error = ask("http://api.invalid/v1").failure()
    assert error.advice == "the API, or the proxy in HTTP_PROXY, fails; wait until it works again"


def test_the_reason_that_a_proxy_gives_is_not_shown(
    serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(lambda wire: wire.send(b"HTTP/1.1 407 \x1b[31mNo\r\n\r\n"))
    monkeypatch.setenv("https_proxy", f"http://localhost:{proxy.port}")
    error = str(ask("https://api.invalid/v1").failure())
    assert "407" in error
    assert error.isprintable()


def test_no_proxy_is_honoured(serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serve(), serve()
    monkeypatch.setenv("http_proxy", f"http://localhost:{proxy.port}")
    monkeypatch.setenv("no_proxy", "localhost")
    assert ask(server.url).count() == 7
    assert proxy.accepts == 0


TUNNELS: dict[str, tuple[Script, type[ApiError]]] = {
    "refuses": (lambda wire: wire.answer(b"", 407), Unreachable),
    "hangs": (lambda wire: wire.hang(), TimedOut),
    "drips": (lambda wire: wire.drip(b"HTTP/1.1 200 OK\r\nA: b"), TimedOut),
    "resets": (lambda wire: wire.reset(), Unreachable),
    "opens and then hangs": (lambda wire: wire.send(b"HTTP/1.1 200 OK\r\n\r\n").hang(), TimedOut),
}  # fmt: skip


@pytest.mark.parametrize("tunnel", TUNNELS)
def test_a_tunnel_that_fails_is_within_the_budget_and_sees_no_token(
    serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch, tunnel: str
) -> None:
    script, kind = TUNNELS[tunnel]
    proxy = serve(script)
    monkeypatch.setenv("https_proxy", f"http://user:pass@localhost:{proxy.port}")
    error = ask("https://api.invalid/v1").failure(1.0 if kind is TimedOut else AMPLE)
    assert type(error) is kind
    assert "pass" not in str(error)
    assert proxy.heads[0].startswith(b"CONNECT api.invalid:443 ")
    assert TOKEN.encode() not in proxy.heads[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_for_everything_carries_each_scheme(
    serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy = serve(lambda wire: wire.send(b"HTTP/1.1 502 No\r\n\r\n").close())
    monkeypatch.setenv("ALL_PROXY", f"http://localhost:{proxy.port}")
    ask(f"{scheme}://api.invalid/v1").failure()
    assert b"api.invalid" in proxy.heads[0]


SOCKS = "socks5h://user:pass@localhost:1"


@pytest.mark.parametrize(
    ("url", "environ", "named"),
    [
        ("http://api.invalid/v1", {"http_proxy": SOCKS}, "http_proxy"),
        ("https://api.invalid/v1", {"HTTPS_PROXY": SOCKS, "ALL_PROXY": "http://localhost:1"}, "HTTPS_PROXY"),
        ("https://api.invalid/v1", {"ALL_PROXY": SOCKS, "HTTP_PROXY": "http://localhost:1"}, "ALL_PROXY"),
        ("https://api.invalid/v1", {"all_proxy": SOCKS, "ALL_PROXY": "http://localhost:1"}, "all_proxy"),
    ],
)
def test_a_socks_proxy_is_refused_with_the_variable_to_change(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, url: str, environ: dict[str, str], named: str
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    error = ask(url).failure()
    assert type(error) is Unreachable
    assert str(error) == f"{named} names a SOCKS proxy, and only HTTP proxies can be used"
    assert error.advice == f"set {named} to an http:// proxy, or add the host of api.url to NO_PROXY"


@pytest.mark.parametrize("proxy", ["http://", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    error = ask("http://api.invalid/v1").failure()
    assert type(error) is Unreachable
    assert str(error) == "no connection to api.invalid:80: the proxy in http_proxy cannot be used"
