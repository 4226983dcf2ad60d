"""Writes the PromQL expressions of a query: its value, how much it rose, its share of another."""

from __future__ import annotations

from typing import Final

from exporter.language import durations
from exporter.model import Query

_BRIDGE: Final = 300.0
_BEFORE: Final = 86400.0


def metric(query: Query, matchers: str = "") -> str:
    """Return the selector of a query's series; `matchers` are PromQL, such as `bot=~"$bot"`."""
    return f"{query.metric}{{{matchers}}}" if matchers else query.metric


def value(query: Query, matchers: str = "") -> str:
    """Return each series' value, or the last one if there is a gap.

    After a start each query runs at once and, if that fails, again one interval later. So the last value
    counts for two intervals and for at least five minutes: a restart neither ends nor restarts an alert.
    """
    bridge = durations.write(max(_BRIDGE, 2 * query.every))
    return f"last_over_time({metric(query, matchers)}[{bridge}])"


def rise(query: Query, within: float, matchers: str = "") -> str:
    """Return how much each series rose in `within` seconds, in parentheses; 0 if it only fell.

    The rise is measured from the lowest value in this time, so that deleted history hides no rise. If that
    is more, it is measured from the last value before this time instead, of at most a day or two intervals
    earlier: so a rise during a gap is seen when the gap ends.
    """
    series, window = metric(query, matchers), durations.write(within)
    before = durations.write(max(_BEFORE, 2 * query.every))
    meanwhile = f"last_over_time({series}[{window}]) - min_over_time({series}[{window}])"
    since = f"{series} - last_over_time({series}[{before}] offset {window})"
    return f"(\n  {since}\n    > {meanwhile}\n  or {meanwhile}\n)"


def share(query: Query, whole: Query, matchers: str = "") -> str:
    """Return each series' share of the series of `whole` with the same labels, if that is not 0."""
    more = ", ".join(name for name in query.label_names if name not in whole.label_names)
    matching = f"ignoring ({more}) group_left () " if more else ""
    return f"{value(query, matchers)}\n  / {matching}({value(whole, matchers)} > 0)"
