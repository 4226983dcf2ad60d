"""Declares the section of alerts, and builds alerts that Prometheus can evaluate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from exporter.alert import Alert, Level, Rise, TooFew
from exporter.config import words
from exporter.config.kinds import Key, Kind, Values, list_of, mismatch, section, whole
from exporter.config.report import Report, check_unique
from exporter.language import durations, templates
from exporter.language.suggest import one_of
from exporter.language.tree import Path
from exporter.model import Bot, Json, Query

_CONDITIONS: Final = ("rises_by", "rises_less_than", "above", "below")
_SHARE: Final = r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?%"
_OWN_LABELS: Final = ("alertname", "alertstate", "severity")
_SCRAPED: Final = 60.0
"""Seconds between two scrapes, unless Prometheus is configured otherwise."""

_MOST: Final = 10**15
"""The largest amount: Prometheus and Grafana calculate with whole numbers up to here exactly."""


class _Amount(NamedTuple):
    """A number, or a share: then `value` is 0.05 for 5 %."""

    value: float
    share: bool


def _read_amount(data: Json, path: Path, report: Report) -> _Amount | None:
    if isinstance(data, int | float) and not isinstance(data, bool):
        if 0 <= data <= _MOST:
            return _Amount(float(data), share=False)
        report.error(path, f"out of range (write at {'least 0' if data < 0 else f'most {_MOST}'})")
    elif isinstance(data, str) and (match := re.fullmatch(_SHARE, data)):
        return _Amount(float(match[1]) / 100, share=True)
    else:
        mismatch(data, path, _AMOUNT.expected, report)
    return None


_AMOUNT: Final = Kind(
    "a number such as 100, or a share such as 5%",
    _read_amount,
    {
        "oneOf": [
            {"type": "number", "minimum": 0, "maximum": _MOST},
            {"type": "string", "pattern": f"^{_SHARE}$"},
        ]
    },
)

_ALERT: Final = section(
    "a mapping such as {rises_by: 1, within: 15m}, or a list of them",
    {
        "name": Key(words.BOT_NAME, "Ends the alert's name; needed if the query has several."),
        "rises_by": Key(whole(1, 10**12), "Fires when at least this many are new; needs within."),
        "rises_less_than": Key(whole(1, 10**12), "Fires when fewer than this are new; needs within."),
        "within": Key(words.duration("1s", "1w"), "The time in which they are new."),
        "above": Key(
            _AMOUNT,
            "Fires while the value is above this; 5% needs of. With rises_by, the share of what is new.",
        ),
        "below": Key(_AMOUNT, "Fires while the value is below this; 5% needs of."),
        "of": Key(words.QUERY_NAME, "The query of whose value this one is a share."),
        "for": Key(words.duration("0s", "30d"), "How long it must hold before it fires.", "0s"),
        "severity": Key(words.SEVERITY, "The alert's label severity.", Alert(Rise(1, 1.0)).severity),
        "summary": Key(words.TEMPLATE, "The alert's one-line text; names bot, query and value if left out."),
        "runbook_url": Key(
            words.LINK, "The page that says what to do; that of `rules --runbook-url` if left out."
        ),
    },
)
_LIST: Final = list_of(_ALERT, _ALERT.expected)


def _read(data: Json, path: Path, report: Report) -> Any:
    return (_LIST if isinstance(data, list) else _ALERT).read(data, path, report)


ALERTS: Final = Kind(_ALERT.expected, _read, {"oneOf": [_ALERT.schema, _LIST.schema]})

Sections: TypeAlias = list[tuple[Values, Path]]
"""The alerts of a query as written, each with its path."""


def sections(written: Values | list[Values | None], path: Path) -> Sections:
    """Return the alerts of a query: one mapping, or those of a list that are mappings."""
    if isinstance(written, list):
        return [(values, (*path, index)) for index, values in enumerate(written) if values is not None]
    return [(written, path)]


def make(written: Sections, query: Query, queries: Mapping[str, Query], report: Report) -> tuple[Alert, ...]:
    """Return the alerts of a query without those that are wrong, which it reports; `queries` are all."""
    check_unique((((*path, "name"), values.get("name")) for values, path in written), report)
    made = []
    for values, path in written:
        if len(written) > 1 and "name" not in values and report.clean((*path, "name")):
            report.error(path, "one of several alerts, without a name", "write a name such as burst")
        wrong = {key for key in _CONDITIONS if not report.clean((*path, key))}
        when = None if wrong else _when(values, path, report)
        if "of" in values and "rises_less_than" not in values:
            _check_whole((*path, "of"), query, values["of"], queries, report)
        rises = next((key for key in ("rises_by", "rises_less_than") if key in values.keys() | wrong), None)
        if rises and "within" in values:
            whole = queries.get(values.get("of", ""))
            _check_new(values["within"], path, [(rises, query), ("of", whole)], report)
        if when is None:
            continue
        keys = {"lasting": "for", "name": "name", "severity": "severity", "summary": "summary"}
        keys["runbook_url"] = "runbook_url"
        made.append(Alert(when, **{name: values[key] for name, key in keys.items() if key in values}))
    return tuple(made)


def check_labels(query: Query, path: Path, bots: Sequence[Bot], report: Report) -> None:
    """Report every label, of a query with an alert or of its bots, that its alerts do not keep."""
    advice = "choose another name"
    if "pod" in query.label_names:
        what = "alerts take all Pods as one, so that its series become one"
        report.error((*path, "labels", "pod"), what, advice, at_key=True)
    for name in _OWN_LABELS:
        if name in query.label_names:
            what = f'alerts have a label "{name}" of their own, so that the series become one and none fires'
            report.error((*path, "labels", name), what, advice, at_key=True)
        for index, bot in enumerate(bots):
            if name in dict(bot.labels) and bot.name in query.bots:
                what = f'alerts have a label "{name}" of their own, which replaces this one'
                report.warning(("bots", index, "labels", name), what, advice, at_key=True)


def check_summaries(written: Sections, known: frozenset[str], report: Report) -> None:
    """Report every label in the alerts' summaries that none of their series has."""
    for values, path in written:
        for name in sorted(templates.labels(values.get("summary", ())) - known):
            advice = one_of(name, sorted(known))
            report.warning((*path, "summary"), f'the exporter sets no label "{name}"', advice)


