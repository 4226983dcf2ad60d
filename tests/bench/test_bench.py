"""Laws of the benchmarks: what a target judges, what is computed, and that each part runs."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import breakeven
from bench.configs import Group
from bench.figure import Figure, Sample, Target, number, percentile
from bench.growth import exponent
from bench.machine import Look
from bench.polling import lateness
from bench.subjects import Request

ROOT = Path(__file__).parents[2]


def figure(
    target: Target, ours: tuple[float, ...] = (2, 9, 4), theirs: tuple[float, ...] = (1, 3, 4)
) -> Figure:
    return Figure("time", " s", Sample(ours), target, "the script", Sample(theirs))


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(4, "ours"), True),
        (Target(3.9, "ours"), False),
        (Target(2, "ratio"), True),
        (Target(1.9, "ratio"), False),
        (Target(2, "ratio", least=True), True),
        (Target(2.1, "ratio", least=True), False),
    ],
)
def test_a_target_judges_the_median_of_ours_or_of_the_ratios(target: Target, met: bool) -> None:
    assert figure(target).met is met


def test_a_row_says_what_was_measured_and_what_was_promised() -> None:
    cells = ("time", "4 s (2 to 9)", "the script", "3 s (1 to 4)", "2 (1 to 3)")
    assert figure(Target(60, "ours")).row() == (*cells, "≤ 60 s", "met")
    assert figure(Target(1.5, "ratio")).row() == (*cells, "≤ 1.5 of it", "MISSED")


def test_there_is_no_ratio_to_nothing() -> None:
    assert figure(Target(1, "ratio"), theirs=(1, 0, 1)).ratio is None
    assert not figure(Target(1, "ratio"), theirs=(1, 0, 1)).met


def test_one_value_is_compared_with_all_of_ours() -> None:
    assert figure(Target(1, "ratio"), ours=(2, 4, 6), theirs=(2,)).ratio == Sample((1, 2, 3))


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (1.5, "1.5"), (12.34, "12.3"), (123.4, "123"), (12_345, "12345")]
)
def test_a_number_shows_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile(range(1000), 0.5) == 500
    assert percentile(range(1000), 0.999) == 999
    assert percentile([7.0], 0.999) == 7.0


def test_a_request_is_late_against_its_own_moment_of_the_second() -> None:
    log = [Request(at, at, target) for at, target in ((0.25, "a"), (1.5, "a"), (2.25, "a"), (0.75, "b"))]
    assert lateness(log) == [(0.25, 0.0), (1.5, 0.25), (2.25, 0.0), (0.75, 0.0)]


def test_a_second_that_is_left_out_is_a_second_late() -> None:
    log = [Request(at, at, "a") for at in (0.0, 1.0, 3.0)]
    assert lateness(log) == [(0.0, 0.0), (1.0, 0.0), (3.0, 1.0)]


@pytest.mark.parametrize("series", [1, 10, 20, 200, 1_000])
def test_a_query_has_as_many_combinations_of_labels_as_series(series: int) -> None:
    labels = Group("x", 1, series, "1s").labels
    assert math.prod(len(values) for values in labels.values()) == series


def test_what_is_by_chance_is_judged_by_its_own_value_alone() -> None:
    late = Figure("late", " ms", Sample((3,)), Target(2, "ours"), "theirs", Sample((1,)), by_chance=True)
    assert late.ratio is None
    assert not late.met
    assert late.row() == ("late", "3 ms", "theirs", "1 ms", "", "≤ 2 ms", "MISSED")


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_growth_is_its_power(power: float) -> None:
    sizes = (100, 1_000, 10_000, 100_000)
    assert exponent({size: size**power for size in sizes}) == pytest.approx(power)


def test_json_exporter_costs_more_where_scrapes_are_many() -> None:
    text = breakeven.table({"count": 400.0, "line": 72.0, "memory": 40.0})
    # 2 servers at an interval of i seconds: 2 * 272 / i against 400 / 60 + 2 * 72 / i
    assert re.split(r"\s{2,}", text.splitlines()[2])[1:] == ["15 s", "30 s", "60 s", "300 s"]
    assert "ours costs less from 3 servers on" in text


def test_a_run_says_loudly_if_other_work_used_much() -> None:
    before = Look(total=100, others=40)
    assert Look(200, 42).told_since(before) == "other work used 2% of the machine meanwhile."
    assert "THAT IS A LOT" in Look(200, 70).told_since(before)


def test_a_trial_takes_every_measurement() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    _, table, growth, breakeven_table, end = done.stdout.split("\n\n", 4)
    rows = table.splitlines()[1:]
    judged = [row for row in rows if row.endswith(("met", "MISSED"))]
    assert judged == rows
    promised = re.findall(r"\| ([≤≥][^|]*) \|$", (ROOT / "bench/README.md").read_text("utf-8"), re.MULTILINE)
    assert [re.findall(r"[≤≥].*?(?=  )", row) for row in rows] == [[target] for target in promised]
    assert done.returncode == any(row.endswith("MISSED") for row in judged)
    assert len(growth.splitlines()) == 5
    assert len(breakeven_table.splitlines()) == 5
    assert "of the machine meanwhile" in end
