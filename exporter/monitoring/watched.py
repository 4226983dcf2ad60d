"""Makes the panel of what a query's alert watches, with its limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exporter.alert import Alert, Level, Rise, TooFew
from exporter.language import durations
from exporter.model import Query
from exporter.monitoring import expressions
from exporter.monitoring.panels import Limit, Panel, Tones, trend
from exporter.monitoring.words import about_errors, described, legend, titled

_COLOURS: Final = {"info": "blue", "critical": "red"}


def what_it_watches(
    query: Query, alert: Alert, queries: Mapping[str, Query], by: tuple[str, ...] = ("bot",)
) -> Panel:
    """Return the trend of what an alert watches, for the foremost series; `queries` are all by name.

    `by` are the labels that tell bots apart.
    """
    when = alert.when
    unit = "short"
    match when:
        case Rise(of=str(of)) | Level(of=str(of)):
            what = titled(queries[of]).lower()
            within = when.within if isinstance(when, Rise) else None
            title = f"Share of {'new ' if within else ''}{what}"
            expression, unit = expressions.share(query, queries[of], within), "percentunit"
        case Rise() | TooFew():
            within_text = durations.write(when.within)
            title, expression = f"New within {within_text}", expressions.new(query, within_text)
        case _:
            title, expression = "Values and their limit", expressions.watched(query)
    bound = limit(alert)
    return trend(
        title,
        described(query, f"The alert ({alert.severity}) fires when {terms(alert)}."),
        (
            expressions.foremost(expression, "topk" if bound.bad == "above" else "bottomk"),
            legend((*by, *query.label_names)),
        ),
        unit=unit,
        limit=bound,
        tones=Tones(all_red=about_errors(query.name, *query.variants)),
    )


def terms(alert: Alert) -> str:
    """Return the condition of an alert, and how long it must hold."""
    match alert.when:
        case Rise(by, within, above, of):
            share = f", and these are more than {percent(above)} of what is new in {of}" if of else ""
            when = f"{by} or more are new within {durations.write(within)}{share}"
        case TooFew(than, within):
            when = f"fewer than {than} are new within {durations.write(within)}"
            when += ", and the count was there all the time"
        case Level(side, value, None):
            when = f"it is {side} {value:.15g}"
        case Level(side, value, of):
            when = f"it is {side} {percent(value)} of {of}"
    return f"{when} for {durations.write(alert.lasting)}" if alert.lasting else when


def percent(share: float) -> str:
    """Return a share as a percentage, such as 5% for 0.05."""
    return f"{share * 100:.10g}%"


def limit(alert: Alert) -> Limit:
    """Return the limit of an alert."""
    colour = _COLOURS.get(alert.severity, "orange")
    match alert.when:
        case Rise(by, _, above, of):
            return Limit(above if of else by, "above", colour)
        case TooFew(than):
            return Limit(than, "below", colour)
        case Level(side, value):
            return Limit(value, side, colour)