def _when(values: Values, path: Path, report: Report) -> Rise | TooFew | Level | None:
    conditions = [key for key in _CONDITIONS if key in values]
    if not conditions:
        advice = "write rises_by, rises_less_than, above or below"
        report.error(path, "an alert without a condition", advice)
        return None
    first, *more = conditions
    for key in more:
        if (first, key) != ("rises_by", "above"):
            report.error((*path, key), "a second condition", "keep one of them")
    if first in ("above", "below"):
        if "within" in values:
            report.error((*path, "within"), "without rises_by", "write both, or neither")
        return Level(first, _limit(first, values, path, report), values.get("of"))
    if "within" not in values:
        if report.clean((*path, "within")):
            advice = "write the time in which it rises, such as within: 15m"
            report.error((*path, first), "without within", advice)
        return None
    if first == "rises_by":
        return _rise(values, path, report)
    if "of" in values:
        report.error((*path, "of"), "with rises_less_than", "take it out")
    return TooFew(values[first], values["within"])


def _rise(values: Values, path: Path, report: Report) -> Rise:
    of: str | None = values.get("of")
    if of is not None and not {"above", "below"} & values.keys():
        report.error((*path, "of"), "without above", "write a share such as above: 5%, or take it out")
    above = _limit("above", values, path, report) if "above" in values else 0.0
    if "above" in values and of is None and not values["above"].share and report.clean((*path, "of")):
        report.error((*path, "above"), "a number with rises_by", "write a share such as 5%, and `of`")
    return Rise(values["rises_by"], values["within"], above, of)


def _check_new(within: float, path: Path, asked: list[tuple[str, Query | None]], report: Report) -> None:
    """Report a query for which nothing new can be counted, or not `within` so short a time.

    `asked` has each query, None for an unknown one, with the key that asks for it.
    """
    here = (*path, "within")
    for key, each in asked:
        if each is None:
            continue
        if any(variant.predicate.dated for variant in each.variants):
            what = f'"{each.name}" compares a date: its count rises and falls by itself'
            report.error((*path, key), what, "write above or below, or a query without dates")
        if within < 2 * each.every:
            what = f'"{each.name}" runs only every {durations.write(each.every)}'
            report.error(here, what, "write at least twice its interval")
    if within < 2 * _SCRAPED and report.clean(here):
        what = "shorter than two scrapes of a Prometheus that scrapes each minute, as it does by default"
        report.warning(here, what, "write at least 2m, or scrape more often")


def _limit(side: str, values: Values, path: Path, report: Report) -> float:
    amount: _Amount = values[side]
    here = (*path, side)
    if amount.share and "of" not in values and report.clean((*path, "of")):
        report.error(here, "a share without `of`", "write the query to divide by as `of`")
    if "of" in values and not amount.share:
        report.error(here, "a number with `of`", "write a share such as 5%, or take `of` out")
    if side == "below" and amount.value == 0:
        report.error(here, "nothing is below 0", "write at least 1")
    return amount.value


def _check_whole(path: Path, query: Query, name: str, queries: Mapping[str, Query], report: Report) -> None:
    """Report why the query cannot be divided by `name`: each series needs a series to divide by."""
    whole = queries.get(name)
    if whole is None:
        advice = one_of(name, queries)
        report.error(path, f'no query has the name "{name}"', advice)
    elif whole.name == query.name:
        report.error(path, "the query itself", "name the query that counts everything")
    elif bots := [bot for bot in query.bots if bot not in whole.bots]:
        report.error(
            path, f'"{name}" does not ask the bot "{bots[0]}"', "write the same bots in both queries"
        )
    elif names := [label for label in whole.label_names if label not in query.label_names]:
        what = f'"{name}" has the label "{names[0]}", and "{query.name}" does not'
        report.error(path, what, "name a query without that label")
    else:
        known = {variant.labels for variant in whole.variants}
        shared = (
            tuple(pair for pair in variant.labels if pair[0] in whole.label_names)
            for variant in (query.variants if known else ())
        )
        if missing := next((labels for labels in shared if labels not in known), None):
            values = ", ".join(f'{label}="{value}"' for label, value in missing)
            report.error(path, f'"{name}" has no series with {values}', "write the same label values in both")
