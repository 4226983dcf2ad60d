"""Laws of the measurements: what a target judges, what is worked out, and that each can be taken."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from bench import breakeven, history, subjects
from bench.figure import Figure, Sample, Target, number, percentile
from bench.growth import Cost
from bench.lag import late_on_the_beat, lateness
from bench.machine import Look
from bench.subjects import Request

ROOT = Path(__file__).parents[2]
ESTABLISHED = "01"


def figure(
    target: Target | None, ours: tuple[float, ...] = (2, 9, 4), theirs: tuple[float, ...] = (1, 3, 4)
) -> Figure:
    return Figure("time", " s", Sample(ours), "the floor", Sample(theirs), target)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(4, "ours"), True),
        (Target(3.9, "ours"), False),
        (Target(2, "ratio"), True),
        (Target(1.9, "ratio"), False),
        (Target(2, "ratio", least=True), True),
        (Target(2.1, "ratio", least=True), False),
        (None, True),
    ],
)
def test_a_target_judges_the_median_of_ours_or_of_the_ratios(target: Target | None, met: bool) -> None:
    assert figure(target).met is met


def test_a_row_says_what_was_measured_and_what_was_promised() -> None:
    cells = ("time", "4 s (2 to 9)", "the floor", "3 s (1 to 4)", "2 (1 to 3)")
    assert figure(Target(60, "ours")).row() == (*cells, "≤ 60 s", "met")
    assert figure(Target(1.5, "ratio")).row() == (*cells, "≤ 1.5 of it", "MISSED")
    assert figure(None).row() == (*cells, "", "")


def test_there_is_no_ratio_to_nothing() -> None:
    assert figure(Target(1, "ratio"), theirs=(1, 0, 1)).ratio is None
    assert not figure(Target(1, "ratio"), theirs=(1, 0, 1)).met


def test_what_was_not_paired_is_compared_by_its_medians() -> None:
    assert figure(None, ours=(2, 4, 6), theirs=(2,)).ratio == Sample((2,))


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


def test_ours_is_late_against_one_beat_for_all() -> None:
    phases = [zlib.crc32(f"main/query_lag_{number}".encode()) / 2**32 for number in range(3)]
    # Query 1 comes a tenth of a second late, each time.
    came = [
        (number, 7.9 + second + phases[number] + 0.1 * (number == 1))
        for number in range(3)
        for second in (0, 1)
    ]
    log = [Request(at, at, f"/_count?query=%22lag-{number}%22") for number, at in came]
    assert late_on_the_beat(log) == pytest.approx([0.0, 0.0, 0.1, 0.1, 0.0, 0.0])


@pytest.mark.parametrize("name", ["adapter", "client"])
def test_the_bare_operations_keep_their_connection(name: str) -> None:
    with subjects.responder() as api:
        url = f"{api.api}/bots/x/conversations/_count?query=%7B%7D"
        with subjects.loop(name, url) as loop:
            assert loop.microseconds(20) > 0
            seen = [line.split() for line in Path("/proc/net/tcp").read_text("utf-8").splitlines()]
    states = [state for _, _, other_end, state, *_ in seen if other_end.endswith(f":{api.port:04X}")]
    assert states == [ESTABLISHED], "and none that was closed"


def grown(sizes: tuple[int, ...], fixed: float, power: float) -> Cost:
    return Cost("time", " s", tuple(Sample((fixed + size**power,)) for size in sizes))


def test_what_is_by_chance_is_judged_by_its_own_value_alone() -> None:
    late = Figure("late", " ms", Sample((3,)), "theirs", Sample((1,)), Target(2, "ours"), by_chance=True)
    assert late.ratio is None
    assert not late.met
    assert late.row() == ("late", "3 ms", "theirs", "1 ms", "", "≤ 2 ms", "MISSED")


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_growth_is_its_power(power: float) -> None:
    sizes = (100, 1_000, 10_000, 100_000)
    assert grown(sizes, 0.0, power).exponent(sizes) == pytest.approx(power)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_what_is_added_leaves_out_what_is_there_without_series(power: float) -> None:
    sizes = (0, 1_000, 10_000, 100_000)
    assert grown(sizes, 50.0, power).added(sizes) == pytest.approx(power)


def test_json_exporter_costs_more_where_scrapes_are_many() -> None:
    text = breakeven.table({"count": 400.0, "line": 72.0, "memory": 40.0})
    # 2 servers at an interval of i seconds: 2 * 272 / i against 400 / 60 + 2 * 72 / i
    assert re.split(r"\s{2,}", text.splitlines()[2])[1:] == ["15 s", "30 s", "60 s", "300 s"]
    assert "it costs less from 3 servers on" in text


def test_a_run_tells_which_ratios_do_not_agree_with_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "build/bench.json"
    assert "No ratios" in history.compare([figure(None)], file)
    said = history.compare([figure(Target(9, "ratio"), ours=(2.2, 9, 4))], file)
    assert said.startswith("1 of 1 ratios with a target, and 0 of 0 others, agree with")
    said = history.compare([figure(None, ours=(3, 9, 4.5))], file)
    assert said.startswith("0 of 0 ratios with a target, and 0 of 1 others, agree with")
    assert said.endswith("but not\n  time / the floor: +36%")


def test_others_work_is_told_loudly_when_it_is_much() -> None:
    before = Look(total=100, used=50, own=10)
    assert Look(200, 100, 58).told_since(before) == "other work used 2% of the machine meanwhile."
    assert "THAT IS A LOT" in Look(200, 130, 60).told_since(before)


def test_a_trial_takes_every_measurement() -> None:
    # What is measured costs several times as much while its coverage is measured too.
    uncovered = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--without-peers"],
        cwd=ROOT,
        env=uncovered,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    _, notice, table, growth, even, end = done.stdout.split("\n\n", 5)
    assert "!!! NOT MEASURED: query-exporter and prometheus-es-exporter" in notice
    rows = table.splitlines()[1:]
    judged = [row for row in rows if row.endswith(("met", "MISSED"))]
    assert len(judged) == 22
    assert done.returncode == any(row.endswith("MISSED") for row in judged)
    assert len(growth.splitlines()) == 5
    assert len(even.splitlines()) == 5
    assert "of the machine meanwhile" in end
