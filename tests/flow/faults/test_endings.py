"""During every fault it serves its metrics, and SIGTERM ends it with exit code 0."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pytest

from tests.flow.faults.network import CONNECTING, HANGS, TLS
from tests.flow.faults.row import Fault
from tests.flow.faults.scenario import TOKEN, config
from tests.flow.faults.table import FAULTS

if TYPE_CHECKING:
    from tests.flow.conftest import Running, StartExporter
    from tests.flow.faults.conftest import Authority, MakePeers

    Begin = Callable[[Iterable[Fault]], Running]

HANGING = [fault for fault in (*CONNECTING, *TLS, *HANGS) if fault.reason == "timeout"]
STARTED = "nativechat_exporter_query_runs_total"


@pytest.fixture
def begin(exporter: StartExporter, peers: MakePeers, authority: Authority) -> Begin:
    """Start an exporter, and return once every one of these faults has it; it would wait a minute."""

    def start(faults: Iterable[Fault]) -> Running:
        faulty = {name: peer for name, peer in peers(faults).by_name.items() if peer.fault}
        for peer in faulty.values():
            peer.begin_fault()
        settings = config(faulty, authority.file, timeout="60s", retries=10)
        running = exporter(settings, env={"TOKEN": TOKEN})
        running.until(lambda metrics: all(metrics.value(STARTED, bot=name) for name in faulty))
        return running

    return start


def assert_ends(running: Running, number: signal.Signals) -> None:
    assert running.end(number) == 0, running.output
    assert [line["msg"] for line in running.log("ending") + running.log("ended")] == ["ending", "ended"]
    assert "Traceback" not in running.output


def test_metrics_are_served_while_all_it_does_is_wait_and_a_signal_ends_it(begin: Begin) -> None:
    running = begin(HANGING)
    waits = running.metrics()
    # Each request takes a minute, and a scrape has half of that.
    assert waits.values(STARTED) == [1] * len(HANGING)
    assert not any(waits.values("nativechat_exporter_query_failures_total"))
    assert_ends(running, signal.SIGTERM)


def test_a_signal_ends_it_during_all_faults_at_once(begin: Begin) -> None:
    assert_ends(begin(FAULTS.values()), signal.SIGTERM)
