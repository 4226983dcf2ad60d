"""Laws of TLS: which clients it lets in, and which files it refuses."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from exporter.handler import Handler
from exporter.web.tls import ClientAuth, TlsError, TlsVersion, tls_context

Ask = Callable[..., tuple[int, http.client.HTTPMessage, bytes]]


@dataclass
class Files:
    """A certificate and its key in a folder, two authorities to sign it, and a server that uses it."""

    folder: Path
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
        ciphers: Sequence[str] = (),
        prefers_own_ciphers: bool = True,
        curve: str | None = None,
    ) -> ssl.SSLContext:
        return tls_context(
            cert_file=self.folder / "cert.pem",
            key_file=self.folder / "key.pem",
            client_ca_file=ca,
            client_auth_type=auth,
            min_version=min_version,
            max_version=max_version,
            ciphers=ciphers,
            prefers_own_ciphers=prefers_own_ciphers,
            curve=curve,
        )


@pytest.fixture(scope="module")
def authorities() -> tuple[trustme.CA, trustme.CA]:
    return trustme.CA(), trustme.CA()


@pytest.fixture
def files(
    tmp_path: Path, authorities: tuple[trustme.CA, trustme.CA], serve: Callable[..., int], hello: Handler
) -> Files:
    files = Files(tmp_path, *authorities, lambda context: serve(hello, tls=context))
    files.write(files.old)
    return files


def trusting(*authorities: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for authority in authorities:
        authority.configure_trust(context)
    return context


def test_a_client_that_trusts_the_authority_gets_a_response(ask: Ask, files: Files) -> None:
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


GCM, CHACHA = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"


def agreed(files: Files, context: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """Return the cipher suite on which a client of TLS 1.2 and a server agree."""
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    address = ("127.0.0.1", files.serve(context))
    with (
        socket.create_connection(address, 30.0) as plain,
        client.wrap_socket(plain, server_hostname=address[0]) as wire,
    ):
        cipher = wire.cipher()
    assert cipher
    return cipher[0]


def test_only_the_chosen_ciphers_are_used_in_the_order_of_whom_it_is_left_to(files: Files) -> None:
    client = trusting(files.old)
    assert agreed(files, files.context(ciphers=[CHACHA]), client) == CHACHA
    client.set_ciphers(f"{GCM}:{CHACHA}")
    assert agreed(files, files.context(ciphers=[CHACHA, GCM]), client) == CHACHA
    assert agreed(files, files.context(ciphers=[CHACHA, GCM], prefers_own_ciphers=False), client) == GCM
    client.set_ciphers(GCM)
    with pytest.raises(ssl.SSLError):
        agreed(files, files.context(ciphers=[CHACHA]), client)


@pytest.mark.parametrize("curve", ["X25519", "prime256v1", "secp384r1", "secp521r1"])
def test_only_the_chosen_curve_is_used(ask: Ask, files: Files, curve: str) -> None:
    client = trusting(files.old)
    client.set_ecdh_curve(curve)
    assert ask(files.serve(files.context(curve=curve)), tls=client)[0] == 200
    other = "secp384r1" if curve != "secp384r1" else "secp521r1"
    with pytest.raises(ssl.SSLError):
        ask(files.serve(files.context(curve=other)), tls=client)


@pytest.mark.parametrize(
    ("auth", "with_none_own_foreign"),
    [
        ("VerifyClientCertIfGiven", [True, True, False]),
        ("RequireAndVerifyClientCert", [False, True, False]),
    ],
)
def test_client_certificates_are_verified_as_configured(
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


def test_no_session_is_resumed_if_clients_need_certificates(files: Files) -> None:
    ca = files.folder / "ca.pem"
    files.old.cert_pem.write_to_path(ca)
    context = files.context("RequireAndVerifyClientCert", ca=ca)
    assert context.num_tickets == 0
    assert context.options & ssl.OP_NO_TICKET
    assert files.context().num_tickets > 0


def test_unusable_files_are_refused_by_name(files: Files) -> None:
    key = files.folder / "key.pem"
    files.new.issue_cert("127.0.0.1").private_key_pem.write_to_path(key)
    with pytest.raises(TlsError, match="the key is not that of the certificate"):
        files.context()
    key.unlink()
    with pytest.raises(TlsError, match=r"key\.pem: no such file"):
        files.context()


@pytest.mark.parametrize(
    ("file", "missing"),
    [("cert.pem", "certificate"), ("key.pem", "private key"), ("ca.pem", "certificate")],
)
def test_a_file_without_what_it_should_have_is_named(files: Files, file: str, missing: str) -> None:
    files.old.cert_pem.write_to_path(files.folder / "ca.pem")
    (files.folder / file).write_text("nothing in PEM\n")
    with pytest.raises(TlsError, match=f"no {missing} in PEM in .*/{file} "):
        files.context("RequireAndVerifyClientCert", ca=files.folder / "ca.pem")


def test_an_encrypted_key_is_refused(files: Files) -> None:
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
