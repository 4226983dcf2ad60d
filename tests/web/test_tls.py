"""Laws of TLS: whom it lets in, and how a renewed certificate comes into use."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from exporter.web.asgi import App
from exporter.web.tls import CHECK_INTERVAL, ClientAuth, TlsError, TlsVersion, tls_context

Ask = Callable[..., tuple[int, http.client.HTTPMessage, bytes]]


class Hands:
    """A clock that moves when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Files:
    """A certificate and its key in a folder, two authorities to sign it, and a server that uses it."""

    folder: Path
    clock: Hands
    old: trustme.CA
    new: trustme.CA
    serve: Callable[[ssl.SSLContext], int]

    def write(self, authority: trustme.CA) -> None:
        leaf = authority.issue_cert("127.0.0.1")
        (self.folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(self.folder / "key.pem")

    def context(
        self,
        auth: ClientAuth = "NoClientCert",
        *,
        ca: Path | None = None,
        min_version: TlsVersion = "TLS12",
        max_version: TlsVersion = "TLS13",
    ) -> ssl.SSLContext:
        return tls_context(
            cert_file=self.folder / "cert.pem",
            key_file=self.folder / "key.pem",
            client_ca_file=ca,
            client_auth_type=auth,
            min_version=min_version,
            max_version=max_version,
            steady=self.clock,
        )


@pytest.fixture(scope="module")
def authorities() -> tuple[trustme.CA, trustme.CA]:
    return trustme.CA(), trustme.CA()


@pytest.fixture
def files(
    tmp_path: Path, authorities: tuple[trustme.CA, trustme.CA], serve: Callable[..., int], hello: App
) -> Files:
    files = Files(tmp_path, Hands(), *authorities, lambda context: serve(hello, tls=context))
    files.write(files.old)
    return files


def trusting(*authorities: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for authority in authorities:
        authority.configure_trust(context)
    return context


def test_a_client_that_trusts_the_authority_is_answered_over_tls(ask: Ask, files: Files) -> None:
    assert ask(files.serve(files.context()), tls=trusting(files.old))[2] == b"hello"


def test_versions_outside_the_bounds_are_refused(ask: Ask, files: Files) -> None:
    only = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
    for bound, allowed in (("min", "TLS13"), ("max", "TLS12")):
        context = files.context(min_version="TLS13") if bound == "min" else files.context(max_version="TLS12")
        port = files.serve(context)
        for name, version in only.items():
            client = trusting(files.old)
            client.minimum_version = client.maximum_version = version
            if name == allowed:
                assert ask(port, tls=client)[0] == 200
            else:
                with pytest.raises(ssl.SSLError):
                    ask(port, tls=client)


@pytest.mark.parametrize(
    ("auth", "with_none_own_foreign"),
    [
        ("VerifyClientCertIfGiven", [True, True, False]),
        ("RequireAndVerifyClientCert", [False, True, False]),
    ],
)
def test_clients_certificates_are_verified_as_asked(
    ask: Ask, files: Files, auth: ClientAuth, with_none_own_foreign: list[bool]
) -> None:
    ca = files.folder / "ca.pem"
    files.old.cert_pem.write_to_path(ca)
    port = files.serve(files.context(auth, ca=ca))

    def let_in(authority: trustme.CA | None) -> bool:
        client = trusting(files.old)
        if authority:
            authority.issue_cert("prometheus.example").configure_cert(client)
        try:
            return ask(port, tls=client)[0] == 200
        except (ssl.SSLError, ConnectionError):
            return False

    assert [let_in(None), let_in(files.old), let_in(files.new)] == with_none_own_foreign


def test_a_renewed_certificate_is_in_use_after_a_second_and_not_looked_for_before(
    ask: Ask, files: Files
) -> None:
    port = files.serve(files.context())
    files.write(files.new)
    assert ask(port, tls=trusting(files.old))[0] == 200
    files.clock.now = CHECK_INTERVAL
    assert ask(port, tls=trusting(files.new))[0] == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(port, tls=trusting(files.old))


def test_a_changed_authority_of_clients_is_in_use_after_a_second(ask: Ask, files: Files) -> None:
    ca = files.folder / "ca.pem"
    files.old.cert_pem.write_to_path(ca)
    port = files.serve(files.context("RequireAndVerifyClientCert", ca=ca))
    client = trusting(files.old)
    files.new.issue_cert("prometheus.example").configure_cert(client)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(port, tls=client)
    files.new.cert_pem.write_to_path(ca)
    files.clock.now = CHECK_INTERVAL
    assert ask(port, tls=client)[0] == 200


def assert_told_once(caplog: pytest.LogCaptureFixture) -> None:
    told = [vars(record) for record in caplog.records if record.getMessage() == "new certificate not used"]
    assert len(told) == 1
    assert "pem" in told[0]["fields"]["error"]


@pytest.mark.parametrize("broken", ["cert.pem", "key.pem"])
def test_a_renewal_gone_wrong_leaves_the_former_certificate_and_is_logged_once(
    ask: Ask,
    files: Files,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    port = files.serve(files.context())
    (files.folder / broken).write_text("half of a fil")
    for second in (1.0, 2.0, 3.0):
        files.clock.now = second
        assert ask(port, tls=trusting(files.old))[0] == 200
    assert_told_once(caplog)


def test_certificates_that_vanish_for_a_while_are_missed_once_and_then_used_again(
    ask: Ask,
    files: Files,
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = files.serve(files.context())
    (files.folder / "cert.pem").unlink()
    for second in (1.0, 2.0, 3.0):
        files.clock.now = second
        assert ask(port, tls=trusting(files.old))[0] == 200
    assert_told_once(caplog)
    files.write(files.new)
    files.clock.now = 4.0
    assert ask(port, tls=trusting(files.new))[0] == 200


def test_files_that_cannot_be_used_are_named_at_the_start(files: Files) -> None:
    key = files.folder / "key.pem"
    files.new.issue_cert("127.0.0.1").private_key_pem.write_to_path(key)
    with pytest.raises(TlsError, match="mismatch"):
        files.context()
    key.unlink()
    with pytest.raises(TlsError, match=r"key\.pem: no such file"):
        files.context()


def test_an_encrypted_key_is_refused_rather_than_asked_about(files: Files) -> None:
    key = files.folder / "key.pem"
    plain = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(TlsError, match="the key is encrypted"):
        files.context()
