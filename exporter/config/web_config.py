"""Reads the web configuration file: TLS, passwords, headers, in the format of Prometheus's exporter-toolkit.

Its keys mean what they mean there (https://github.com/prometheus/exporter-toolkit, web-configuration).
A key that is unknown, or that Python's TLS cannot honour, is refused, not ignored: each of them guards
something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from exporter.config import source
from exporter.config.kinds import Key, Kind, Values, choice, list_of, mismatch, one_of, section, table, text
from exporter.config.report import Report
from exporter.config.words import FILE
from exporter.errors import ConfigError
from exporter.language import tree
from exporter.model import Json

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
CLIENT_AUTH: Final[tuple[ClientAuth, ...]] = (
    "NoClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
)

TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
TLS_VERSIONS: Final[tuple[TlsVersion, ...]] = ("TLS10", "TLS11", "TLS12", "TLS13")

_SUITES_OF_TLS13: Final = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
"""Neither Go nor Python's ssl can switch these off."""

_SUITES_OF_TLS12: Final = {
    f"TLS_ECDHE_{key}_WITH_{go}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for go, openssl in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
    )
}
"""The suites that Go counts as secure, and OpenSSL's names of them."""

_CURVES: Final = {
    "X25519": "X25519",
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
}
"""Go's and OpenSSL's names of the curves."""

_UNVERIFIED: Final = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
_HEADERS: Final = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
_BCRYPT: Final = r"\$2[aby]\$(?:0[4-9]|1[0-9]|2[0-9]|3[01])\$[./A-Za-z0-9]{53}"

