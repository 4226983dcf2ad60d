"""Laws of the grid: whole multiples of the step, and never five minutes without a sample."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exporter.backfill.grid import REPEAT, Grid

LOOKBACK = 300
"""Seconds after which Prometheus ignores a sample, by default."""

grids = st.builds(
    lambda since, length, step: Grid(since, since + length, step),
    st.integers(1_000_000_000, 2_000_000_000),
    st.integers(0, 9_000),
    st.sampled_from([60, 90, 240, 241, 300, 3600]),
)


@given(grids)
def test_the_steps_are_all_whole_multiples_in_the_range(grid: Grid) -> None:
    steps = [grid.at(index) for index in range(grid.steps)]
    assert steps == [time for time in range(grid.since, grid.until) if time % grid.step == 0]


@given(grids)
def test_a_step_has_a_sample_at_its_very_time(grid: Grid) -> None:
    assert all(grid.samples(index)[0] == grid.at(index) for index in range(grid.steps))


@given(grids)
def test_from_the_first_step_to_the_end_each_moment_has_a_sample_to_show(grid: Grid) -> None:
    samples = [time for index in range(grid.steps) for time in grid.samples(index)]
    assert all(0 < later - earlier <= REPEAT < LOOKBACK for earlier, later in pairwise(samples))
    assert not samples or samples[-1] < grid.until <= samples[-1] + REPEAT
