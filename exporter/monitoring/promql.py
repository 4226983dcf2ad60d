"""Writes the PromQL expressions of a query: its value, its share of another, and what is new in it.

Replicas and Pods that come and go are one: the greatest value counts. All other labels keep series apart, so
teams, namespaces and clusters do not mix.
"""

from __future__ import annotations

from typing import Final

from exporter.language import durations
from exporter.model import Query

_BRIDGE: Final = 300.0


def selector(metric: str, matchers: str = "") -> str:
    """Return the selector of a metric's series; `matchers` are PromQL, such as `bot=~"$bot"`."""
    return f"{metric}{{{matchers}}}" if matchers else metric


def one(values: str) -> str:
    """Return the greatest value over all replicas and Pods."""
    return f"max without (instance, pod) ({values})"


def value(query: Query, matchers: str = "") -> str:
    """Return each series' value, or the last one if there is a gap.

    The last value counts for two intervals and for at least five minutes: a restart neither ends nor restarts
    an alert.
    """
    bridge = durations.write(max(_BRIDGE, 2 * query.every))
    return f"last_over_time({selector(query.metric, matchers)}[{bridge}])"


def new(query: Query, within: str, matchers: str = "") -> str:
    """Return how many are new in a PromQL duration, such as `1h`; never less than what the exporter saw."""
    return f"increase({selector(query.counter, matchers)}[{within}])"


def earlier(query: Query, within: float) -> str:
    """Return the range of a window of `within` seconds without two intervals of the query at each end."""
    window = max(within - 4 * query.every, within / 2)
    return f"[{durations.write(window)}] offset {durations.write(2 * query.every)}"


def unless_down(up: str, window: str, labels: tuple[str, ...]) -> str:
    """Return a clause that drops what was down for a whole range; `labels` are those that only one has."""
    return f"\nunless {ignoring(labels)}{one(f'max_over_time({up}{window})')} == 0"


def ignoring(labels: tuple[str, ...]) -> str:
    """Return the modifier of an operator one of whose sides has these labels; nothing without labels."""
    return f"ignoring ({', '.join(labels)}) " if labels else ""


def more_labels(query: Query, whole: Query) -> tuple[str, ...]:
    """Return the labels of a query that `whole` does not have."""
    return tuple(name for name in query.label_names if name not in whole.label_names)


def matching(query: Query, whole: Query) -> str:
    """Return the modifiers of an operator between a query's series and the series of `whole`, or nothing."""
    more = more_labels(query, whole)
    return f"{ignoring(more)}group_left () " if more else ""
