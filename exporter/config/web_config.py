"""Reads the web configuration file: TLS, passwords, headers, in the format of Prometheus's exporter-toolkit.

Its keys mean what they mean there (https://github.com/prometheus/exporter-toolkit, web-configuration).
A key we do not know is refused rather than passed over, since each of them guards something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, Literal, TypeVar

from exporter.config import nodes, source
from exporter.config.kinds import Schema, Section, Words, mismatch, optional, required
from exporter.config.nodes import Node, Scalar, below
from exporter.config.notes import Given, Notes
from exporter.config.words import FILE, choice
from exporter.errors import ConfigError

T = TypeVar("T")

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
CLIENT_AUTH: Final[tuple[ClientAuth, ...]] = (
    "NoClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
)

TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
TLS_VERSIONS: Final[tuple[TlsVersion, ...]] = ("TLS10", "TLS11", "TLS12", "TLS13")

_UNVERIFIED: Final = ("RequestClientCert", "RequireAnyClientCert")
_HEADERS: Final = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
_BCRYPT: Final = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-9]|2[0-9]|3[01])\$[./A-Za-z0-9]{53}")


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """Which certificate to show, and which ones to ask clients for."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    client_auth_type: ClientAuth = "NoClientCert"
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How the web server is guarded. `users` are names and bcrypt hashes, `headers` go on every answer."""

    tls: TlsConfig | None = None
    users: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Table(Generic[T]):
    """A mapping whose keys and values are both texts in a small language."""

    name: Words[str]
    value: Words[T]
    expected: str

    def read(self, node: Node, path: str, notes: Notes) -> Given[tuple[tuple[str, T], ...]] | None:
        if not isinstance(node, nodes.Mapping):
            mismatch(node, path, self.expected, notes)
            return None
        rows: list[tuple[str, T]] = []
        for entry in node.entries:
            here = below(path, entry.key)
            name = self.name.read(Scalar(entry.key_place, entry.key), here, notes)
            value = self.value.read(entry.value, here, notes)
            if name and value:
                rows.append((name.value, value.value))
        return Given(tuple(rows), node.place, path)

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": self.name.schema(),
            "additionalProperties": self.value.schema(),
        }


@dataclass(frozen=True, slots=True)
class _Switch:
    """True or false."""

    expected: str = "true or false"

    def read(self, node: Node, path: str, notes: Notes) -> Given[bool] | None:
        match node:
            case Scalar(place, bool() as value):
                return Given(value, place, path)
            case _:
                mismatch(node, path, self.expected, notes)
                return None

    def schema(self) -> Schema:
        return {"type": "boolean"}


def _header_value(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("not the value of a header (write printable ASCII)")
    return text.strip()


def _user(text: str) -> str:
    if not text or ":" in text or not text.isprintable():
        raise ValueError("not the name of a user (write one without a colon)")
    return text


def _hash(text: str) -> bytes:
    if not _BCRYPT.fullmatch(text):
        # Never repeated: it may be the password itself.
        raise ValueError('not a bcrypt hash (make one with `htpasswd -nBC 10 ""`)')
    return text.encode("ascii")


_CLIENT_AUTH: Final = choice(CLIENT_AUTH)


def _client_auth(text: str) -> ClientAuth:
    if text in _UNVERIFIED:
        raise ValueError(
            f'"{text}" would take any certificate unverified, which this exporter does not '
            "(write RequireAndVerifyClientCert)"
        )
    return _CLIENT_AUTH.parse(text)


@dataclass(frozen=True, slots=True)
class _Tls:
    cert_file: Given[Path] = required(FILE, "The certificate, with its chain, in PEM.", blank=Path())
    key_file: Given[Path] = required(FILE, "The certificate's private key, in PEM.", blank=Path())
    client_ca_file: Given[Path] | None = optional(FILE, "The authorities that sign clients' certificates.")
    client_auth_type: Given[ClientAuth] | None = optional(
        Words(_CLIENT_AUTH.expected, _client_auth, details=_CLIENT_AUTH.details),
        "Whether a client must show a certificate.",
        default="NoClientCert",
    )
    min_version: Given[TlsVersion] | None = optional(
        choice(TLS_VERSIONS), "The oldest TLS taken.", default="TLS12"
    )
    max_version: Given[TlsVersion] | None = optional(
        choice(TLS_VERSIONS), "The newest TLS offered.", default="TLS13"
    )


@dataclass(frozen=True, slots=True)
class _Http:
    http2: Given[bool] | None = optional(
        _Switch(), "Taken for the sake of shared files: this exporter speaks HTTP/1.1 either way."
    )
    headers: Given[tuple[tuple[str, str], ...]] | None = optional(
        _Table(
            choice(_HEADERS),
            Words("the value of a header", _header_value),
            "a mapping of headers to their values",
        ),
        "Headers put on every answer.",
    )


@dataclass(frozen=True, slots=True)
class _File:
    tls_server_config: Given[_Tls] | None = optional(
        Section(_Tls, "a mapping with cert_file and key_file"), "Serve HTTPS instead of HTTP."
    )
    http_server_config: Given[_Http] | None = optional(
        Section(_Http, "a mapping with headers"), "What goes on every answer."
    )
    basic_auth_users: Given[tuple[tuple[str, bytes], ...]] | None = optional(
        _Table(
            Words("the name of a user", _user),
            Words("a bcrypt hash", _hash, details={"pattern": f"^{_BCRYPT.pattern}$"}),
            "a mapping of users to bcrypt hashes",
        ),
        "Users and the bcrypt hashes of their passwords; none means no password is asked.",
    )


FORMAT: Final = Section(_File, "a mapping with tls_server_config, http_server_config or basic_auth_users")


def load(path: Path) -> WebConfig:
    """Return what a web configuration file asks for, or raise ConfigError with every problem in it.

    Paths in the file are relative to its folder. An empty file asks for nothing.
    """
    document = source.compose(source.content(path), str(path))
    notes = Notes(document.problems)
    root = document.root
    if isinstance(root, Scalar) and root.value is None:
        root = nodes.Mapping(root.place, ())
    given = FORMAT.read(root, "", notes)
    config = _config(given.value, path.parent, notes) if given else WebConfig()
    if problems := notes.of("error"):
        raise ConfigError(problems)
    return config


def _config(file: _File, folder: Path, notes: Notes) -> WebConfig:
    tls, http, users = file.tls_server_config, file.http_server_config, file.basic_auth_users
    return WebConfig(
        tls=_tls(tls, folder, notes) if tls else None,
        users=users.value if users else (),
        headers=http.value.headers.value if http and http.value.headers else (),
    )


def _tls(given: Given[_Tls], folder: Path, notes: Notes) -> TlsConfig:
    tls = given.value
    ca, auth = tls.client_ca_file, tls.client_auth_type
    least: TlsVersion = tls.min_version.value if tls.min_version else "TLS12"
    most: TlsVersion = tls.max_version.value if tls.max_version else "TLS13"
    if least > most:
        place = tls.min_version or tls.max_version or given
        notes.error(place.place, place.path, f"{least} is newer than max_version", f"write at most {most}")
    if auth and auth.value != "NoClientCert" and not ca:
        notes.error(auth.place, auth.path, "nothing to verify clients with", "name a client_ca_file")
    if ca and (not auth or auth.value == "NoClientCert"):
        advice = "add client_auth_type: RequireAndVerifyClientCert"
        notes.error(ca.place, ca.path, "no client is asked for a certificate", advice)
    return TlsConfig(
        cert_file=folder / tls.cert_file.value,
        key_file=folder / tls.key_file.value,
        client_ca_file=folder / ca.value if ca else None,
        client_auth_type=auth.value if auth else "NoClientCert",
        min_version=least,
        max_version=most,
    )
