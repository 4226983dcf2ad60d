"""A change of the wall clock while the exporter runs changes neither its intervals nor its values."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Metrics, Running, StartExporter

OBSERVED = 5
"""Runs to observe: with one each second, a stall or a burst of an hour shows at once."""

LONGEST = 120.0
RUNS = "nativechat_exporter_query_runs_total"
HOUR = 3600.0


class Faked:
    """The wall clock of one process, which libfaketime moves by the offset in a file."""

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
        """Set the clock ahead of the true time; replace the file, because it is read at any moment."""
        new = self._offset.with_name("new")
        new.write_text(f"{seconds:+.0f}", "utf-8")
        new.rename(self._offset)


@pytest.fixture
def ahead_and_back(installed: Callable[[str, str], str], tmp_path: Path) -> dict[float, Faked]:
    """A wall clock for each step by which it will be set."""
    program = Path(installed("faketime", "faketime")).resolve()
    libraries = sorted(program.parents[1].glob("lib/**/faketime/libfaketimeMT.so.1"))
    assert libraries, "libfaketime is missing: install Debian's package libfaketime (make test does)"
    folders = {HOUR: tmp_path / "ahead", -HOUR: tmp_path / "back"}
    for folder in folders.values():
        folder.mkdir()
    return {step: Faked(folder, libraries[0]) for step, folder in folders.items()}


def runs(running: Running) -> float:
    return running.metrics().values(RUNS)[0]


def last_success(metrics: Metrics) -> float:
    return metrics.values("nativechat_exporter_query_last_success_timestamp_seconds")[0]


def test_a_clock_that_is_set_by_an_hour_neither_stalls_nor_bursts_polling(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Callable[..., dict[str, Any]],
    ahead_and_back: dict[float, Faked],
) -> None:
    chat = nativechat()
    config = chat.config([query(stale_after="60s")])
    undisturbed = exporter(config, env=chat.environ)
    disturbed = {
        step: exporter(config, env={**chat.environ, **faked.environ})
        for step, faked in ahead_and_back.items()
    }
    for running in (undisturbed, *disturbed.values()):
        running.until(lambda metrics: metrics.value("nativechat_exporter_query_up") == 1)
    value = undisturbed.metrics().values("nativechat_conversations")
    began = runs(undisturbed)
    before = {step: runs(running) for step, running in disturbed.items()}
    for step, faked in ahead_and_back.items():
        faked.step(step)
    give_up = time.monotonic() + LONGEST
    while (polls := runs(undisturbed) - began) < OBSERVED and time.monotonic() < give_up:
        for running in disturbed.values():
            assert running.metrics().values("nativechat_conversations") == value
            assert running.ask("/-/healthy").status == 200
        time.sleep(0.1)
    assert polls >= OBSERVED
    for step, running in disturbed.items():
        # A busy machine starts runs late, and of either process other ones.
        assert OBSERVED / 2 < runs(running) - before[step] < 2 * polls
        # The process did see its clock move.
        ahead = last_success(running.metrics()) - last_success(undisturbed.metrics())
        assert ahead == pytest.approx(step, abs=60.0)
