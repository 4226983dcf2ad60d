"""Makes queries of their sections: names once, times and bots in order, each variant's predicate sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from exporter.config.alerts import alert, check_labels
from exporter.config.notes import Given, Notes, either, once
from exporter.config.schema import DEFAULT_EVERY, BotSection, DefaultsSection, QuerySection
from exporter.config.variants import inspect, variants
from exporter.language import durations, labels
from exporter.language.suggest import did_you_mean
from exporter.model import Query

_DAY: Final = 86_400.0
_STALE_RUNS: Final = 5


class Around(NamedTuple):
    """What a query depends on outside its own section."""

    bots: tuple[BotSection, ...]
    defaults: DefaultsSection
    max_series: int


def queries(sections: Sequence[Given[QuerySection]], around: Around, notes: Notes) -> tuple[Query, ...]:
    """Return a query for each section; what is wrong with them goes to `notes`."""
    once([section.value.name for section in sections], notes)
    made = _with_alerts(sections, tuple(_query(each, around, notes) for each in sections), around, notes)
    asked = {name for query in made for name in query.bots}
    for bot in around.bots:
        if bot.name.value and bot.name.value not in asked:
            advice = "add it to a query's `bots`, or take it out"
            notes.warning(bot.name.place, bot.name.path, "no query asks this bot", advice)
    return made


def _with_alerts(
    sections: Sequence[Given[QuerySection]], made: tuple[Query, ...], around: Around, notes: Notes
) -> tuple[Query, ...]:
    """Return the queries with their alerts, which may be about the share of another query."""
    known = {query.name: query for query in made}
    alerts = []
    for section, query in zip(sections, made, strict=True):
        given = section.value.alert
        alerts.append(alert(given, query, known, notes) if given else None)
        if given is not None:
            check_labels(given, _labels(query, around.bots), notes)
    return tuple(replace(query, alert=each) for query, each in zip(made, alerts, strict=True))


def _labels(query: Query, bots: Sequence[BotSection]) -> frozenset[str]:
    """Return the names of all labels that the query's series may have."""
    of_bots = {name for bot in bots if bot.name.value in query.bots for name, _ in either(bot.labels, ())}
    return frozenset({"bot", "job", "instance", *of_bots, *query.label_names})


def _query(given: Given[QuerySection], around: Around, notes: Notes) -> Query:
    section = given.value
    every, stale_after = _times(given, around.defaults, notes)
    bots = _bots(section, around, notes)
    names = either(section.labels, ())
    _check_clashes(section, bots, notes)
    _check_series(section, len(bots), around.max_series, notes)
    inspect(given, notes)
    default_help = f"How many {section.collection.value} match the query {section.name.value}."
    return Query(
        name=section.name.value,
        help=either(section.help, default_help),
        collection=section.collection.value,
        every=every,
        stale_after=stale_after,
        bots=tuple(bot.name.value for bot in bots),
        at=either(section.at, None),
        label_names=tuple(label.name for label in names),
        variants=variants(section) if notes.clean(given.path) else (),
    )


def _times(given: Given[QuerySection], defaults: DefaultsSection, notes: Notes) -> tuple[float, float]:
    """Return `every` and `stale_after` in seconds.

    A default that is shorter than this query's `every` is not for it: its values would be gone for most
    of each interval, as those of a daily query beside a default of five minutes.
    """
    section = given.value
    every = either(section.every or defaults.every, DEFAULT_EVERY)
    stale = section.stale_after
    if stale is None and either(defaults.stale_after, 0.0) >= every:
        stale = defaults.stale_after
    sure = notes.clean(f"{given.path}.every") and notes.clean("defaults")
    if section.at and every % _DAY and sure:
        what = f"`at` with `every` of {durations.write(every)}"
        notes.error(section.at.place, section.at.path, what, "`at` goes with whole days, such as every: 1d")
    if stale and stale.value < every and sure:
        what = (
            f"its values are gone {durations.write(stale.value)} after a run every {durations.write(every)}"
        )
        notes.warning(stale.place, stale.path, what, "write a stale_after longer than every")
    return every, either(stale, _STALE_RUNS * every)


def _bots(section: QuerySection, around: Around, notes: Notes) -> tuple[BotSection, ...]:
    """Return the bots a query is asked of, in the order it names them."""
    if section.bots is None:
        return around.bots
    known = {bot.name.value: bot for bot in around.bots}
    once(section.bots.value, notes)
    for name in section.bots.value:
        if name.value not in known and known and all(known):
            advice = did_you_mean(name.value, known) or f"known are {', '.join(known)}"
            notes.error(name.place, name.path, f'no bot has the name "{name.value}"', advice)
    names = dict.fromkeys(name.value for name in section.bots.value)
    return tuple(known[name] for name in names if name in known)


def _check_clashes(section: QuerySection, bots: Sequence[BotSection], notes: Notes) -> None:
    if section.labels is None:
        return
    for label in section.labels.value:
        for bot in bots:
            if any(label.name == name for name, _ in either(bot.labels, ())):
                what = f'the label "{label.name}" is also on the bot "{bot.name.value}"'
                notes.error(label.place, label.path, what, "rename one of them")


def _check_series(section: QuerySection, bots: int, most: int, notes: Notes) -> None:
    listed = either(section.labels, ())
    series = bots * labels.count({label.name: label.values for label in listed})
    if series > most:
        where = section.labels or section.name
        what = f"makes {series:,} series, more than max_series of {most:,}"
        notes.error(where.place, where.path, what, "fewer label values or bots, or a larger max_series")
