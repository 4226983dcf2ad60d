"""Laws of the measurements: what a target judges, and that each can be taken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.figure import Figure, Sample, Target, interleaved

ROOT = Path(__file__).parents[2]


def figure(
    target: Target, ours: tuple[float, ...] = (2, 9, 4), theirs: tuple[float, ...] = (1, 3, 4)
) -> Figure:
    return Figure("time", " s", Sample(ours), "the floor", Sample(theirs), target)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(4, "ours"), True),
        (Target(3.9, "ours"), False),
        (Target(2, "ratio"), True),
        (Target(1.9, "ratio"), False),
    ],
)
def test_a_target_judges_the_median_of_ours_or_of_the_ratios(target: Target, met: bool) -> None:
    assert figure(target).met is met


def test_a_row_says_what_was_measured_and_what_was_promised() -> None:
    cells = ("time", "4 s (2 to 9)", "the floor", "3 s (1 to 4)", "2 (1 to 3)")
    assert figure(Target(60, "ours")).row() == (*cells, "≤ 60 s", "met")
    assert figure(Target(1.5, "ratio")).row() == (*cells, "≤ 1.5 of it", "MISSED")


def test_repetitions_take_turns() -> None:
    turns: Iterator[float] = iter(range(6))
    ours, theirs = interleaved(lambda: next(turns), lambda: next(turns), 3)
    assert (ours.values, theirs.values) == ((0, 2, 4), (1, 3, 5))


def test_a_trial_takes_every_measurement() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    rows = done.stdout.splitlines()[3:]
    assert len(rows) == 4
    assert all(row.endswith(("met", "MISSED")) for row in rows)
    assert done.returncode == any(row.endswith("MISSED") for row in rows)
