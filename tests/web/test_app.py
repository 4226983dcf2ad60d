"""Laws of the routes, over real HTTP."""

from __future__ import annotations

import base64
import http.client
import logging
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import bcrypt
import pytest

from exporter.web.app import App, Guard, Provided
from exporter.web.page import StatusPage
from exporter.web.pool import THREADS, Busy

Ask = Callable[..., tuple[int, http.client.HTTPMessage, bytes]]
Serve = Callable[..., int]

TYPE = "text/plain; version=0.0.4; charset=utf-8"
PAGE = StatusPage("1.2.3", 0.0, 60.0, "config.yaml", 30.0, (), "0 of 1", (), ())
CONFIG = "queries: [{name: größe}]  # as written\n".encode()
PROVIDED = Provided(
    metrics=lambda accept, encoding: (f"{accept} {encoding}\n".encode(), [("Content-Type", TYPE)]),
    healthy=lambda: (True, "healthy"),
    ready=lambda: (True, "ready"),
    status=lambda: PAGE,
    config=lambda: CONFIG,
    reload=list,
)


def test_metrics_have_their_own_type_and_get_the_accept_headers(serve: Serve, ask: Ask) -> None:
    port = serve(App(PROVIDED))
    headers = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}
    status, answer, body = ask(port, "/metrics", headers=headers)
    assert (status, answer["content-type"]) == (200, TYPE)
    assert body == b"application/openmetrics-text gzip\n"


def test_headers_of_the_metrics_are_passed_on(serve: Serve, ask: Ask) -> None:
    packed = replace(
        PROVIDED, metrics=lambda *_: (b"x", [("Content-Type", TYPE), ("Content-Encoding", "gzip")])
    )
    assert ask(serve(App(packed)), "/metrics")[1]["content-encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/prometheus", "/"])
def test_the_metrics_are_at_the_telemetry_path(serve: Serve, ask: Ask, path: str) -> None:
    port = serve(App(replace(PROVIDED, telemetry_path=path)))
    assert ask(port, path)[1]["content-type"] == TYPE
    assert ask(port, "/metrics")[0] == 404


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
@pytest.mark.parametrize(("good", "status"), [(True, 200), (False, 503)])
def test_health_is_a_status_and_a_line_of_text(
    serve: Serve, ask: Ask, path: str, good: bool, status: int
) -> None:
    provided = replace(PROVIDED, healthy=lambda: (good, "the reason"), ready=lambda: (good, "the reason"))
    given, headers, body = ask(serve(App(provided)), path)
    assert (given, body) == (status, b"the reason\n")
    assert headers["content-type"] == "text/plain; charset=utf-8"


def test_health_responds_while_all_metrics_hang(serve: Serve, ask: Ask) -> None:
    hanging, release = threading.Semaphore(0), threading.Event()

    def hang(*_: str) -> tuple[bytes, list[tuple[str, str]]]:
        hanging.release()
        release.wait(60.0)
        return b"", []

    port = serve(App(replace(PROVIDED, metrics=hang)))
    scrapes = [threading.Thread(target=ask, args=(port, "/metrics")) for _ in range(THREADS + 2)]
    for scrape in scrapes:
        scrape.start()
    for _ in range(THREADS):
        assert hanging.acquire(timeout=30.0)
    assert ask(port, "/-/healthy")[0] == 200
    release.set()
    for scrape in scrapes:
        scrape.join(30.0)


def test_the_configuration_is_plain_text_byte_for_byte(serve: Serve, ask: Ask) -> None:
    status, headers, body = ask(serve(App(PROVIDED)), "/-/config")
    assert (status, headers["content-type"], body) == (200, "text/plain; charset=utf-8", CONFIG)


def test_a_reload_that_succeeds_says_so(serve: Serve, ask: Ask) -> None:
    assert ask(serve(App(PROVIDED)), "/-/reload", method="POST")[::2] == (200, b"reloaded\n")


def test_a_reload_that_failed_lists_every_problem(serve: Serve, ask: Ask) -> None:
    provided = replace(PROVIDED, reload=lambda: ["config.yaml:1:1: one", "config.yaml:2:1: two"])
    status, headers, body = ask(serve(App(provided)), "/-/reload", method="POST")
    assert (status, headers["content-type"]) == (422, "text/plain; charset=utf-8")
    assert body == b"config.yaml:1:1: one\nconfig.yaml:2:1: two\n"


