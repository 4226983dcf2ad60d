"""Declares the section of an alert, and builds alerts that Prometheus can evaluate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from exporter.alert import Alert, Level, Rise
from exporter.config import words
from exporter.config.kinds import Key, Kind, Values, mismatch, section, whole
from exporter.config.report import Report
from exporter.language import durations, templates
from exporter.language.suggest import did_you_mean
from exporter.language.tree import Path
from exporter.model import Bot, Json, Query

_CONDITIONS: Final = ("rises_by", "above", "below")
_SHARE: Final = r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?%"
_OWN_LABELS: Final = ("alertname", "alertstate", "severity")
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

ALERT: Final = section(
    "a mapping such as {rises_by: 1, within: 10m}",
    {
        "rises_by": Key(whole(1, 10**12), "Fires when the count rose by at least this much; needs within."),
        "within": Key(words.duration("1s", "1w"), "The time in which it rose."),
        "above": Key(_AMOUNT, "Fires while the value is above this; 5% needs of."),
        "below": Key(_AMOUNT, "Fires while the value is below this; 5% needs of."),
        "of": Key(words.QUERY_NAME, "The query by whose value this one is divided, for a share."),
        "for": Key(words.duration("0s", "30d"), "How long it must hold before it fires.", "0s"),
        "severity": Key(words.SEVERITY, "The alert's label severity.", Alert(Rise(1, 1.0)).severity),
        "summary": Key(words.TEMPLATE, "The alert's one-line text; names bot, query and value if left out."),
        "runbook_url": Key(
            words.LINK, "The page that says what to do; that of `rules --runbook-url` if left out."
        ),
    },
)


def make(
    values: Values, path: Path, query: Query, queries: Mapping[str, Query], report: Report
) -> Alert | None:
    """Return the alert of a query; report a wrong condition and return None. `queries` are all of them."""
    if not all(report.clean((*path, key)) for key in _CONDITIONS):
        return None
    when = _when(values, path, query, report)
    if when is None:
        return None
    if isinstance(when, Level) and when.of is not None:
        _check_whole((*path, "of"), query, when.of, queries, report)
    keys = {"lasting": "for", "severity": "severity", "summary": "summary", "runbook_url": "runbook_url"}
    return Alert(when, **{name: values[key] for name, key in keys.items() if key in values})


def check_labels(query: Query, path: Path, bots: Sequence[Bot], report: Report) -> None:
    """Report every label, of a query with an alert or of its bots, that Prometheus replaces in alerts."""
    advice = "choose another name"
    for name in _OWN_LABELS:
        if name in query.label_names:
            what = f'alerts have a label "{name}" of their own, so that the series become one and none fires'
            report.error((*path, "labels", name), what, advice, at_key=True)
        for index, bot in enumerate(bots):
            if name in dict(bot.labels) and bot.name in query.bots:
                what = f'alerts have a label "{name}" of their own, which replaces this one'
                report.warning(("bots", index, "labels", name), what, advice, at_key=True)


def check_summary(values: Values, path: Path, known: frozenset[str], report: Report) -> None:
    """Report every label in an alert's summary that none of its series has."""
    for name in sorted(templates.labels(values.get("summary", ())) - known):
        advice = did_you_mean(name, known) or f"known are {', '.join(sorted(known))}"
        report.warning((*path, "summary"), f'the exporter sets no label "{name}"', advice)


def _when(values: Values, path: Path, query: Query, report: Report) -> Rise | Level | None:
    conditions = [key for key in _CONDITIONS if key in values]
    if not conditions:
        report.error(path, "an alert without a condition", "write rises_by, above or below")
        return None
    for key in conditions[1:]:
        report.error((*path, key), "a second condition", "keep one of them")
    if "rises_by" in values:
        return _rise(values, path, query, report)
    if "within" in values:
        report.error((*path, "within"), "without rises_by", "write both, or neither")
    return _level("above" if "above" in values else "below", values, path, report)


def _rise(values: Values, path: Path, query: Query, report: Report) -> Rise | None:
    if "of" in values:
        report.error((*path, "of"), "without above or below", "take it out: a rise has no share")
    within = values.get("within")
    if within is None:
        advice = "write the time in which it rose, such as within: 10m"
        report.error((*path, "rises_by"), "without within", advice)
        return None
    if within < 2 * query.every:
        what = f"the query runs only every {durations.write(query.every)}"
        report.warning((*path, "within"), what, "write at least twice its interval")
    return Rise(values["rises_by"], within)


def _level(side: Literal["above", "below"], values: Values, path: Path, report: Report) -> Level:
    amount: _Amount = values[side]
    of: str | None = values.get("of")
    here = (*path, side)
    if amount.share and of is None:
        report.error(here, "a share without `of`", "write the query to divide by as `of`")
    if of is not None and not amount.share:
        report.error(here, "a number with `of`", "write a share such as 5%, or take `of` out")
    if side == "below" and amount.value == 0:
        report.error(here, "nothing is below 0", "write at least 1")
    return Level(side, amount.value, of)


def _check_whole(path: Path, query: Query, name: str, queries: Mapping[str, Query], report: Report) -> None:
    """Report why the query cannot be divided by `name`: each series needs a series to divide by."""
    whole = queries.get(name)
    if whole is None:
        advice = did_you_mean(name, queries) or f"known are {', '.join(queries)}"
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
