"""Laws of the web configuration file: keys mean what they mean to exporter-toolkit."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from exporter.config import source, web_config
from exporter.config.web_config import TlsConfig, WebConfig
from exporter.errors import ConfigError

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

WHOLE = f"""\
tls_server_config:
  cert_file: tls/cert.pem
  key_file: /etc/tls/key.pem
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  min_version: TLS13
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP384]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: SAMEORIGIN
basic_auth_users:
  prometheus: {HASH}
  "bärbel": {HASH}
"""

TLS = "tls_server_config: {{cert_file: c, key_file: k, {}}}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.yaml"


def problems(file: Path, text: str) -> list[str]:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        web_config.load(file)
    return [str(problem).removeprefix(f"{file}:") for problem in refused.value.problems]


def test_every_key_is_read_and_paths_are_relative_to_the_folder(file: Path) -> None:
    file.write_text(WHOLE, encoding="utf-8")
    assert web_config.load(file) == WebConfig(
        tls=TlsConfig(
            cert_file=file.parent / "tls/cert.pem",
            key_file=Path("/etc/tls/key.pem"),
            client_ca_file=file.parent / "ca.pem",
            client_auth_type="RequireAndVerifyClientCert",
            min_version="TLS13",
            max_version="TLS13",
            ciphers=("ECDHE-RSA-CHACHA20-POLY1305",),
            prefers_own_ciphers=False,
            curve="secp384r1",
        ),
        users=(("prometheus", HASH.encode()), ("bärbel", HASH.encode())),
        headers=(("Strict-Transport-Security", "max-age=31536000"), ("X-Frame-Options", "SAMEORIGIN")),
    )


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}", "---\n"])
def test_an_empty_file_sets_nothing(file: Path, text: str) -> None:
    file.write_text(text)
    assert web_config.load(file) == WebConfig()


def test_missing_keys_have_the_defaults_of_the_toolkit(file: Path) -> None:
    file.write_text("tls_server_config: {cert_file: c.pem, key_file: k.pem}")
    tls = web_config.load(file).tls
    assert tls == TlsConfig(file.parent / "c.pem", file.parent / "k.pem")
    assert (tls.client_auth_type, tls.min_version, tls.max_version) == ("NoClientCert", "TLS12", "TLS13")


def test_suites_of_tls_1_3_alone_are_right_if_older_versions_are_off(file: Path) -> None:
    file.write_text(TLS.format("min_version: TLS13, cipher_suites: [TLS_AES_128_GCM_SHA256]"))
    tls = web_config.load(file).tls
    assert tls
    assert tls.ciphers == ()


def test_white_space_around_a_header_s_value_is_removed(file: Path) -> None:
    file.write_text('http_server_config: {headers: {X-Frame-Options: " DENY "}}')
    assert web_config.load(file).headers == (("X-Frame-Options", "DENY"),)


def test_the_repr_of_a_configuration_has_no_hashes(file: Path) -> None:
    file.write_text(WHOLE, encoding="utf-8")
    assert "$2y$" not in repr(web_config.load(file))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tls_config: {}", '1:1: tls_config: unknown key (did you mean "tls_server_config"?)'),
        (
            TLS.format("cipher_suites: [ECDHE-RSA-AES128-SHA]"),
            '"ECDHE-RSA-AES128-SHA" is none of TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ',
        ),
        (TLS.format("cipher_suites: [TLS_AES_128_GCM_SHA256]"), "cipher_suites: no suite of TLS 1.2 (add"),
        (TLS.format("prefer_server_cipher_suites: maybe"), "expected true or false, found text"),
        (
            TLS.format("curve_preferences: [X25519, CurveP256]"),
            "curve_preferences: this exporter can use one curve only (write one, or remove the key)",
        ),
        (
            TLS.format("client_allowed_sans: [a]"),
            "client_allowed_sans: not supported by this exporter (remove it, and let client_ca_file be",
        ),
        (TLS.format("client_ca: PEM"), "client_ca: not supported by this exporter (write the authorities"),
        ("rate_limit: {interval: 1s, burst: 3}", "rate_limit: not supported by this exporter (remove it"),
        ("tls_server_config: {cert_file: c}", "1:20: tls_server_config.key_file: missing"),
        ("tls_server_config: true", "expected a mapping with cert_file and key_file, found true or false"),
        (TLS.format("min_version: TLS1.2"), '"TLS1.2" is none of TLS10, TLS11, TLS12, TLS13'),
        (
            TLS.format("min_version: TLS13, max_version: TLS12"),
            "min_version: TLS13 is newer than max_version",
        ),
        (TLS.format("max_version: TLS11"), "max_version: TLS12 is newer than max_version"),
        (TLS.format("client_auth_type: RequestClientCert"), "would accept certificates without"),
        (
            TLS.format("client_auth_type: RequireAnyClientCert"),
            "would accept certificates without",
        ),
        (TLS.format("client_auth_type: Always"), "Always"),
        (
            TLS.format("client_auth_type: VerifyClientCertIfGiven"),
            "no authority to verify clients",
        ),
        (TLS.format("client_ca_file: ca.pem"), "clients are not asked for a certificate"),
        ("http_server_config: {http2: maybe}", "http2: expected true or false, found text"),
        ("http_server_config: {headers: []}", "expected a mapping of headers to their values, found a list"),
        ("http_server_config: {headers: {Server: x}}", "headers.Server"),
        ('http_server_config: {headers: {X-Frame-Options: "a\\r\\nb"}}', "not the value of a header"),
        ("basic_auth_users: [a]", "expected a mapping of users to bcrypt hashes, found a list"),
        (f"basic_auth_users: {{'a:b': {HASH}}}", "not a user name"),
        (f"basic_auth_users: {{'': {HASH}}}", "not a user name"),
        (
            "basic_auth_users: {me: secret}",
            "1:24: basic_auth_users.me: not a bcrypt hash (make one with `htpasswd",
        ),
        ("basic_auth_users: {me: 12}", "expected a bcrypt hash, found a number"),
        (
            f"basic_auth_users: {{me: {HASH[:4]}15{HASH[6:]}}}",
            "me: a bcrypt cost of 15 takes more than a second for each password, right or wrong (use",
        ),
        ("[]", "found a list"),
        ("a: [", "not YAML"),
    ],
)
def test_each_error_has_its_place(file: Path, text: str, problem: str) -> None:
    (told,) = problems(file, text)
    assert problem in told


def test_all_errors_are_reported_at_once(file: Path) -> None:
    text = "tls_server_config: {cert_file: c}\nbasic_auth_users: {me: x}\nnope: 1\n"
    assert [told.split(":")[0] for told in problems(file, text)] == ["1", "2", "3"]


def test_no_error_repeats_what_may_be_a_password(file: Path) -> None:
    assert "hunter2" not in "".join(problems(file, "basic_auth_users: {me: hunter2}"))


def test_a_missing_file_is_an_error(file: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: no such file"):
        web_config.load(file)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (WHOLE, True),
        ("http_server_config: {http2: 1}", False),
        ("basic_auth_users: {me: secret}", False),
        ("http_server_config: {headers: {Server: x}}", False),
        ("tls_server_config: {cert_file: c}", False),
        (TLS.format("client_allowed_sans: [a]"), False),
        (TLS.format("curve_preferences: [P-256]"), False),
    ],
)
def test_the_schema_of_the_format_agrees_with_its_reader(file: Path, text: str, valid: bool) -> None:
    written, _ = source.compose(text.encode(), "web.yaml")
    assert Draft202012Validator(web_config.FORMAT.schema).is_valid(written) is valid
    file.write_text(text, encoding="utf-8")
    try:
        web_config.load(file)
    except ConfigError:
        assert not valid
