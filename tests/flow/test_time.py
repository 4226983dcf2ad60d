"""A wall clock that is set anew while the exporter runs changes neither its beat nor its values."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Metrics, Running, StartExporter

OBSERVED = 10
"""Runs that stand for ten minutes: with a poll each second, a stall or a burst shows at once."""

LONGEST = 120.0
RUNS = "nativechat_exporter_query_runs_total"
HOUR = 3600.0


class Faked:
    """The wall clock of one process, as libfaketime fakes it: an offset in a file, which may be changed."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._offset = folder / "offset"
        self.step(0.0)
        self.environ: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # CLOCK_BOOTTIME too
            "NO_FAKE_STAT": "1",
        }

    def step(self, seconds: float) -> None:
        """Set the clock so much ahead of the true time, whole: the file is read at every moment."""
        new = self._offset.with_name("new")
        new.write_text(f"{seconds:+.0f}", "utf-8")
        new.rename(self._offset)


@pytest.fixture
def faked(installed: Callable[[str, str], str], tmp_path: Path) -> Faked:
    program = Path(installed("faketime", "faketime")).resolve()
    libraries = sorted(program.parents[1].glob("lib/**/faketime/libfaketimeMT.so.1"))
    assert libraries, "libfaketime is missing: install Debian's package libfaketime (make test does)"
    return Faked(tmp_path, libraries[0])


def runs(running: Running) -> float:
    return running.metrics().values(RUNS)[0]


def last_run(metrics: Metrics) -> float:
    return metrics.values("nativechat_exporter_query_last_run_timestamp_seconds")[0]


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["ahead", "back"])
def test_a_clock_that_is_set_by_an_hour_neither_stalls_nor_bursts_polling(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Callable[..., dict[str, Any]],
    faked: Faked,
    step: float,
) -> None:
    chat = nativechat()
    config = chat.config([query(stale_after="60s")])
    disturbed = exporter(config, env={**chat.environ, **faked.environ})
    undisturbed = exporter(config, env=chat.environ)
    both = disturbed, undisturbed
    for running in both:
        running.until(lambda metrics: metrics.value("nativechat_exporter_query_up") == 1)
    value = undisturbed.metrics().values("nativechat_conversations")
    before = [runs(running) for running in both]
    faked.step(step)
    give_up = time.monotonic() + LONGEST
    while (polls := runs(undisturbed) - before[1]) < OBSERVED and time.monotonic() < give_up:
        assert disturbed.metrics().values("nativechat_conversations") == value
        assert disturbed.ask("/-/healthy").status == 200
        time.sleep(0.1)
    assert polls >= OBSERVED
    # A busy machine starts runs late, and of either process other ones.
    assert OBSERVED / 2 < runs(disturbed) - before[0] < 2 * polls
    # The process did see its clock move.
    ahead = last_run(disturbed.metrics()) - last_run(undisturbed.metrics())
    assert ahead == pytest.approx(step, abs=60.0)
