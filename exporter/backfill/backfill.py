"""Asks for the past of series, and writes it as OpenMetrics with timestamps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from exporter.backfill.bisection import Run, settle
from exporter.backfill.grid import Grid
from exporter.backfill.journal import Journal

EOF: Final = "# EOF\n"


@dataclass(frozen=True, slots=True)
class Past:
    """One series: the text of its labels, and how to ask how many of its documents are before a time.

    `count` takes seconds since the Unix epoch, and raises ApiError.
    """

    labels: str
    count: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Family:
    """Series that have the same names; for each of `names` they are written once.

    `names` has the name of the samples, and the lines HELP and TYPE above them.
    """

    names: tuple[tuple[str, str], ...]
    series: tuple[Past, ...]


class Backfill:
    """The past of some families on a grid. The answers are in the journal, so memory does not grow with them.

    The grid must have a step.
    """

    def __init__(self, families: Sequence[Family], grid: Grid, journal: Journal) -> None:
        self._families = families
        self._grid = grid
        self._journal = journal
        self._begins: dict[Past, int] = {}

    def ask(self) -> Iterator[int]:
        """Ask for all that is not in the journal; yield how many more steps are settled.

        Raises what a series' `count` raises; what was answered stays in the journal.
        """
        for family in self._families:
            for series in family.series:
                self._begins[series] = self._journal.position
                for run in self._runs(series):
                    yield run.end - run.begin

    def text(self) -> Iterator[str]:
        """Yield the text in parts, after `ask` has ended; each series has its samples in time order."""
        for family in self._families:
            for name, head in family.names:
                yield head
                for series in family.series:
                    self._journal.go_to(self._begins[series])
                    for begin, end, value in self._runs(series):
                        sample = f"{name}{series.labels} {value}"
                        for index in range(begin, end):
                            yield "".join(f"{sample} {time}\n" for time in self._grid.samples(index))
        yield EOF

    def _runs(self, series: Past) -> Iterator[Run]:
        def count(index: int) -> int:
            return self._journal.answer(partial(series.count, self._grid.at(index)))

        return settle(self._grid.steps, count)