MOST_COST: Final = 14
"""The highest allowed cost of a bcrypt hash: each further step doubles the time."""


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """The server's certificate, and the certificates that clients must show.

    `ciphers`, of TLS 1.2, and `curve` have OpenSSL's names. Without them, its defaults apply.
    """

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    client_auth_type: ClientAuth = "NoClientCert"
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"
    ciphers: tuple[str, ...] = ()
    prefers_own_ciphers: bool = True
    curve: str | None = None


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How the web server is protected: `users` with their bcrypt hashes, `headers` of every response."""

    tls: TlsConfig | None = None
    users: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = ()


def _header_value(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("not the value of a header (write printable ASCII)")
    return text.strip()


def _check_user(text: str) -> None:
    if not text or ":" in text or not text.isprintable():
        raise ValueError("not a user name (write one without a colon)")


def _hash(text: str) -> bytes:
    if not re.fullmatch(_BCRYPT, text):
        # Never repeated: it may be the password itself.
        raise ValueError('not a bcrypt hash (make one with `htpasswd -nBC 10 "" | tr -d ":\\n"`)')
    if int(text[4:6]) > MOST_COST:
        raise ValueError(
            f"a bcrypt cost of {int(text[4:6])} takes more than a second for each password, right or wrong "
            f'(use at most {MOST_COST}, as `htpasswd -nBC 10 ""` does)'
        )
    return text.encode("ascii")


def _client_auth(text: str) -> str:
    if text in _UNVERIFIED:
        raise ValueError(
            f'"{text}" would accept certificates without verification, which this exporter refuses '
            "(write RequireAndVerifyClientCert)"
        )
    return one_of(CLIENT_AUTH)(text)


def _read_switch(data: Json, path: tree.Path, report: Report) -> bool | None:
    if isinstance(data, bool):
        return data
    mismatch(data, path, "true or false", report)
    return None


_SWITCH: Final = Kind("true or false", _read_switch, {"type": "boolean"})


def _unsupported(advice: str) -> Key:
    """Describe a key of the toolkit that is refused here."""

    def read(_data: Json, path: tree.Path, report: Report) -> None:
        report.error(path, "not supported by this exporter", advice, at_key=True)

    return Key(Kind("nothing", read, {"not": {}}), "Not supported.")


_TLS: Final = section(
    "a mapping with cert_file and key_file",
    {
        "cert_file": Key(FILE, "The certificate, with its chain, in PEM.", required=True),
        "key_file": Key(FILE, "The certificate's private key, in PEM.", required=True),
        "client_ca_file": Key(FILE, "The authorities that sign clients' certificates."),
        "client_auth_type": Key(
            text(f"one of {', '.join(CLIENT_AUTH)}", _client_auth, enum=list(CLIENT_AUTH)),
            "Whether a client must show a certificate.",
            "NoClientCert",
        ),
        "min_version": Key(choice(TLS_VERSIONS), "The oldest TLS that is accepted.", "TLS12"),
        "max_version": Key(choice(TLS_VERSIONS), "The newest TLS that is offered.", "TLS13"),
        "cipher_suites": Key(
            list_of(choice((*_SUITES_OF_TLS12, *_SUITES_OF_TLS13)), "one or more cipher suites"),
            "The cipher suites of TLS 1.2, by Go's names.",
        ),
        "prefer_server_cipher_suites": Key(
            _SWITCH, "Whether the order of cipher_suites counts, not the client's.", default=True
        ),
        "curve_preferences": Key(
            list_of(choice(tuple(_CURVES)), "the name of a curve"), "The curve of the key exchange."
        ),
        "client_allowed_sans": _unsupported(
            "remove it, and let client_ca_file be an authority that signs only for the allowed clients"
        ),
        "cert": _unsupported("write the certificate to a file, and name it in cert_file"),
        "key": _unsupported("write the key to a file, and name it in key_file"),
        "client_ca": _unsupported("write the authorities to a file, and name it in client_ca_file"),
    },
)

_HTTP: Final = section(
    "a mapping with headers",
    {
        "http2": Key(
            _SWITCH,
            "Allowed because other exporters share the file; this exporter uses HTTP/1.1 only.",
        ),
        "headers": Key(
            table(
                "a mapping of headers to their values",
                one_of(_HEADERS),
                {"enum": list(_HEADERS)},
                text("the value of a header", _header_value),
            ),
            "Headers of every response.",
        ),
    },
)

FORMAT: Final = section(
    "a mapping with tls_server_config, http_server_config or basic_auth_users",
    {
        "tls_server_config": Key(_TLS, "Serve HTTPS instead of HTTP."),
        "http_server_config": Key(_HTTP, "Headers of every response."),
        "basic_auth_users": Key(
            table(
                "a mapping of users to bcrypt hashes",
                _check_user,
                {},
                text("a bcrypt hash", _hash, pattern=f"^{_BCRYPT}$"),
            ),
            "Users and the bcrypt hashes of their passwords; without users no password is needed.",
        ),
        "rate_limit": _unsupported("remove it, and limit requests in a proxy"),
    },
)


def load(path: Path) -> WebConfig:
    """Return the settings of a web configuration file, or raise ConfigError with every problem in it.

    Paths in the file are relative to its folder. An empty file sets nothing.
    """
    data, report = source.compose(source.content(path), str(path))
    values: Values = FORMAT.read({} if data is None else data, (), report) or {}
    _check_tls(values.get("tls_server_config", {}), report)
    if problems := report.of("error"):
        raise ConfigError(problems)
    tls = values.get("tls_server_config")
    return WebConfig(
        tls=tls and TlsConfig(**_complete(tls, path.parent)),
        users=tuple(values.get("basic_auth_users", {}).items()),
        headers=tuple(values.get("http_server_config", {}).get("headers", {}).items()),
    )


def _complete(tls: Values, folder: Path) -> Values:
    suites, curves = tls.pop("cipher_suites", ()), tls.pop("curve_preferences", ())
    return {
        "ciphers": tuple(_SUITES_OF_TLS12[suite] for suite in suites if suite in _SUITES_OF_TLS12),
        "prefers_own_ciphers": tls.pop("prefer_server_cipher_suites", True),
        "curve": next((_CURVES[curve] for curve in curves), None),
        **{key: folder / value if isinstance(value, Path) else value for key, value in tls.items()},
    }


def _check_tls(tls: Values, report: Report) -> None:
    path = ("tls_server_config",)
    least, most = tls.get("min_version", "TLS12"), tls.get("max_version", "TLS13")
    asked = tls.get("client_auth_type", "NoClientCert") != "NoClientCert"
    if least > most:
        key = "min_version" if "min_version" in tls else "max_version"
        report.error((*path, key), f"{least} is newer than max_version", f"write at most {most}")
    suites = set(tls.get("cipher_suites", ()))
    if suites and suites <= set(_SUITES_OF_TLS13) and least != "TLS13":
        report.error((*path, "cipher_suites"), "no suite of TLS 1.2", "add one, or write min_version: TLS13")
    if len(tls.get("curve_preferences", ())) > 1:
        what = "this exporter can use one curve only"
        report.error((*path, "curve_preferences"), what, "write one, or remove the key")
    if asked and "client_ca_file" not in tls:
        what = "no authority to verify clients' certificates with"
        report.error((*path, "client_auth_type"), what, "add a client_ca_file")
    if "client_ca_file" in tls and not asked:
        advice = "add client_auth_type: RequireAndVerifyClientCert"
        report.error((*path, "client_ca_file"), "clients are not asked for a certificate", advice)
