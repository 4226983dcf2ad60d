"""Writes the PromQL of panels.

Replicas and Pods that come and go are one, as in alerts; teams, namespaces and clusters stay apart. What the
variables of the dashboard choose is matched.
"""

from __future__ import annotations

import re
from typing import Final

from exporter.language import durations
from exporter.model import Query
from exporter.monitoring import promql
from exporter.monitoring.promql import one
from exporter.monitoring.variables import APART, BOT, JOB, matcher

RANGE: Final = "$__range"
HOUR: Final = "1h"
OURS: Final = "nativechat_exporter_"
MOST_BOTS: Final = 8
_WINDOW: Final = re.compile(r"\[[^\]]+\]")


def matchers(query: Query) -> str:
    """Return the matchers for the chosen series of a query: bots, and values of its labels."""
    return ",".join((BOT, *map(matcher, query.label_names)))


def now(query: Query) -> str:
    """Return each series' value, and nothing if it is stale."""
    return one(promql.selector(query.metric, matchers(query)))


def shown(query: Query) -> str:
    """Return each series' value, and the last one during a short gap: a restart is no fall."""
    return one(f"last_over_time({promql.selector(query.metric, matchers(query))}[5m])")


def new(query: Query, window: str) -> str:
    """Return how many are new in each series within a PromQL duration, such as `1h`."""
    return one(promql.new(query, window, matchers(query)))


def watched(query: Query) -> str:
    """Return each series' value as its alert sees it, with the last one during longer gaps."""
    return one(promql.value(query, matchers(query)))


def share(query: Query, whole: Query, within: float | None) -> str:
    """Return each series' share of the series of `whole` with the same labels, as an alert sees it.

    It is the share of what is new in the last `within` seconds or, if that is None, of the values.
    """
    return f"{_counted(query, within)} / {promql.matching(query, whole)}({_counted(whole, within)} > 0)"


def share_of_all(query: Query, whole: Query, within: float | None) -> str:
    """Return the same share of all bots together, for the bots that have both."""
    part, all_of = _counted(query, within), _counted(whole, within)
    both = f"and on ({', '.join((*APART, 'job', 'bot'))})"
    return f"sum({part} {both} {all_of}) / (sum({all_of} {both} {part}) > 0)"


def _counted(query: Query, within: float | None) -> str:
    return new(query, durations.write(within)) if within else watched(query)


def added(values: str, labels: tuple[str, ...] = ()) -> str:
    """Return the sum of values by these labels; without labels, the sum of all values."""
    return f"sum by ({', '.join(labels)}) ({values})" if labels else f"sum({values})"


def foremost(values: str, among: str = "topk", most: int = MOST_BOTS) -> str:
    """Return the series that are greatest over the time shown, or least with `bottomk`.

    These are the same at each point. The values need a window, which is replaced by the time shown.
    """
    return f"{values} and {among}({most}, {_WINDOW.sub(f'[{RANGE}] @ end()', values)})"


def of_process(metric: str) -> str:
    """Return a metric that every process may have, for exporters only."""
    return f"{metric} and on (job, instance) {OURS}build_info{{{JOB}}}"


_SINCE: Final = f"last_over_time({OURS}build_info{{{JOB}}}[{RANGE}])"
TARGETS: Final = f"max by (job, instance) (up{{{JOB}}} and on (job, instance) {_SINCE})"
"""1 or 0 for each target that was an exporter in the time shown; a job may have other targets too."""