def test_reloading_is_forbidden_unless_enabled(serve: Serve, ask: Ask) -> None:
    status, _, body = ask(serve(App(replace(PROVIDED, reload=None))), "/-/reload", method="POST")
    assert status == 403
    assert b"--web.enable-lifecycle" in body


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/-/reload", "POST"),
        ("PUT", "/-/reload", "POST"),
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/metrics", "GET, HEAD"),
        ("OPTIONS", "/-/healthy", "GET, HEAD"),
        ("TRACE", "/-/ready", "GET, HEAD"),
        ("POST", "/-/config", "GET, HEAD"),
    ],
)
def test_other_methods_are_refused_with_those_allowed(
    serve: Serve, ask: Ask, method: str, path: str, allowed: str
) -> None:
    status, headers, body = ask(serve(App(PROVIDED)), path, method=method)
    assert (status, headers["allow"]) == (405, allowed)
    assert body.decode() == f"{method} is not allowed here (use {allowed})\n"


@pytest.mark.parametrize("path", ["/nope", "/metrics/", "/-/", "/-/config/", "//", "/favicon.ico"])
def test_an_unknown_path_is_a_short_404(serve: Serve, ask: Ask, path: str) -> None:
    assert ask(serve(App(PROVIDED)), path)[::2] == (404, b"nothing is here (the status page is at /)\n")


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/-/config"])
def test_head_gives_the_headers_of_get_and_no_body(serve: Serve, ask: Ask, path: str) -> None:
    port = serve(App(PROVIDED))
    status, headers, body = ask(port, path, method="HEAD")
    assert (status, body) == (200, b"")
    assert headers["content-length"] == ask(port, path)[1]["content-length"]


def test_the_page_is_html_under_a_strict_policy(serve: Serve, ask: Ask) -> None:
    status, headers, body = ask(serve(App(PROVIDED)), "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    nonces = set(re.findall(r"nonce-([\w-]+)", policy)) | set(re.findall(r'nonce="([\w-]+)"', body.decode()))
    assert len(nonces) == 1


def test_the_filter_of_the_page_is_in_its_address(serve: Serve, ask: Ask) -> None:
    port = serve(App(PROVIDED))
    status, headers, body = ask(port, "/?state=failing&query=by_%3Cb%3E")
    assert status == 200
    assert b'value="by_&lt;b&gt;"' in body
    assert b"<option selected>failing</option>" in body
    assert "form-action 'self'" in headers["content-security-policy"]


def test_no_two_pages_share_a_nonce(serve: Serve, ask: Ask) -> None:
    port = serve(App(PROVIDED))
    assert ask(port)[1]["content-security-policy"] != ask(port)[1]["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/config", "/nope"])
def test_no_response_is_cached_or_sniffed(serve: Serve, ask: Ask, path: str) -> None:
    _, headers, _ = ask(serve(App(PROVIDED)), path)
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_the_operators_headers_replace_ours_on_every_response(serve: Serve, ask: Ask) -> None:
    own = (("X-Frame-Options", "SAMEORIGIN"), ("Strict-Transport-Security", "max-age=1"))
    port = serve(App(PROVIDED, lambda: Guard({}, own)))
    for path in ("/", "/metrics", "/nope"):
        _, headers, _ = ask(port, path)
        assert headers.get_all("x-frame-options") == ["SAMEORIGIN"]
        assert headers["strict-transport-security"] == "max-age=1"


def broken(*_: object) -> NoReturn:
    raise RuntimeError("token=hunter2")


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/", "GET"),
        ("/metrics", "GET"),
        ("/-/healthy", "GET"),
        ("/-/ready", "GET"),
        ("/-/config", "GET"),
        ("/-/reload", "POST"),
    ],
)
def test_a_defect_is_a_500_without_details_and_is_logged_once(
    serve: Serve, ask: Ask, caplog: pytest.LogCaptureFixture, path: str, method: str
) -> None:
    provided = Provided(broken, broken, broken, status=broken, config=broken, reload=broken)
    with caplog.at_level(logging.DEBUG):
        status, _, body = ask(serve(App(provided)), path, method=method)
    assert (status, body) == (500, b"the exporter failed to answer; its log says why\n")
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_with_users_everything_but_health_needs_a_password(serve: Serve, ask: Ask) -> None:
    users = {"prometheus": bcrypt.hashpw(b"secret", bcrypt.gensalt(4))}
    guard = Guard(users, (("X-Frame-Options", "DENY"),))
    port = serve(App(PROVIDED, lambda: guard))
    right = {"Authorization": "Basic " + base64.b64encode(b"prometheus:secret").decode()}
    reads = [(path, "GET") for path in ("/", "/metrics", "/-/config", "/nope")]
    for path, method in [*reads, ("/-/config", "HEAD"), ("/-/reload", "POST")]:
        status, headers, body = ask(port, path, method=method)
        assert status == 401
        assert CONFIG not in body
        assert headers["www-authenticate"].startswith("Basic realm=")
        assert headers["x-frame-options"] == "DENY"
        assert ask(port, path, method=method, headers=right)[0] in (200, 404)
    assert [ask(port, path)[0] for path in ("/-/healthy", "/-/ready")] == [200, 200]


