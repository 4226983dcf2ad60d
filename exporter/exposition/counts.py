"""Shows what the queries counted: one metric family for each query."""

from __future__ import annotations

from exporter.exposition.family import Family, blank
from exporter.exposition.sheet import Sheet
from exporter.language import durations
from exporter.model import Labels, Plan, Query


class Counts:
    """The families of a plan's queries, on `sheet`; their series are absent until they are given a count.

    `shown` is the number of those that have one.
    """

    def __init__(self, plan: Plan, sheet: Sheet) -> None:
        labels: dict[str, list[Labels]] = {query.name: [] for query in plan.queries}
        first_rows = []
        for poll in plan.polls:
            first_rows.append(len(labels[poll.query.name]))
            labels[poll.query.name].extend(series.labels for series in poll.series)
        families = {
            query.name: Family(sheet, blank(query.metric, help_text(query), "gauge", labels[query.name]))
            for query in plan.queries
        }
        self.shown = 0
        self._polls = [
            (families[poll.query.name], row) for poll, row in zip(plan.polls, first_rows, strict=True)
        ]

    def set(self, poll: int, row: int, count: int | None) -> None:
        """Show the count of the series at `row` of the plan's poll number `poll`; None for absent."""
        family, first_row = self._polls[poll]
        self.shown += family.set(first_row + row, count)


def help_text(query: Query) -> str:
    """Return the HELP of a query's metric: the operator's words, and how old a value can be."""
    every, stale_after = durations.write(query.every), durations.write(query.stale_after)
    words = query.help if query.help.endswith((".", "!", "?")) else f"{query.help}."
    return f"{words} Asked every {every}; absent once older than {stale_after}."
