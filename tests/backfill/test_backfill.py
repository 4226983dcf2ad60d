"""Laws of the output: OpenMetrics that parsers accept, and the same bytes after any interruption."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser

from exporter.backfill.backfill import Backfill, Family, Past
from exporter.backfill.grid import Grid
from exporter.backfill.journal import Journal
from exporter.errors import Unreachable

dates = st.lists(st.integers(0, 6_000), max_size=9).map(sorted)
histories = st.lists(st.lists(dates, min_size=1, max_size=3), min_size=1, max_size=3)
grids = st.builds(Grid, st.integers(0, 2_000), st.integers(3_000, 6_000), st.sampled_from([200, 500, 1000]))


class Api:
    """Counts dates before a time; is interrupted once at its request number `interrupted_at`."""

    def __init__(self, interrupted_at: int = -1) -> None:
        self.requests = 0
        self._interrupted_at = interrupted_at

    def families(self, histories: list[list[list[int]]]) -> list[Family]:
        return [
            Family(
                (
                    (f"q{number}", f"# HELP q{number} Q.\n# TYPE q{number} gauge\n"),
                    (f"q{number}_new_total", f"# HELP q{number}_new Q.\n# TYPE q{number}_new counter\n"),
                ),
                tuple(Past(f'{{n="{row}"}}', partial(self._count, dates)) for row, dates in enumerate(rows)),
            )
            for number, rows in enumerate(histories)
        ]

    def _count(self, dates: list[int], time: int) -> int:
        if self.requests == self._interrupted_at:
            self._interrupted_at = -1
            raise KeyboardInterrupt
        self.requests += 1
        return bisect_left(dates, time)


def filled(api: Api, histories: list[list[list[int]]], grid: Grid, file: BytesIO) -> str:
    past = Backfill(api.families(histories), grid, Journal(file, {}))
    assert sum(past.ask()) == sum(map(len, histories)) * grid.steps
    asked = api.requests
    text = "".join(past.text())
    assert api.requests == asked
    return text


@given(histories, grids)
def test_each_sample_is_the_count_before_its_step(histories: list[list[list[int]]], grid: Grid) -> None:
    text = filled(Api(), histories, grid, BytesIO())
    families = list(parser.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    for number, rows in enumerate(histories):
        for name, kind in ((f"q{number}", "gauge"), (f"q{number}_new", "counter")):
            family = families.pop(0)
            assert (family.name, family.type) == (name, kind)
            found = [(s.name, s.labels["n"], float(s.timestamp), s.value) for s in family.samples]
            expected = [
                (name if kind == "gauge" else f"{name}_total", str(row), time, sum(d < step for d in dates))
                for row, dates in enumerate(rows)
                for step in range(grid.since, grid.until)
                if step % grid.step == 0
                for time in range(step, min(step + grid.step, grid.until), 240)
            ]
            assert found == expected
    assert families == []
    assert text.endswith("# EOF\n")


@given(histories, grids, st.data())
def test_an_interruption_at_any_request_changes_no_byte_and_costs_no_request(
    histories: list[list[list[int]]], grid: Grid, data: st.DataObject
) -> None:
    whole = Api()
    text = filled(whole, histories, grid, BytesIO())
    api = Api(data.draw(st.integers(0, whole.requests - 1)))
    file = BytesIO()
    with pytest.raises(KeyboardInterrupt):
        filled(api, histories, grid, file)
    file.seek(0)
    assert filled(api, histories, grid, file) == text
    assert api.requests == whole.requests
    file.seek(0)
    assert filled(Api(0), histories, grid, file) == text


def test_an_error_of_the_api_leaves_what_was_answered() -> None:
    def count(time: int) -> int:
        if time < 1200:
            raise Unreachable("gone")
        return 3

    file = BytesIO()
    grid = Grid(600, 3000, 600)
    journal = Journal(file, {})
    with pytest.raises(Unreachable):
        list(Backfill([Family((), (Past("", count),))], grid, journal).ask())
    assert journal.answers == 1