def test_changed_users_apply_from_the_next_request_on(serve: Serve, ask: Ask) -> None:
    guards = [Guard({"old": bcrypt.hashpw(b"one", bcrypt.gensalt(4))})]
    port = serve(App(PROVIDED, lambda: guards[-1]))
    old, new = (
        {"Authorization": "Basic " + base64.b64encode(given).decode()} for given in (b"old:one", b"new:two")
    )
    assert [ask(port, headers=headers)[0] for headers in (old, new)] == [200, 401]
    guards.append(Guard({"new": bcrypt.hashpw(b"two", bcrypt.gensalt(4))}))
    assert [ask(port, headers=headers)[0] for headers in (old, new)] == [401, 200]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://127.0.0.1:{port}", 200),
        ("https://127.0.0.1:{port}", 200),
        ("http://127.0.0.1", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_foreign_origin_cannot_reload(serve: Serve, ask: Ask, origin: str | None, status: int) -> None:
    port = serve(App(PROVIDED))
    headers = {} if origin is None else {"Origin": origin.format(port=port)}
    assert ask(port, "/-/reload", method="POST", headers=headers)[0] == status


def test_reload_requests_during_a_reload_share_one(serve: Serve, ask: Ask) -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()
    reloads: list[int] = []

    def reload() -> list[str]:
        reloads.append(len(reloads))
        begun.release()
        may_end.wait(30.0)
        return []

    port = serve(App(replace(PROVIDED, reload=reload)))
    answers: list[int] = []

    def post() -> None:
        answers.append(ask(port, "/-/reload", method="POST")[0])

    clients = [threading.Thread(target=post) for _ in range(20)]
    clients[0].start()
    assert begun.acquire(timeout=30.0)
    for client in clients[1:]:
        client.start()
    # The others do not hold the threads that answer scrapes.
    assert ask(port, "/metrics")[0] == 200
    may_end.set()
    for client in clients:
        client.join(30.0)
    assert answers == [200] * 20
    assert len(reloads) <= 3


def test_no_page_is_made_for_visitors_who_have_hung_up(serve: Serve, ask: Ask) -> None:
    made, begun, may_end = [], threading.Semaphore(0), threading.Event()

    def page() -> StatusPage:
        made.append(1)
        begun.release()
        may_end.wait(30.0)
        return PAGE

    port = serve(App(replace(PROVIDED, status=page)))
    visitors = []
    for _ in range(THREADS + 50):
        visitors.append(socket.create_connection(("127.0.0.1", port), timeout=30.0))
        visitors[-1].sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    for _ in range(THREADS):
        assert begun.acquire(timeout=30.0)
    for visitor in visitors:
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        visitor.close()
    assert ask(port, "/-/ready")[0] == 200  # the event loop has seen them leave
    may_end.set()
    assert ask(port, "/metrics")[0] == 200
    assert len(made) == THREADS


def test_more_waiting_requests_than_the_limit_are_told_to_try_again(serve: Serve, ask: Ask) -> None:
    def busy() -> NoReturn:
        raise Busy

    status, headers, body = ask(serve(App(replace(PROVIDED, ready=busy))), "/-/ready")
    assert (status, headers["retry-after"]) == (503, "1")
    assert body == b"too many requests are waiting (try again)\n"


@pytest.mark.parametrize("guard", [Guard({}), Guard({"me": bcrypt.hashpw(b"secret", bcrypt.gensalt(4))})])
def test_pages_need_no_thread_that_is_not_there_from_the_start(
    serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch, guard: Guard
) -> None:
    port = serve(App(PROVIDED, lambda: guard))

    def refuse(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    headers = {"Authorization": f"Basic {base64.b64encode(b'me:secret').decode()}"}
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for path in ("/metrics", "/", "/-/healthy"):
            assert ask(port, path, headers=headers)[0] == 200
