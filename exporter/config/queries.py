"""Declares the section of a query, and builds queries from it, the bots and the defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from exporter.config import alerts, words
from exporter.config.bots import doubt_label_names
from exporter.config.kinds import Key, Values, choice, list_of, section
from exporter.config.report import Report, check_unique
from exporter.config.variants import LABELS, PREDICATE, inspect, variants
from exporter.language import durations, labels, predicate
from exporter.language.suggest import one_of
from exporter.language.tree import Path
from exporter.model import COLLECTIONS, Bot, Query

_DAY: Final = 86_400.0
_HOUR: Final = 3600.0
_EVERY: Final = 60.0
_STALE_RUNS: Final = 5
_INTERVAL: Final = words.duration("1s", "1y")
_AGE: Final = words.duration("1ms", "10y")

DEFAULTS: Final = section(
    "a mapping such as {every: 1m}",
    {
        "every": Key(_INTERVAL, "How often a query runs.", durations.write(_EVERY)),
        "stale_after": Key(
            _AGE, "How long the last good value is shown; five times the query's every if left out."
        ),
    },
)

QUERY: Final = section(
    "a query with name and collection",
    {
        "name": Key(words.QUERY_NAME, "The metric is nativechat_ and this name.", required=True),
        "help": Key(words.SENTENCE, "The metric's HELP."),
        "collection": Key(choice(COLLECTIONS), "What is counted.", required=True),
        "query": Key(PREDICATE, "A MongoDB predicate, as the API takes it; all are counted if left out."),
        "labels": Key(
            LABELS, "Labels: a list of values for a placeholder, or a mapping from values to predicates."
        ),
        "every": Key(_INTERVAL, "How often it runs; see defaults."),
        "at": Key(words.TIME, "The time of day it runs; every must be whole days."),
        "stale_after": Key(_AGE, "How long its last good value is shown; see defaults."),
        "bots": Key(
            list_of(words.BOT_NAME, "a list of bots' names"),
            "The bots it asks; every bot if left out.",
        ),
        "alert": Key(alerts.ALERTS, "When to notify a person; used by the commands rules and dashboard."),
    },
)


class Shared(NamedTuple):
    """What a query uses from the rest of the file."""

    bots: tuple[Bot, ...]
    defaults: Values
    zone: ZoneInfo
    max_series: int


def make(written: Sequence[Values | None], shared: Shared, report: Report) -> tuple[Query, ...]:
    """Return a query for each section of `queries`, and report what is wrong with them."""
    read = [(each, ("queries", index)) for index, each in enumerate(written) if each is not None]
    check_unique((((*path, "name"), values.get("name")) for values, path in read), report)
    made = [_query(values, path, shared, report) for values, path in read]
    known = {query.name: query for query in made}
    for index, (values, path) in enumerate(read):
        if "alert" in values:
            sections = alerts.sections(values["alert"], (*path, "alert"))
            alerts.check_summaries(sections, _labels(made[index], shared.bots), report)
            alerts.check_labels(made[index], path, shared.bots, report)
            made[index] = replace(made[index], alerts=alerts.make(sections, made[index], known, report))
    _check_defaults(shared.defaults, report)
    asked = {name for query in made for name in query.bots}
    is_complete = len(read) == len(written) and all(report.clean((*path, "bots")) for _, path in read)
    for index, bot in enumerate(shared.bots if made and is_complete else ()):
        if bot.name and bot.name not in asked:
            advice = "add it to a query's `bots`, or take it out"
            report.warning(("bots", index, "name"), "no query asks this bot", advice)
    return tuple(made)


def _labels(query: Query, bots: Sequence[Bot]) -> frozenset[str]:
    """Return the names of all labels that the query's series may have."""
    of_bots = {name for bot in bots if bot.name in query.bots for name, _ in bot.labels}
    return frozenset({"bot", "job", *of_bots, *query.label_names})


