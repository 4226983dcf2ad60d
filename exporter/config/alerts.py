"""Makes alerts of their sections: one condition each, on values that are there to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from exporter.alert import Alert, Level, Rise
from exporter.config.amounts import Amount
from exporter.config.nodes import below
from exporter.config.notes import Given, Notes, either
from exporter.config.schema import AlertSection
from exporter.language import durations, templates
from exporter.language.suggest import did_you_mean
from exporter.model import Labels, Query

_CONDITIONS: Final = ("rises_by", "above", "below")
_ANY: Final = "rises_by, above or below"


def alert(
    given: Given[AlertSection], query: Query, queries: Mapping[str, Query], notes: Notes
) -> Alert | None:
    """Return the alert of a query; `queries` are all of them.

    What is wrong goes to `notes`, and then the alert may be None.
    """
    section = given.value
    if not all(notes.clean(below(given.path, key)) for key in _CONDITIONS):
        return None
    when = _when(given, query, notes)
    if when is None:
        return None
    if isinstance(when, Level) and section.of:
        _check_whole(section.of, query, queries, notes)
    unsaid = Alert(when)
    return Alert(
        when=when,
        lasting=either(section.for_, unsaid.lasting),
        severity=either(section.severity, unsaid.severity),
        summary=either(section.summary, unsaid.summary),
        runbook_url=either(section.runbook_url, None),
    )


def check_labels(given: Given[AlertSection], known: frozenset[str], notes: Notes) -> None:
    """Note every label in an alert's text that none of its series has."""
    if summary := given.value.summary:
        for name in sorted(templates.labels(summary.value) - known):
            advice = did_you_mean(name, known) or f"known are {', '.join(sorted(known))}"
            notes.warning(summary.place, summary.path, f'the exporter sets no label "{name}"', advice)


def _when(given: Given[AlertSection], query: Query, notes: Notes) -> Rise | Level | None:
    section = given.value
    conditions = [each for each in (section.rises_by, section.above, section.below) if each is not None]
    if not conditions:
        notes.error(given.place, given.path, "an alert without a condition", f"write {_ANY}")
        return None
    for more in conditions[1:]:
        notes.error(more.place, more.path, "a second condition", "keep one of them")
    if section.rises_by:
        return _rise(section.rises_by, section, query, notes)
    if section.within:
        notes.error(section.within.place, section.within.path, "without rises_by", "the two go together")
    if section.above:
        return _level("above", section.above, section.of, notes)
    return _level("below", section.below, section.of, notes) if section.below else None


def _rise(by: Given[int], section: AlertSection, query: Query, notes: Notes) -> Rise | None:
    if section.of:
        notes.error(section.of.place, section.of.path, "without above or below", "a rise has no share")
    within = section.within
    if within is None:
        notes.error(
            by.place, by.path, "without within", "write the time in which it rose, such as within: 10m"
        )
        return None
    if within.value < 2 * query.every:
        what = f"the query is asked only every {durations.write(query.every)}"
        notes.warning(within.place, within.path, what, "write two of its intervals or more")
    return Rise(by.value, within.value)


def _level(
    side: Literal["above", "below"], amount: Given[Amount], of: Given[str] | None, notes: Notes
) -> Level:
    if amount.value.share and of is None:
        notes.error(amount.place, amount.path, "a share without `of`", "name the query whose share it is")
    if of is not None and not amount.value.share:
        notes.error(amount.place, amount.path, "a number with `of`", "write a share such as 5%")
    if side == "below" and amount.value.value == 0:
        notes.error(amount.place, amount.path, "nothing is below 0", "write at least 1")
    return Level(side, amount.value.value, either(of, None))


def _check_whole(of: Given[str], query: Query, queries: Mapping[str, Query], notes: Notes) -> None:
    """Note why a query is no share of the one that `of` names: each series needs one to be divided by."""
    whole = queries.get(of.value)
    if whole is None:
        advice = did_you_mean(of.value, queries) or f"known are {', '.join(queries)}"
        notes.error(of.place, of.path, f'no query has the name "{of.value}"', advice)
    elif whole.name == query.name:
        notes.error(of.place, of.path, "the query itself", "name the one that counts all")
    elif bots := [name for name in query.bots if name not in whole.bots]:
        what = f'"{of.value}" does not ask the bot "{bots[0]}"'
        notes.error(of.place, of.path, what, "let both queries ask the same bots")
    elif names := [name for name in whole.label_names if name not in query.label_names]:
        what = f'"{of.value}" has the label "{names[0]}", and "{query.name}" has not'
        notes.error(of.place, of.path, what, "name a query without it")
    else:
        known = {variant.labels for variant in whole.variants}
        for variant in query.variants if whole.variants else ():
            shared = tuple(pair for pair in variant.labels if pair[0] in whole.label_names)
            if shared not in known:
                _tell_missing(of, shared, notes)
                return


def _tell_missing(of: Given[str], labels: Labels, notes: Notes) -> None:
    values = ", ".join(f'{name}="{value}"' for name, value in labels)
    notes.error(of.place, of.path, f'"{of.value}" has no series with {values}', "give both the same values")
