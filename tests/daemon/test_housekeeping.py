"""Laws of housekeeping: calls and periodic tasks run one after the other, and a defect ends none."""

from __future__ import annotations

import logging
import threading

import pytest

from exporter.clock import SystemClock
from exporter.daemon.housekeeping import Housekeeping
from tests.clock import FakeClock

PATIENCE = 10.0


def nothing() -> None:
    """Do nothing."""


def test_a_task_runs_every_so_many_seconds(clock: FakeClock) -> None:
    housekeeping, ran = Housekeeping(clock, nothing), list[float]()
    housekeeping.every(5.0, lambda: ran.append(clock.now))
    for _ in range(20):
        clock.now += 1.0
        housekeeping.run_due()
    assert ran == [1005.0, 1010.0, 1015.0, 1020.0]


def test_a_call_and_a_task_run_although_others_raise(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    defects, ran = list[None](), list[str]()
    housekeeping = Housekeeping(clock, lambda: defects.append(None))
    housekeeping.every(5.0, lambda: 1 // 0)  # type: ignore[arg-type]
    housekeeping.every(5.0, lambda: ran.append("task"))
    housekeeping.call(lambda: 1 // 0)  # type: ignore[arg-type]
    housekeeping.call(lambda: ran.append("call"))
    clock.now += 5.0
    housekeeping.run_due()
    assert ran == ["call", "task"]
    assert len(defects) == sum(record.levelno == logging.ERROR for record in caplog.records) == 2


def test_a_call_wakes_the_thread_and_a_stop_ends_it() -> None:
    housekeeping, done = Housekeeping(SystemClock(), nothing), threading.Event()
    housekeeping.start()
    assert housekeeping.alive
    housekeeping.call(done.set)
    assert done.wait(PATIENCE)
    housekeeping.stop()
    for thread in threading.enumerate():
        if thread.name == "housekeeping":
            thread.join(PATIENCE)
    assert not housekeeping.alive