def _query(values: Values, path: Path, shared: Shared, report: Report) -> Query:
    every, stale_after = _times(values, path, shared, report)
    bots = _bots(values, path, shared, report)
    names = tuple(values.get("labels", ()))
    _check_clashes(names, path, bots, report)
    doubt_label_names(names, (*path, "labels"), report)
    _check_series(values, path, len(bots), shared.max_series, report)
    inspect(values, path, report)
    name, collection = values.get("name", ""), values.get("collection", "conversations")
    return Query(
        name=name,
        help=values.get("help", f"How many {collection} match the query {name}."),
        collection=collection,
        every=every,
        stale_after=stale_after,
        bots=tuple(bot.name for bot in bots),
        at=values.get("at"),
        label_names=names,
        variants=variants(values) if report.clean(path) else (),
        predicate=predicate.compile(values.get("query")).text if report.clean(path) else "",
    )


def _times(values: Values, path: Path, shared: Shared, report: Report) -> tuple[float, float]:
    """Return `every` and `stale_after` in seconds; 0 for an `every` that is wrong.

    A default of `stale_after` that does not reach to the next run is not used: a daily query would have no
    values for most of the day.
    """
    every: float = values.get("every") or shared.defaults.get("every") or _EVERY
    longest = every + (_HOUR if "at" in values and _has_clock_changes(shared.zone) else 0.0)
    default: float = shared.defaults.get("stale_after") or 0.0
    stale: float = values.get("stale_after") or (default if default > longest else _STALE_RUNS * every)
    is_read = "every" in values or "every" in shared.defaults
    if not report.clean((*path, "every")) or (not is_read and not report.clean(("defaults",))):
        return 0.0, stale
    if "at" in values and every % _DAY:
        advice = "write an `every` in whole days, such as 1d"
        report.error((*path, "at"), f"`at` with `every` of {durations.write(every)}", advice)
    if stale <= longest and report.clean(("defaults",)):
        next_run = f"the next run may be {durations.write(longest)} after it"
        what = f"values are dropped {durations.write(stale)} after a run, and {next_run}"
        report.warning((*path, "stale_after"), what, "write a longer stale_after, or leave it out")
    return every, stale


def _check_defaults(defaults: Values, report: Report) -> None:
    every = defaults.get("every", _EVERY)
    if defaults.get("stale_after", every + 1) <= every and report.clean(("defaults",)):
        what = f"not used by a query that runs every {durations.write(every)}: its next run comes later"
        report.warning(("defaults", "stale_after"), what, "write a longer one, or leave it out")


def _has_clock_changes(zone: ZoneInfo) -> bool:
    """Return whether a day of this zone can have 25 hours."""
    return len({datetime(2026, month, 1, tzinfo=zone).utcoffset() for month in range(1, 13)}) > 1


def _bots(values: Values, path: Path, shared: Shared, report: Report) -> tuple[Bot, ...]:
    """Return the bots that a query asks, in the order it names them."""
    if "bots" not in values:
        return shared.bots
    known = {bot.name: bot for bot in shared.bots}
    names = [((*path, "bots", index), name) for index, name in enumerate(values["bots"])]
    check_unique(names, report)
    for where, name in names:
        if name is not None and name not in known and known and all(known):
            advice = one_of(name, known)
            report.error(where, f'no bot has the name "{name}"', advice)
    return tuple(known[name] for name in dict.fromkeys(values["bots"]) if name in known)


def _check_clashes(names: Sequence[str], path: Path, bots: Sequence[Bot], report: Report) -> None:
    for name in names:
        for bot in bots:
            if name in dict(bot.labels):
                what = f'the label "{name}" is also on the bot "{bot.name}"'
                report.error((*path, "labels", name), what, "rename one of them", at_key=True)


def _check_series(values: Values, path: Path, bots: int, most: int, report: Report) -> None:
    series = bots * labels.count(values.get("labels", {}))
    if series > most:
        what = f"makes {series:,} series, more than max_series of {most:,}"
        advice = "write fewer label values or bots, or a larger max_series"
        report.error((*path, "labels" if "labels" in values else "name"), what, advice)
