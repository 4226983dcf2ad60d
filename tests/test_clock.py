"""Laws of the machine's own clock."""

from __future__ import annotations

import time

import pytest

from exporter.clock import Clock, SystemClock


@pytest.fixture
def clock() -> Clock:
    return SystemClock()


def test_wall_time_is_unix_time(clock: Clock) -> None:
    before = time.time()
    assert before <= clock.wall() <= time.time()


def test_steady_time_counts_while_the_machine_is_suspended(clock: Clock) -> None:
    kept_in_suspend = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    before = time.clock_gettime(kept_in_suspend)
    assert before <= clock.steady() <= time.clock_gettime(kept_in_suspend)


def test_steady_time_never_goes_back(clock: Clock) -> None:
    moments = [clock.steady() for _ in range(1000)]
    assert moments == sorted(moments)


@pytest.mark.parametrize("seconds", [0.01, 0.0, -3600.0])
def test_sleep_lasts_as_long_as_asked_and_not_at_all_for_a_negative_time(
    clock: Clock, seconds: float
) -> None:
    before = clock.steady()
    clock.sleep(seconds)
    assert max(0.0, seconds) <= clock.steady() - before < 60.0
