"""A process that may open nothing more says so, shows nothing wrong, and recovers by itself."""

from __future__ import annotations

import http.client
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.flow.faults.row import Row
from tests.flow.faults.scenario import TOKEN, config, failures, value

if TYPE_CHECKING:
    from tests.flow.conftest import Metrics, Running, StartExporter
    from tests.flow.faults.conftest import Authority, MakePeers


class Crowded:
    """An exporter with a scraper that keeps its connection, as Prometheus does."""

    def __init__(self, running: Running) -> None:
        host, port = running.address.split(":")
        self.running = running
        self._limits = (0, 0)
        self.shown: list[float | None] = []
        self.connection = http.client.HTTPConnection(host, int(port), timeout=10)
        self.newcomer = http.client.HTTPConnection(host, int(port), timeout=10)

    def scrape(self) -> Metrics:
        self.connection.request("GET", "/metrics")
        metrics = self.running.parse(self.connection.getresponse().read().decode())
        self.shown.append(value(metrics, "well"))
        return metrics

    def until(self, holds: Callable[[Metrics], object]) -> Metrics:
        """Return the first scrape of which `holds` is true."""
        deadline = time.monotonic() + 30
        while not holds(metrics := self.scrape()):
            assert time.monotonic() < deadline, metrics.text
            time.sleep(0.05)
        return metrics

    def exhaust(self) -> None:
        """Let it open nothing more."""
        self._limits = resource.prlimit(self.running.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.running.process.pid, resource.RLIMIT_NOFILE, (3, self._limits[1]))

    def relieve(self) -> None:
        resource.prlimit(self.running.process.pid, resource.RLIMIT_NOFILE, self._limits)


@pytest.fixture
def crowded(exporter: StartExporter, peers: MakePeers, authority: Authority) -> Iterator[Crowded]:
    running = exporter(config(peers([]).by_name, authority.file), env={"TOKEN": TOKEN})
    crowded = Crowded(running)
    with closing(crowded.connection), closing(crowded.newcomer):
        crowded.until(lambda metrics: value(metrics, "well"))
        yield crowded


def test_a_process_without_descriptors_keeps_its_promises(
    crowded: Crowded, fault: Row, record_property: Callable[[str, object], None]
) -> None:
    crowded.exhaust()
    crowded.newcomer.request("GET", "/metrics")
    gone = crowded.until(lambda metrics: value(metrics, "well") is None)
    assert {reason for reason, count in failures(gone, "well").items() if count} == {fault.reason}
    crowded.relieve()
    began = time.monotonic()
    assert crowded.newcomer.getresponse().status == 200, "who came meanwhile was kept waiting"
    back = crowded.until(lambda metrics: value(metrics, "well"))
    record_property("back", time.monotonic() - began)
    shown = [number for number in crowded.shown if number is not None]
    assert shown == sorted(shown)
    assert back.value("nativechat_up", bot="well") == 1
    [began_line] = crowded.running.logged("bot is down")
    assert fault.says in began_line["error"]
    assert crowded.running.logged("bot is up again")
    assert "Traceback" not in crowded.running.output


def test_a_signal_ends_a_process_without_descriptors(crowded: Crowded, fault: Row) -> None:
    crowded.exhaust()
    crowded.until(lambda metrics: failures(metrics, "well")[fault.reason])
    assert crowded.running.end() == 0
