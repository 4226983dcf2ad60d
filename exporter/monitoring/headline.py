"""Makes the row on top: whether all is well, and the most important numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from exporter.alert import Level
from exporter.model import COLLECTIONS, Config, Query
from exporter.monitoring import expressions
from exporter.monitoring.dashboard_model import (
    BAD_FROM_ONE,
    GOOD_FROM_ONE,
    NO_COLOUR,
    Limit,
    Line,
    Row,
    Stat,
    Steps,
    Target,
    steps,
)
from exporter.monitoring.expressions import TARGETS
from exporter.monitoring.overlap import counts_all, moves
from exporter.monitoring.rule import Rule
from exporter.monitoring.variables import BOT
from exporter.monitoring.watched import limit
from exporter.monitoring.words import described, titled

BOTS: Final = f"max by (bot) (nativechat_up{{{BOT}}})"
POLLS: Final = f"max by (bot, query) (nativechat_exporter_query_up{{{BOT}}})"
_SUCCESS: Final = f"nativechat_exporter_query_last_success_timestamp_seconds{{{BOT}}}"
AGES: Final = f"time() - (max by (bot, query) ({_SUCCESS}) > 0)"
_INTERVALS: Final = 'max by (query) (nativechat_exporter_query_interval_seconds{job=~"$job"})'
LATENESS: Final = f"({AGES}) / on (query) group_left () {_INTERVALS}"
LATE: Final[Steps] = ((None, "green"), (2, "orange"), (5, "red"))
_MOST_SHARES: Final = 2


def headline(config: Config, rules: Mapping[str, Rule]) -> Row:
    """Return the row of single numbers; `rules` are the alerts on the exporter itself, by name."""
    stats = (*_health(rules), *_totals(config), *islice(_shares(config), _MOST_SHARES))
    return Row("headline", "At a glance", (Line(stats, height=5),))


def _health(rules: Mapping[str, Rule]) -> tuple[Stat, ...]:
    return (
        Stat(
            title="Bots",
            description="Bots whose most recent request to NativeChat got an answer, and those without.",
            targets=(
                Target(f"sum({BOTS})", "up", steps=GOOD_FROM_ONE),
                Target(f"sum(1 - {BOTS})", "down", steps=BAD_FROM_ONE),
            ),
            weight=3,
            runbook=rules["NativeChatBotDown"].runbook_url,
        ),
        Stat(
            title="Queries",
            description="Queries of bots, by whether every request of their last run succeeded.",
            targets=(
                Target(f"sum({POLLS})", "fine", steps=GOOD_FROM_ONE),
                Target(f"sum(1 - {POLLS})", "failing", steps=BAD_FROM_ONE),
            ),
            weight=3,
            runbook=rules["NativeChatQueryFailing"].runbook_url,
        ),
        Stat(
            title="Exporters",
            description="Exporters that Prometheus can scrape, of those it knew in the time shown.",
            targets=(
                Target(f"sum({TARGETS})", "up", steps=GOOD_FROM_ONE),
                Target(f"sum(1 - ({TARGETS}))", "down", steps=BAD_FROM_ONE),
            ),
            weight=3,
            runbook=rules["NativeChatExporterDown"].runbook_url,
        ),
        Stat(
            title="Oldest value",
            description="How long ago the query ran that has not succeeded for longest, also counted in its "
            "own intervals: one is usual. Queries that never succeeded count as failing.",
            targets=(
                Target(f"max({AGES})", "age", unit="s"),
                Target(f"max({LATENESS})", "in intervals", unit="none", steps=LATE),
            ),
            absent="never succeeded",
            weight=4,
            runbook=rules["NativeChatValueStale"].runbook_url,
        ),
    )


def _totals(config: Config) -> Iterator[Stat]:
    for query in _wholes(config).values():
        yield Stat(
            title=titled(query),
            description=described(query, "All chosen bots together."),
            targets=(Target(expressions.added(query, expressions.now(query))),),
            weight=3,
            absent="no fresh value",
        )


def _shares(config: Config) -> Iterator[Stat]:
    """Return the shares of queries with an alert."""
    queries = {query.name: query for query in config.queries}
    wholes = _wholes(config)
    for query in config.queries:
        if not query.alerts or query.label_names:
            continue
        when = query.alerts[0].when
        if isinstance(when, Level) and when.of:
            yield _share(query, queries[when.of], limit(query.alerts[0]))
        elif not moves(query) and not counts_all(query) and query.collection in wholes:
            yield _share(query, wholes[query.collection])


def _share(query: Query, whole: Query, bound: Limit | None = None) -> Stat:
    return Stat(
        title=f"{titled(query)}, share",
        description=described(query, f"Of {titled(whole).lower()}, all chosen bots together."),
        targets=(Target(expressions.share_of_all(query, whole)),),
        unit="percentunit",
        weight=5,
        steps=steps(bound) if bound else NO_COLOUR,
        absent="none to compare",
    )


def _wholes(config: Config) -> dict[str, Query]:
    """Return the query that counts everything, for each collection that has one."""
    found = {query.collection: query for query in reversed(config.queries) if counts_all(query)}
    return {name: found[name] for name in COLLECTIONS if name in found}
