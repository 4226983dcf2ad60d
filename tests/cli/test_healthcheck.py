"""Laws of `healthcheck`: 0 for a healthy daemon, 1 for every other answer and for none."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import trustme

from exporter.handler import Handler, Request, Response, text
from exporter.web.server import Server, listen
from tests.server import Server as PlainServer

Typed = Callable[..., CompletedProcess[str]]


def health(status: int, line: str) -> Handler:
    async def answer(request: Request) -> Response:
        return text(status, line) if request.path == "/-/healthy" else text(404)

    return answer


@pytest.fixture
def daemon() -> Iterator[Callable[..., str]]:
    """Serve an answer at /-/healthy; yields the address."""
    with ExitStack() as stack:

        def start(
            status: int, line: str, *, at: str = "127.0.0.1:0", tls: ssl.SSLContext | None = None
        ) -> str:
            listener = listen(at)
            server = Server(
                health(status, line), [listener], name="daemon", tls=(lambda: tls) if tls else None
            )
            server.start()
            stack.callback(server.stop, 2.0)
            return f"{at.rpartition(':')[0]}:{listener.getsockname()[1]}"

        yield start


@pytest.mark.parametrize("at", ["127.0.0.1:0", "localhost:0", ":0", "0.0.0.0:0"])
def test_a_healthy_daemon_is_found_at_its_address(typed: Typed, daemon: Callable[..., str], at: str) -> None:
    done = typed("healthcheck", "--web.listen-address", daemon(200, "healthy", at=at))
    assert (done.returncode, done.stdout, done.stderr) == (0, "healthy\n", "")


def test_the_first_of_several_addresses_is_checked(
    typed: Typed, daemon: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATIVECHAT_EXPORTER_WEB_LISTEN_ADDRESS", f"{daemon(200, 'healthy')} 127.0.0.1:1")
    assert typed("healthcheck").returncode == 0


def test_an_unhealthy_daemon_says_why(typed: Typed, daemon: Callable[..., str]) -> None:
    done = typed("healthcheck", "--web.listen-address", daemon(503, "the scheduler has made no progress"))
    assert (done.returncode, done.stdout) == (1, "the scheduler has made no progress\n")


def test_no_answer_is_reported_with_advice(typed: Typed) -> None:
    listener = listen("127.0.0.1:0")
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    done = typed("healthcheck", "--web.listen-address", address)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{address}: no answer: connection refused "
        "(does the daemon listen there? if it serves TLS, name its --web.config.file)\n"
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b"])
def test_a_name_that_no_host_has_is_reported(typed: Typed, host: str) -> None:
    done = typed("healthcheck", "--web.listen-address", f"{host}:80")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{host}:80: no answer: ")


@pytest.mark.parametrize("address", ["localhost", ":99999", "[::1"])
def test_an_address_that_run_refuses_is_wrong_usage(typed: Typed, address: str) -> None:
    done = typed("healthcheck", "--web.listen-address", address)
    assert done.returncode == 2
    assert f"{address!r} is not an address to listen on (write :10054" in done.stderr


@pytest.fixture
def web_config(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A web configuration with TLS, and the TLS context of its server."""
    certificate = trustme.CA().issue_cert("metrics.example.org")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    path = tmp_path / "web.yaml"
    path.write_text("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n", "utf-8")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return path, context


def test_a_daemon_with_tls_is_checked_over_tls(
    typed: Typed, daemon: Callable[..., str], web_config: tuple[Path, ssl.SSLContext]
) -> None:
    path, tls = web_config
    address = daemon(200, "healthy", tls=tls)
    assert typed("healthcheck", "--web.listen-address", address, "--web.config.file", path).returncode == 0
    plain = typed("healthcheck", "--web.listen-address", address)
    assert plain.returncode == 1
    assert plain.stderr.startswith(f"{address}: no answer: ")
    assert "if it serves TLS, name its --web.config.file" in plain.stderr


def test_a_daemon_without_the_tls_of_the_configuration_is_not_said_to_be_absent(
    typed: Typed, web_config: tuple[Path, ssl.SSLContext]
) -> None:
    with PlainServer(greeting=lambda wire: wire.answer(b"", 400)) as plain:
        address = f"127.0.0.1:{plain.port}"
        done = typed("healthcheck", "--web.listen-address", address, "--web.config.file", web_config[0])
    assert done.returncode == 1
    assert done.stderr.endswith("(does the daemon listen there, and use this --web.config.file?)\n")


def test_a_web_configuration_without_tls_is_checked_over_plain_http(
    typed: Typed, daemon: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "web.yaml"
    path.write_text("basic_auth_users: {}\n", "utf-8")
    address = daemon(200, "healthy")
    assert typed("healthcheck", "--web.listen-address", address, "--web.config.file", path).returncode == 0


@pytest.mark.parametrize("signed_its_own", [True, False])
def test_a_daemon_with_mutual_tls_gets_its_own_certificate(
    typed: Typed, daemon: Callable[..., str], web_config: tuple[Path, ssl.SSLContext], signed_its_own: bool
) -> None:
    path, _ = web_config
    ours = trustme.CA()
    certificate = ours.issue_cert("metrics.example.org")
    certificate.private_key_pem.write_to_path(str(path.parent / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(path.parent / "cert.pem"))
    clients = ours if signed_its_own else trustme.CA()
    clients.cert_pem.write_to_path(str(path.parent / "clients.pem"))
    path.write_text(
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_ca_file: clients.pem, "
        "client_auth_type: RequireAndVerifyClientCert}\n",
        "utf-8",
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    clients.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    address = daemon(200, "healthy", tls=tls)
    done = typed("healthcheck", "--web.listen-address", address, "--web.config.file", path)
    assert done.returncode == (0 if signed_its_own else 1)
    assert ("has client_ca_file signed it?" in done.stderr) is not signed_its_own
