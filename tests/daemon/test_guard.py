"""Laws of the web configuration while it is in use: changed files are applied if they are valid."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import trustme

from exporter.daemon.guard import CHECK_INTERVAL, FollowedGuard
from exporter.errors import ConfigError
from exporter.web.tls import TlsError

Events = Callable[[], list[dict[str, object]]]

OLD, NEW = (bcrypt.hashpw(password, bcrypt.gensalt(4)).decode() for password in (b"one", b"two"))
TLS = {"cert_file": "both.pem", "key_file": "both.pem"}
MUTUAL = TLS | {"client_ca_file": "ca.pem", "client_auth_type": "RequireAndVerifyClientCert"}


class Site:
    """A web configuration and its certificates, and a clock for the guard that follows them."""

    def __init__(self, folder: Path, clock: Any) -> None:
        self.folder = folder
        self.clock = clock
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "ca.pem")
        self.certify()

    def certify(self) -> None:
        both = self.authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem
        (self.folder / "both.pem").unlink(missing_ok=True)  # writing to a pipe would wait for its reader
        both.write_to_path(self.folder / "both.pem")

    def write(self, **content: object) -> None:
        (self.folder / "web.yaml").write_text(json.dumps(content), "utf-8")

    def guard(self, **content: object) -> FollowedGuard:
        self.write(**content)
        return FollowedGuard(self.folder / "web.yaml", self.clock)

    def later(self) -> None:
        self.clock.now += CHECK_INTERVAL


@pytest.fixture
def site(tmp_path: Path, clock: Any) -> Site:
    return Site(tmp_path, clock)


def authorities(context: ssl.SSLContext) -> int:
    return len(context.get_ca_certs())


def test_changed_users_and_headers_are_in_use_after_a_second_and_not_before(
    site: Site, events: Events
) -> None:
    guard = site.guard(basic_auth_users={"me": OLD})
    assert guard().users == {"me": OLD.encode()}
    site.write(basic_auth_users={"you": NEW}, http_server_config={"headers": {"X-Frame-Options": "DENY"}})
    assert guard().users == {"me": OLD.encode()}
    site.later()
    assert guard().users == {"you": NEW.encode()}
    assert guard().headers == (("X-Frame-Options", "DENY"),)
    assert [line["msg"] for line in events()] == ["web configuration in use"]


def test_without_a_change_the_same_objects_are_returned(site: Site, events: Events) -> None:
    guard = site.guard(basic_auth_users={"me": OLD}, tls_server_config=TLS)
    before = guard(), guard.tls()
    site.later()
    assert (guard(), guard.tls()) == before
    assert guard() is before[0]
    assert events() == []


def test_a_renewed_certificate_is_in_use_after_a_second(site: Site) -> None:
    guard = site.guard(tls_server_config=TLS)
    before = guard.tls()
    site.certify()
    assert guard.tls() is before
    site.later()
    assert guard.tls() is not before


def test_a_changed_client_authority_is_in_use_after_a_second(site: Site) -> None:
    guard = site.guard(tls_server_config=MUTUAL)
    assert authorities(guard.tls()) == 1
    another = trustme.CA().cert_pem.bytes()
    (site.folder / "ca.pem").write_bytes((site.folder / "ca.pem").read_bytes() + another)
    site.later()
    assert authorities(guard.tls()) == 2


def test_cipher_suites_are_those_of_the_file(site: Site) -> None:
    suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    chosen = {"cipher_suites": [suite], "prefer_server_cipher_suites": False, "curve_preferences": ["X25519"]}
    context = site.guard(tls_server_config=TLS | chosen).tls()
    names = [cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"]
    assert names == ["ECDHE-ECDSA-AES256-GCM-SHA384"]
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_files_that_a_changed_configuration_names_are_followed(site: Site) -> None:
    guard = site.guard(tls_server_config=TLS)
    site.write(tls_server_config=MUTUAL)
    site.later()
    before = guard.tls()
    assert before.verify_mode is ssl.CERT_REQUIRED
    (site.folder / "ca.pem").write_bytes(trustme.CA().cert_pem.bytes())
    site.later()
    assert guard.tls() is not before


def spoil(site: Site) -> None:
    (site.folder / "both.pem").write_text("half of a fil")


def remove(site: Site) -> None:
    (site.folder / "both.pem").unlink()


def misspell(site: Site) -> None:
    site.write(tls_servr_config=TLS)


def replace_by_pipe(site: Site) -> None:
    remove(site)
    os.mkfifo(site.folder / "both.pem")


def leave_tls(site: Site) -> None:
    site.write(basic_auth_users={"me": OLD})


@pytest.mark.parametrize("break_it", [spoil, remove, replace_by_pipe, misspell, leave_tls])
def test_an_invalid_change_leaves_the_old_settings_and_is_logged_once(
    site: Site, events: Events, break_it: Callable[[Site], None]
) -> None:
    guard = site.guard(tls_server_config=TLS)
    before = guard.tls()
    break_it(site)
    for _ in range(3):
        site.later()
        assert guard.tls() is before
    assert [line["msg"] for line in events()] == ["web configuration refused, the old one stays"]
    site.write(tls_server_config=TLS)
    site.certify()
    site.later()
    assert guard.tls() is not before
    assert [line["msg"] for line in events()] == ["web configuration in use"]


def test_a_certificate_that_comes_after_the_file_that_names_it_is_in_use_once_it_is_there(
    site: Site, events: Events
) -> None:
    guard = site.guard(tls_server_config=TLS)
    before = guard.tls()
    site.write(tls_server_config={"cert_file": "new.pem", "key_file": "new.pem"})
    site.later()
    assert guard.tls() is before
    (site.folder / "new.pem").write_bytes((site.folder / "both.pem").read_bytes())
    site.later()
    assert guard.tls() is not before
    assert [line["msg"] for line in events()][-1] == "web configuration in use"


def test_tls_cannot_be_switched_on_without_a_restart(site: Site, events: Events) -> None:
    guard = site.guard()
    site.write(tls_server_config=TLS)
    site.later()
    guard()
    assert not guard.has_tls
    [line] = events()
    assert "without a restart" in str(line["problem"])


@pytest.mark.parametrize("content", ["", "# no users\n", "---\n", "basic_auth_users: {}\n"])
def test_a_file_without_users_takes_no_password_away_without_a_restart(
    site: Site, events: Events, content: str
) -> None:
    guard = site.guard(basic_auth_users={"me": OLD})
    (site.folder / "web.yaml").write_text(content, "utf-8")
    site.later()
    assert guard().users == {"me": OLD.encode()}
    [refused] = events()
    assert "without a restart" in str(refused["problem"])
    site.write(basic_auth_users={"you": NEW})
    site.later()
    assert guard().users == {"you": NEW.encode()}


def test_invalid_files_at_the_start_are_an_error(site: Site) -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        site.guard(tls_servr_config=TLS)
    spoil(site)
    with pytest.raises(TlsError, match=r"both\.pem"):
        site.guard(tls_server_config=TLS)
