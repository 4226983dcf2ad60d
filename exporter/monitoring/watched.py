"""Makes the panel of what a query's alert watches, with its limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exporter.alert import Alert, Level, Rise, TooFew
from exporter.language import durations
from exporter.model import Query
from exporter.monitoring import expressions
from exporter.monitoring.dashboard_model import Limit, Target, Trend
from exporter.monitoring.words import described, legend, titled

_COLOURS: Final = {"info": "blue", "critical": "red"}
_OTHER_COLOUR: Final = "orange"


def limits_the_trend(query: Query, alert: Alert) -> bool:
    """Return whether the alert is on the same values that the query's trend shows."""
    when = alert.when
    return isinstance(when, Level) and when.of is None and not query.label_names


def watched_panel(query: Query, alert: Alert, queries: Mapping[str, Query]) -> str:
    """Return the title of the panel that shows what an alert watches."""
    return "Trend" if limits_the_trend(query, alert) else what_it_watches(query, alert, queries).title


def what_it_watches(query: Query, alert: Alert, queries: Mapping[str, Query]) -> Trend:
    """Return the trend of what an alert watches, for each series; `queries` are all queries by name."""
    when = alert.when
    unit = "short"
    if not isinstance(when, Level):
        title = f"New within {durations.write(when.within)}"
        expression = expressions.risen(query, when.within)
    elif when.of is None:
        title, expression = "Values and their limit", expressions.watched(query)
    else:
        whole = queries[when.of]
        title, expression = f"Share of {titled(whole).lower()}", expressions.share(query, whole)
        unit = "percentunit"
    return Trend(
        title=title,
        description=described(query, terms(alert)),
        targets=(Target(expression, legend(expressions.keys(query))),),
        unit=unit,
        weight=3,
        finest=query.every,
        limit=limit(alert),
    )


def terms(alert: Alert) -> str:
    """Return a sentence that says when an alert fires."""
    match alert.when:
        case Rise(by, within, above, of):
            share = f", and these are more than {above * 100:.6g} % of what is new in {of}" if of else ""
            when = f"{by} or more are new within {durations.write(within)}{share}"
        case TooFew(than, within):
            when = f"fewer than {than} are new within {durations.write(within)}"
        case Level(side, value, None):
            when = f"it is {side} {value:g}"
        case Level(side, value, of):
            when = f"its share of {of} is {side} {value * 100:.6g} %"
    lasting = f" for {durations.write(alert.lasting)}" if alert.lasting else ""
    return f"The alert ({alert.severity}) fires when {when}{lasting}."


def limit(alert: Alert) -> Limit:
    """Return the limit of an alert."""
    colour = _COLOURS.get(alert.severity, _OTHER_COLOUR)
    match alert.when:
        case Rise(by):
            return Limit(by, "above", colour)
        case TooFew(than):
            return Limit(than, "below", colour)
        case Level(side, value):
            return Limit(value, side, colour)
