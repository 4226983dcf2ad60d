"""A token that is replaced while the exporter runs: it is followed without a restart, a reload or a gap."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Running, StartExporter

IN_FLIGHT = 4
CALM_REST = 8.0
"""Seconds that a bot is left alone after the fourth refusal."""


class Api(ThreadingHTTPServer):
    """Counts for whoever has the good token; `gate` holds what has been asked, while it is shut."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.good = "first"
        self.gate = threading.Event()
        self.gate.set()
        self.held = threading.Semaphore(0)
        self.refused_at: list[float] = []
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
            self.server.refused_at.append(time.monotonic())
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


@pytest.fixture(params=[Mounted, Rewritten])
def token(request: pytest.FixtureRequest, tmp_path: Path) -> Mounted | Rewritten:
    made: Mounted | Rewritten = request.param(tmp_path)
    made.write("first")
    return made


@pytest.fixture
def running(
    api: Api, token: Mounted | Rewritten, exporter: StartExporter, query: Callable[..., dict[str, Any]]
) -> Running:
    """An exporter that counts well, with several series at a time."""
    kinds = {"labels": {"kind": list("abcdefgh")}, "query": {"Status": "{kind}"}}
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
    started.until(lambda metrics: len(metrics.values("nativechat_conversations")) == 8)
    return started


def test_a_replaced_token_costs_one_refusal_for_each_request_in_flight_and_no_value(
    api: Api, token: Mounted | Rewritten, running: Running
) -> None:
    api.hold()
    token.write("other")
    api.good = "other"
    before = next(api.counts)
    api.gate.set()
    metrics = running.until(lambda metrics: min(metrics.values("nativechat_conversations")) > before)
    assert len(api.refused_at) == IN_FLIGHT
    assert sum(metrics.values("nativechat_exporter_query_failures_total")) == 0
    assert metrics.values("nativechat_exporter_query_up") == [1]
    assert len(metrics.values("nativechat_conversations")) == 8
    assert not running.log("query fails")


def tries(moments: list[float]) -> list[list[float]]:
    """Part moments that lie close together from those after a pause."""
    parted: list[list[float]] = []
    for moment in moments:
        if not parted or moment - parted[-1][-1] > 0.5:
            parted.append([])
        parted[-1].append(moment)
    return parted


def test_a_token_that_stays_wrong_is_asked_ever_more_gently_and_a_right_one_at_once(
    api: Api, token: Mounted | Rewritten, running: Running, eventually: Callable[..., Any]
) -> None:
    token.write("wrong")
    api.good = "third"
    eventually(lambda: len(tries(api.refused_at)) > 3)
    first, second, third, fourth = tries(api.refused_at)
    assert len(second) == len(third) == len(fourth) == 1
    assert fourth[0] - third[0] > third[0] - second[0] > second[0] - first[-1]
    metrics = running.metrics()
    assert metrics.values("nativechat_conversations") == []
    assert (metrics.value("nativechat_exporter_query_failures_total", reason="unauthorized") or 0) > 8
    token.write("third")
    running.until(
        lambda metrics: len(metrics.values("nativechat_conversations")) == 8, within=CALM_REST - 2.0
    )
    assert len(running.told("query works again")) == len(running.log("query fails")) == 1
    assert not running.log("query fails for another reason")
