"""A token that is replaced is used without a restart, a reload or a gap."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server import Server, Wire

if TYPE_CHECKING:
    from tests.flow.conftest import Running, StartExporter

IN_FLIGHT = 4
SERIES = 8
FAILURES = "nativechat_exporter_query_failures_total"


class Api:
    """Counts for the good token; while `gate` is not set, requests wait for it."""

    def __init__(self) -> None:
        self.good = "first"
        self.gate = threading.Event()
        self.gate.set()
        self.held = threading.Semaphore(0)
        self.refusals = 0
        self.counts = itertools.count(1)

    def hold(self) -> None:
        """Close the gate, and return when as many requests wait for it as the bot may make."""
        self.gate.clear()
        for _ in range(IN_FLIGHT):
            assert self.held.acquire(timeout=30)

    def answer(self, wire: Wire) -> None:
        if not self.gate.is_set():
            self.held.release()
            self.gate.wait(30)
        if wire.token == self.good:
            wire.answer(b"%d" % next(self.counts))
        else:
            self.refusals += 1
            wire.answer(b"", 401)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def url(api: Api) -> Iterator[str]:
    with Server(api.answer) as server:
        yield server.url
        api.gate.set()


class Mounted:
    """A Secret as Kubernetes mounts it: a link to a file in a folder that is replaced as a whole."""

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
    url: str, token: Mounted | Rewritten, exporter: StartExporter, query: Callable[..., dict[str, Any]]
) -> Running:
    """An exporter that counts well, with several series at a time."""
    kinds = {"labels": {"kind": list("abcdefgh"[:SERIES])}, "query": {"Status": "{kind}"}}
    config = {
        "api": {
            "url": url,
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
