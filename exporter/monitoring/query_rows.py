"""Makes the row of a query: a table of its labels, what is new, the trend, and what its alerts watch."""

from __future__ import annotations

from typing import Final

from exporter.language import durations
from exporter.model import Config, Query, Variant
from exporter.monitoring import expressions
from exporter.monitoring.expressions import HOUR, MOST_BOTS, RANGE
from exporter.monitoring.overlap import adds_up
from exporter.monitoring.panels import Column, Panel, Row, Tones, table, trend
from exporter.monitoring.variables import APART, bot_labels
from exporter.monitoring.watched import what_it_watches
from exporter.monitoring.words import about_errors, about_success, described, legend, titled

_LINE: Final = 4
"""The most panels side by side."""

_MOST_VALUES: Final = 20
"""The most values of labels that each get a line in a trend."""


def query_row(query: Query, config: Config) -> Row:
    """Return the row of a query."""
    bots = ("bot", *bot_labels(config), *APART)
    queries = {each.name: each for each in config.queries}
    watched = (what_it_watches(query, alert, queries, bots) for alert in query.alerts)
    # Alerts that watch the same have one panel.
    now = (_table(query, bots),) if query.label_names else ()
    panels = {panel["title"]: panel for panel in (*now, *_trends(query, bots), *watched)}
    made = tuple(panels.values())
    lines = (made[first : first + _LINE] for first in range(0, len(made), _LINE))
    return Row(query.name, titled(query), tuple(lines))


def _table(query: Query, bots: tuple[str, ...]) -> Panel:
    now, new = Column(expressions.now(query), "now"), Column(f"round({expressions.new(query, RANGE)})", "new")
    every = f"Asked every {durations.write(query.every)}."
    return table(
        "Now",
        described(query, every if query.dated else f"{every} New in the time shown."),
        (*bots, *query.label_names),
        *((now,) if query.dated else (now, new)),
        first="now",
    )


def _trends(query: Query, bots: tuple[str, ...]) -> list[Panel]:
    by, values = _lines(query, bots)
    most = _MOST_VALUES if values else MOST_BOTS
    stacks = adds_up(query)
    tones = Tones(
        red=tuple(value for value, variants in values.items() if about_errors(value, *variants)),
        green=tuple(filter(about_success, values)),
        all_red=about_errors(query.name, *query.variants),
    )
    text = f"{'All chosen bots together. ' if values else ''}Of more than {most} lines, the greatest."
    if not stacks:
        text = f"{text} Lines may overlap: a document can count in more than one."
    measured = [("Trend", "A fall may be history that was deleted.", expressions.shown(query))]
    if not query.dated:
        new = expressions.new(query, HOUR)
        measured.insert(0, ("New per hour", "How many were new in the hour before each point.", new))
    found = []
    for title, words, expression in measured:
        lines = expressions.added(expression, by)
        if len(values) > _MOST_VALUES or not values:
            lines = expressions.foremost(lines, most=most)
        found.append(
            trend(
                title,
                described(query, f"{words} {text}"),
                (lines, legend(by)),
                stacked=stacks and bool(query.label_names),
                tones=tones,
            )
        )
    return found


def _lines(query: Query, bots: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, list[Variant]]]:
    """Return the labels for whose values trends have lines, and what each line counts; nothing for bots.

    Values of the other labels are added up if they can be.
    """
    if not query.label_names or (len(query.label_names) > 2 and adds_up(query)):
        return bots, {}
    by = query.label_names[:1] if adds_up(query) else query.label_names
    values: dict[str, list[Variant]] = {}
    for variant in query.variants:
        values.setdefault(" ".join(dict(variant.labels)[label] for label in by), []).append(variant)
    return by, values
