"""Makes the row of a query, by its number of labels, whether it adds up, and its alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from exporter.language import durations
from exporter.model import Query
from exporter.monitoring import expressions
from exporter.monitoring.dashboard_model import (
    AnyPanel,
    Column,
    Line,
    Matrix,
    Row,
    Stat,
    Table,
    Target,
    Trend,
)
from exporter.monitoring.overlap import adds_up, moves
from exporter.monitoring.watched import limit, limits_the_trend, terms, what_it_watches
from exporter.monitoring.words import described, legend, titled


def query_row(query: Query, queries: Mapping[str, Query], runbook: str) -> Row:
    """Return the row of a query; `queries` are all queries by name, `runbook` is its alert's page."""
    labelled = bool(query.label_names)
    panels: list[AnyPanel] = (
        [_latest(query), _by_label(query)] if labelled else [_number(query), _by_bot(query)]
    )
    if not moves(query):
        panels.append(_new(query))
    watched = {
        panel.title: panel
        for alert in query.alerts
        if not limits_the_trend(query, alert)
        for panel in (what_it_watches(query, alert, queries),)
    }
    panels = [replace(panel, runbook=runbook) for panel in (*panels, *watched.values())]
    # Four panels of which one is a table take two lines: a table needs the width.
    cut = 2 if labelled and len(panels) == 4 else len(panels)
    lines = (tuple(panels[:cut]), tuple(panels[cut:]))
    return Row(query.name, titled(query), tuple(Line(line) for line in lines if line))


def _number(query: Query) -> Stat:
    return Stat(
        title="Now",
        description=described(query, f"Asked every {durations.write(query.every)}."),
        targets=(Target(expressions.now(query), "{{bot}}"),),
        weight=2,
        absent="no fresh value",
    )


def _by_bot(query: Query) -> Trend:
    alert = next((alert for alert in query.alerts if limits_the_trend(query, alert)), None)
    return Trend(
        title="Trend",
        description=described(query, terms(alert) if alert else "A fall may be history that was deleted."),
        targets=(Target(expressions.shown(query), "{{bot}}"),),
        unit="short",
        weight=3,
        finest=query.every,
        limit=limit(alert) if alert else None,
    )


def _by_label(query: Query) -> Trend:
    labels = _lines(query)
    return Trend(
        title=f"Trend by {_listed(labels)}",
        description=described(query, _together(query)),
        targets=(Target(expressions.added(query, expressions.shown(query), labels), legend(labels)),),
        unit="short",
        weight=3,
        finest=query.every,
        stacked=adds_up(query),
    )


def _lines(query: Query) -> tuple[str, ...]:
    """Return the labels for whose values a trend has lines; the others are added up if they can be."""
    if not query.label_names:
        return ("bot",)
    if not adds_up(query):
        return query.label_names
    return query.label_names[:1] if len(query.label_names) < 3 else ("bot",)


def _together(query: Query) -> str:
    if not adds_up(query):
        return "All chosen bots together. Lines may overlap: a document can count in more than one."
    whose = "values of the labels" if _lines(query) == ("bot",) else "chosen bots"
    return f"All {whose} together."


def _latest(query: Query) -> Table | Matrix:
    if len(query.label_names) == 2:
        down, across = query.label_names
        return Matrix(
            title=f"Now, {down} by {across}",
            description=described(query, "All chosen bots together."),
            targets=(Target(expressions.added(query, expressions.now(query), query.label_names)),),
            weight=2,
            down=down,
            across=across,
        )
    labels = tuple(Column(label, label) for label in expressions.keys(query))
    targets, columns = [Target(expressions.now(query))], [*labels, Column(0, "now")]
    if adds_up(query):
        targets.append(Target(expressions.share_among(query)))
        columns.append(Column(1, "share", unit="percentunit"))
    more = " The share is that of the values listed, for the same bot." if adds_up(query) else ""
    return Table(
        title="Now",
        description=described(query, f"Asked every {durations.write(query.every)}.{more}"),
        targets=tuple(targets),
        weight=2,
        columns=tuple(columns),
    )


def _new(query: Query) -> Trend:
    labels = _lines(query)
    new = expressions.new(query, "$__interval")
    return Trend(
        title="New per interval",
        description=described(query, "By how much it rose from run to run; falls are ignored."),
        targets=(Target(expressions.added(query, new, labels), legend(labels)),),
        unit="short",
        weight=3,
        finest=query.every,
        bars=True,
        stacked=not query.label_names or adds_up(query),
    )


def _listed(labels: tuple[str, ...]) -> str:
    return " and ".join((", ".join(labels[:-1]), labels[-1])) if len(labels) > 1 else labels[0]
