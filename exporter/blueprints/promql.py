"""Writes the PromQL expressions of a query: its value, how much it rose, its share of another."""

from __future__ import annotations

from typing import Final

from exporter.language import durations
from exporter.model import Query

BRIDGE: Final = "5m"
"""How long a value that is gone still counts, so that a restart neither ends an alert nor starts it anew."""
_BEFORE: Final = "1d"
"""How long ago a count may have been seen last for a rise to be told after a gap."""


def metric(query: Query, matchers: str = "") -> str:
    """Return the selector of a query's series; `matchers` are written as in PromQL: `bot=~"$bot"`."""
    return f"{query.metric}{{{matchers}}}" if matchers else query.metric


def value(query: Query, matchers: str = "") -> str:
    """Return each series' value, the last one where there is a gap."""
    return f"last_over_time({metric(query, matchers)}[{BRIDGE}])"


def rise(query: Query, by: int, within: float, matchers: str = "") -> str:
    """Return how much each series rose in so many seconds, where that is at least `by`.

    It rose above the least it was in this time, so that history that is deleted meanwhile hides nothing;
    and above what it was before, so that what happened in a gap is told when the gap ends.
    """
    series, window = metric(query, matchers), durations.write(within)
    meanwhile = f"last_over_time({series}[{window}]) - min_over_time({series}[{window}])"
    since = f"{series} - last_over_time({series}[{_BEFORE}] offset {window})"
    return f"({meanwhile} >= {by}) or ({since} >= {by})"


def share(query: Query, whole: Query, matchers: str = "") -> str:
    """Return the share of each series in the one of `whole` with the same labels, where that is not 0."""
    more = ", ".join(name for name in query.label_names if name not in whole.label_names)
    matching = f"ignoring({more}) group_left() " if more else ""
    return f"{value(query, matchers)} / {matching}({value(whole, matchers)} > 0)"
