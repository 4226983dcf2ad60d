"""A token that is replaced while the exporter runs: it is followed without a restart, a reload or a gap."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Running, StartExporter

IN_FLIGHT = 4
SERIES = 8
FAILURES = "nativechat_exporter_query_failures_total"


class Api(ThreadingHTTPServer):
    """Counts for whoever has the good token; `gate` holds what has been asked, while it is shut."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.good = "first"
        self.gate = threading.Event()
        self.gate.set()
        self.held = threading.Semaphore(0)
        self.refusals = 0
        self.counts = itertools.count(1)

    def hold(self) -> None:
        """Shut the gate, and return when as many requests as the bot may make wait at it."""
        self.gate.clear()
        for _ in range(IN_FLIGHT):
            assert self.held.acquire(timeout=30)


class _Answer(BaseHTTPRequestHandler):
    server: Api
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if not self.server.gate.is_set():
            self.server.held.release()
            self.server.gate.wait(30)
        right = self.headers["Authorization"] == f"Bot-Server-Access-Token {self.server.good}"
        if not right:
            self.server.refusals += 1
        body = b"%d" % next(self.server.counts) if right else b""
        self.send_response(200 if right else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


class Mounted:
    """A Secret as Kubernetes mounts it: a link to a file in a folder that is replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._versions = itertools.count(1)
        self.path = folder / "token"
        self.path.symlink_to("..data/token")

    def write(self, token: str) -> None:
        version = f"..version_{next(self._versions)}"
        (self._folder / version).mkdir()
        (self._folder / version / "token").write_text(token, "utf-8")
        (self._folder / "..data_tmp").symlink_to(version)
        (self._folder / "..data_tmp").rename(self._folder / "..data")


class Rewritten:
    """A plain file, written over in place."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "token"

    def write(self, token: str) -> None:
        self.path.write_text(token + "\n", "utf-8")


@pytest.fixture
def token(request: pytest.FixtureRequest, tmp_path: Path) -> Mounted | Rewritten:
    made: Mounted | Rewritten = getattr(request, "param", Mounted)(tmp_path)
    made.write("first")
    return made


@pytest.fixture
def running(
    api: Api, token: Mounted | Rewritten, exporter: StartExporter, query: Callable[..., dict[str, Any]]
) -> Running:
    """An exporter that counts well, with several series at a time."""
    kinds = {"labels": {"kind": list("abcdefgh"[:SERIES])}, "query": {"Status": "{kind}"}}
    config = {
        "api": {
            "url": f"http://127.0.0.1:{api.server_port}/v1",
            "timeout": "30s",
            "rate": "none",
            "concurrency": IN_FLIGHT,
        },
        "bots": [{"name": "support", "id": "5bfd1c9d8f2a4e0012345678", "token": {"file": str(token.path)}}],
        "defaults": {"every": "1s", "stale_after": "3s"},
        "queries": [query(**kinds)],
    }
    started = exporter(config, env={})
    started.until(lambda metrics: len(metrics.values("nativechat_conversations")) == SERIES)
    return started


@pytest.mark.parametrize("token", [Mounted, Rewritten], indirect=True)
def test_a_replaced_token_costs_one_refusal_for_each_request_in_flight_and_no_value(
    api: Api, token: Mounted | Rewritten, running: Running
) -> None:
    api.hold()
    token.write("other")
    api.good = "other"
    before = next(api.counts)
    api.gate.set()
    metrics = running.until(lambda metrics: min(metrics.values("nativechat_conversations")) > before)
    assert api.refusals == IN_FLIGHT
    assert sum(metrics.values(FAILURES)) == 0
    assert metrics.values("nativechat_exporter_query_up") == [1]
    assert len(metrics.values("nativechat_conversations")) == SERIES
    assert not running.log("query fails")
