"""Makes the rows on top: whether all is well, then how much is new and how much there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.alert import Level, Rise
from exporter.model import COLLECTIONS, Config, Query
from exporter.monitoring import expressions
from exporter.monitoring.expressions import HOUR, MOST_BOTS, OURS, RANGE, TARGETS
from exporter.monitoring.overlap import counts_all
from exporter.monitoring.panels import Column, Panel, Row, Tones, alerts, stat, table, timeline, trend
from exporter.monitoring.promql import one
from exporter.monitoring.variables import APART, BOT, bot_labels
from exporter.monitoring.watched import limit
from exporter.monitoring.words import about_errors, about_success, described, legend, titled

_UP: Final = one(f"nativechat_up{{{BOT}}}")
_LEAST_UP: Final = one(f"avg_over_time(nativechat_up{{{BOT}}}[{RANGE}] @ end())")
_QUERY_UP: Final = one(f"{OURS}query_up{{{BOT}}}")
_TITLE: Final = "At a glance"
_HOUR: Final[float | None] = 3600.0
_MOST_SHARES: Final = 2
_MOST_QUERIES: Final = 20


def headline(config: Config) -> Row:
    """Return the row that says what is wrong: what is new, what is down, alerts, and shares over time."""
    parts = list(_parts(config))[:_MOST_SHARES]
    wholes = [*_wholes(config).values()]
    counted = [
        query for query in (*wholes[:1], *(query for query, _ in parts), *wholes[1:]) if not query.dated
    ]
    new = [(f"round({expressions.added(expressions.new(query, RANGE))})", titled(query)) for query in counted]
    states = ((_UP, "bots"), (_QUERY_UP, "queries"), (TARGETS, "exporters"))
    down = stat(
        "Down",
        "Bots whose most recent request got no answer, queries of bots that failed in their last run, and "
        "exporters that Prometheus cannot scrape, of those it knew in the time shown.",
        *((f"sum(1 - ({state}))", whose) for state, whose in states),
        alarming=True,
    )
    up = stat("Up", "The others.", *((f"sum({state})", whose) for state, whose in states))
    firing = alerts(
        "Alerts",
        "Alerts on NativeChat that fire or soon will: Grafana's, and those of Prometheus if its data source "
        "shows them.",
        "NativeChat",
    )
    bots = timeline(
        "Bots up and down",
        "Whether the most recent request for a bot got an answer. Of more than eight bots, those that were "
        "down longest.",
        (f"{_UP} and bottomk({MOST_BOTS}, {_LEAST_UP})", legend(("bot", *APART))),
    )
    news = [stat("New", "New in the time shown; all chosen bots together.", *new)] if new else []
    lines = (*news, down, up), (firing, *(panel for _, panel in parts), bots)
    return Row(_TITLE, _TITLE, lines)


def _parts(config: Config) -> Iterator[tuple[Query, Panel]]:
    """Yield each query with an alert that is a part of another, and the trend of its share."""
    queries = {query.name: query for query in config.queries}
    for query in config.queries:
        if not query.alerts or query.label_names or counts_all(query):
            continue
        whole, limited, within = _wholes(config).get(query.collection), None, _HOUR
        for alert in reversed(query.alerts):
            if isinstance(alert.when, Rise | Level) and alert.when.of:
                whole, limited = queries[alert.when.of], limit(alert)
                within = alert.when.within if isinstance(alert.when, Rise) else None
        if whole is None:
            continue
        if query.dated or whole.dated:
            within = None
        words = f"Of {'new ' if within else ''}{titled(whole).lower()}, of all chosen bots."
        share = trend(
            f"{titled(query)}, share",
            described(query, words),
            (expressions.share_of_all(query, whole, within), "all bots"),
            unit="percentunit",
            limit=limited,
            tones=Tones(all_red=about_errors(query.name, *query.variants)),
        )
        yield query, share


def _wholes(config: Config) -> dict[str, Query]:
    """Return the query that counts everything, for each collection that has one."""
    found = {query.collection: query for query in reversed(config.queries) if counts_all(query)}
    return {name: found[name] for name in COLLECTIONS if name in found}


def trends(config: Config) -> Row:
    """Return the row on what is new and what there is: over time of all chosen bots together, and by bot."""
    plain = [query for query in config.queries if not query.label_names][:_MOST_QUERIES]
    tones = Tones(
        red=tuple(titled(query) for query in plain if about_errors(query.name, *query.variants)),
        green=tuple(titled(query) for query in plain if about_success(query.name)),
    )
    total = [(expressions.added(expressions.shown(query)), titled(query)) for query in plain]
    bots = ("bot", *bot_labels(config), *APART)
    columns = [Column(expressions.now(query), titled(query)) for query in plain]
    if not plain:
        return Row("Trends", "Trends", ())
    new = [
        trend(
            f"New {collection} per hour",
            "How many were new in the hour before each point; all chosen bots together.",
            *((expressions.added(expressions.new(query, HOUR)), titled(query)) for query in rising),
            tones=tones,
        )
        for collection in COLLECTIONS
        if (rising := [query for query in plain if query.collection == collection and not query.dated])
    ]
    totals = trend("Totals", "All that match. A fall may be deleted history.", *total, tones=tones)
    of_bots = table("Bots", "What there is now.", bots, *columns, first=columns[0].title, linked="bot")
    return Row("Trends", "Trends", ((*new, totals), (of_bots,)))
