"""Writes the PromQL expressions of a query: its value, how much it rose, its share of another."""

from __future__ import annotations

from typing import Final

from exporter.language import durations
from exporter.model import Query

_BRIDGE: Final = 300.0
_BEFORE: Final = 86400.0


def metric(query: Query, matchers: str = "") -> str:
    """Return the selector of a query's series; `matchers` are written as in PromQL: `bot=~"$bot"`."""
    return f"{query.metric}{{{matchers}}}" if matchers else query.metric


def value(query: Query, matchers: str = "") -> str:
    """Return each series' value, the last one where there is a gap.

    An exporter that starts asks each query at once and, where that fails, one interval later. For two
    intervals, and five minutes at least, the last value counts: a restart ends no alert, nor starts it anew.
    """
    bridge = durations.write(max(_BRIDGE, 2 * query.every))
    return f"last_over_time({metric(query, matchers)}[{bridge}])"


def rise(query: Query, within: float, matchers: str = "") -> str:
    """Return how much each series rose in so many seconds, in parentheses; 0 where it only fell.

    It rose above the least it was in this time, so that history that is deleted meanwhile hides nothing.
    Where that is more, it is told how much it rose above what it was before this time: so what happened in
    a gap is told when the gap ends, if the value was seen within a day before it, or two intervals.
    """
    series, window = metric(query, matchers), durations.write(within)
    before = durations.write(max(_BEFORE, 2 * query.every))
    meanwhile = f"last_over_time({series}[{window}]) - min_over_time({series}[{window}])"
    since = f"{series} - last_over_time({series}[{before}] offset {window})"
    return f"(\n  {since}\n    > {meanwhile}\n  or {meanwhile}\n)"


def share(query: Query, whole: Query, matchers: str = "") -> str:
    """Return the share of each series in the one of `whole` with the same labels, where that is not 0."""
    more = ", ".join(name for name in query.label_names if name not in whole.label_names)
    matching = f"ignoring ({more}) group_left () " if more else ""
    return f"{value(query, matchers)}\n  / {matching}({value(whole, matchers)} > 0)"
