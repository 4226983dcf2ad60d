"""Checks what the queries of one bot on one collection rely on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from exporter.explore import dates, near
from exporter.explore.conditions import Comparison, Conditions, conditions
from exporter.explore.findings import Check, Finding, Result
from exporter.explore.operators import TRIED, Operators
from exporter.explore.presence import Presence
from exporter.explore.privacy import may_show_value, shown_fields, shown_name, speaks_of_person
from exporter.explore.profile import Field
from exporter.explore.requests import NoAnswer, Requests
from exporter.explore.sampling import Sampler
from exporter.language import predicate
from exporter.language.tree import walk
from exporter.model import COLLECTIONS, DATE_FORMATS, Bot, Collection, DateFormat, Json, Poll, Series

_SAMPLE: Final = 200
_PAGES: Final = 8
_PAGE: Final = 100
_LISTS: Final = {"limit": "limit", "skip": "skip", "sort by name": "sort", "sort by JSON": "sort"}


class Assumptions:
    """Verifies the queries of one bot on one collection."""

    def __init__(self, requests: Requests, bot: Bot, polls: Sequence[Poll], now: datetime) -> None:
        self._requests = requests
        self._bot = bot
        self._collection: Collection = polls[0].query.collection
        self._polls = polls
        self._now = now
        self._total = 0
        self._fields: dict[str, Field] = {}
        self._shown: dict[str, Field] = {}
        self._counts: dict[str, int] = {}
        self._present: dict[str, int] = {}
        self._formats: dict[str, DateFormat] = {}
        self._presence = Presence(requests, self._collection)
        self._explained: set[str] = set()

    def findings(self) -> Iterator[Finding]:
        """Yield all findings; what the API refuses is a finding, too."""
        try:
            self._total = self._count("")
        except NoAnswer as error:
            yield self._uncountable(error)
            return
        yield Finding("count_shape", "ok", self._collection)
        if not self._total:
            detail = "there are none yet: nothing to compare with"
            yield Finding("documents", "unknown", self._collection, detail)
            return
        used = conditions(series.predicate for poll in self._polls for series in poll.series)
        if self._collection == COLLECTIONS[0] or used.fields:
            yield from self._sampled()
        query = self._presence.check()
        yield _found("query", query, self._collection)
        if query.verdict != "differs":
            yield from self._compared(used)

    def _compared(self, used: Conditions) -> Iterator[Finding]:
        """Yield the findings on what the predicates compare, then those on whole predicates."""
        yield from self._operators(used.operators)
        for name in used.fields:
            yield self._noted(name, self._field(name))
        for each in used.comparisons:
            if finding := self._comparison(each):
                yield self._noted(each.field, finding)
        for each in used.negated:  # they are no reason for a count of 0
            if finding := self._comparison(each):
                is_whole = isinstance(each.value, dict | list) and finding.result == "differs"
                yield replace(finding, result="unknown") if is_whole else finding
        for name in used.dated:
            yield self._noted(name, self._dates(name))
        for poll in self._polls:
            for series in poll.series:
                yield self._series(poll, series)

    def _noted(self, name: str, finding: Finding) -> Finding:
        """Return a finding on a field, and remember the field if it explains why queries count 0."""
        if finding.result != "ok":
            self._explained.add(name)
        return finding

    def _count(self, text: str) -> int:
        if text not in self._counts:
            self._counts[text] = self._requests.count_text(self._collection, text)
        return self._counts[text]

    def _uncountable(self, error: NoAnswer) -> Finding:
        cause = error.error
        if cause is None:
            return Finding("collection", "unknown", self._collection, str(error))
        if cause.reason == "bad_answer":
            try:
                text = self._requests.shape(self._collection)
            except NoAnswer as other:
                text = str(other)
            detail = f"the answer is {text}: please report this shape; is api.url right?"
            return Finding("count_shape", "differs", self._collection, detail)
        if cause.status == 404:
            detail = f"{cause}: compare the id with the bot's Settings, and api.url"
            return Finding("bot_id", "differs", "id", detail)
        if cause.status == 403:
            return Finding("collection", "differs", self._collection, f"{cause}: the token may not read it")
        return Finding(
            "collection", "differs" if error.is_refusal else "unknown", self._collection, str(error)
        )

    def _sampled(self) -> Iterator[Finding]:
        sampler = Sampler(self._requests, self._collection, self._total, _SAMPLE, most_pages=_PAGES)
        sampler.run()
        fields = sampler.profile.fields()
        self._fields = {field.name: field for field in fields if field.can_be_asked}
        self._shown = {field.name: field for field in shown_fields(fields) if field.can_be_asked}
        rows = sampler.largest_page
        if not sampler.profile.total:
            detail = f"no rows: values cannot be compared; {sampler.checks[0].detail}"
            yield Finding("page", "unknown", self._collection, detail)
        elif rows is not None and rows < _PAGE:
            detail = f"a page has {rows} rows, not {_PAGE}: downloads take more requests"
            yield Finding("page", "differs", self._collection, detail)
        for check in sampler.checks:
            if name := _LISTS.get(check.name):
                yield _found(name, check, f"{self._collection}: {check.name}")

    def _operators(self, used: frozenset[str]) -> Iterator[Finding]:
        tried = Operators(self._requests, self._collection, self._total, tuple(self._fields.values()))
        for check in tried.checks(used):
            finding = _found("operator", check, check.name)
            if finding.result == "differs":
                self._explained.add(check.name)
                finding = replace(finding, detail=f"{check.detail}; write the query without it")
            yield finding
        for name in sorted(used - set(TRIED)):
            yield Finding("operator", "unknown", name, "the API does not document it")

    def _name(self, name: str) -> str:
        """Return the name of a field as it may be shown."""
        return name if name in self._shown else shown_name(name)

    def _field(self, name: str) -> Finding:
        subject = self._name(name)
        try:
            self._present[name] = self._presence.count(name)
        except NoAnswer as error:
            if name not in self._fields:
                return Finding("field", "unknown", subject, str(error))
            self._present[name] = self._fields[name].documents
        if self._present[name]:
            return Finding("field", "ok", subject)
        detail = f"none of the {self._collection} has it"
        names = [each.name for each in self._shown.values() if each.has_scalars]
        if guess := near.field(name, names):
            return Finding("field", "differs", subject, f"{detail}; did you mean {guess}?")
        if others := self._others_with(name):
            return Finding("field", "unknown", subject, f"{detail}, but {others} do: is `collection` right?")
        return Finding("field", "unknown", subject, f"{detail}: nothing happened yet, or it is misspelt")

    def _others_with(self, name: str) -> str:
        """Return the other collection if its documents have a field, or an empty text."""
        [other] = (each for each in COLLECTIONS if each != self._collection)
        try:
            return other if replace(self._presence, collection=other).count(name) else ""
        except NoAnswer:
            return ""

    def _comparison(self, each: Comparison) -> Finding | None:
        """Return why a comparison cannot match, if so: another type, or a value that never occurs."""
        field = self._fields.get(each.field)
        if field is None or not self._present.get(each.field):
            return None
        inner = (one for one in self._shown.values() if one.path[: len(field.path)] == field.path)
        advice = near.type_advice(each.value, field, (one for one in inner if one.has_scalars))
        if not advice and each.operator != "$eq":
            return None
        name = "type" if advice else "value"
        may_show = isinstance(each.value, str | int | float) and may_show_value(field.path, each.value)
        value = json.dumps(each.value, ensure_ascii=False) if may_show else "a value"
        subject = f"{self._name(each.field)}: {value}"
        condition: Json = each.value if each.operator == "$eq" else {each.operator: each.value}
        try:  # a rare type may be missing in the sample
            count = self._count(predicate.compile({each.field: condition}).text)
        except NoAnswer as error:
            return Finding(name, "unknown", subject, str(error))
        if count:
            return Finding(name, "ok", subject)
        if advice:
            return Finding("type", "differs", subject, advice)
        return self._never_occurs(each, subject)

    def _never_occurs(self, each: Comparison, subject: str) -> Finding:
        if isinstance(each.value, dict | list):
            return self._never_occurs_whole(self._fields[each.field], each.value, subject)
        shown = self._shown.get(each.field)
        known = [str(value) for value, _ in shown.values] if shown else []
        guess = near.value(str(each.value), known)
        if guess and not self._is_listed_with(each, guess):
            return Finding("value", "differs", subject, f"it never occurs; did you mean {guess}?")
        others = f"; those that do: {', '.join(known)}" if known else ""
        return Finding("value", "unknown", subject, f"it never occurs{others}")

    def _never_occurs_whole(self, field: Field, value: Json, subject: str) -> Finding:
        """Return the finding on a list or object; it differs if the documents' objects have more fields."""
        detail = f"it never occurs: only the same {'object' if isinstance(value, dict) else 'list'} matches"
        paths = [tuple(step for step in path if isinstance(step, str)) for path, _ in walk(value)]
        start = len(field.path)
        found = {each.path[start:] for each in self._fields.values() if each.path[:start] == field.path}
        if not any(paths) or found <= set(paths):
            return Finding("value", "unknown", subject, detail)
        name = self._name(".".join((field.name, *max(paths, key=len))))
        more = f"{detail}, and others have more fields; write its fields with dots, such as {name}"
        return Finding("value", "differs", subject, more)

    def _is_listed_with(self, each: Comparison, guess: str) -> bool:
        """Return whether each query that compares a field with a value compares it with another one, too."""
        for poll in self._polls:
            used = conditions(series.predicate for series in poll.series)
            for compared in (used.comparisons, used.negated):
                others = {str(one.value) for one in compared if one.field == each.field}
                if each in compared and guess not in others:
                    return False
        return True

    def _dates(self, name: str) -> Finding:
        subject, field = self._name(name), self._fields.get(name)
        if field is None or not self._present.get(name):
            return Finding("dates", "unknown", subject, "no document with it was seen")
        present = self._present[name]
        proved = dates.prove(self._requests, self._collection, field, field.instants, present)
        setting = self._bot.api.dates
        if proved.dates is None:
            is_set = not field.instants or field.instants[-1] >= 0  # 0001-01-01 may stand for no date
            result: Result = "differs" if is_set else "unknown"
            return Finding("dates", result, subject, f"no format is proven: {proved.detail}")
        self._formats[name] = proved.dates
        if setting in ("auto", proved.dates):
            return Finding("dates", "ok", subject, f"{proved.dates}: {proved.detail}")
        detail = f"they are {proved.dates}, not {setting}: write api: {{dates: {proved.dates}}}"
        return Finding("dates", "differs", subject, detail)

    def _series(self, poll: Poll, series: Series) -> Finding:
        """Return the finding on a series: it may be refused, or count nothing for no other reason."""
        labels = [pair for pair in series.labels if pair[0] in poll.query.label_names]
        shown = (
            f"{name}={value}" if _may_show_label(series, name, value) else name for name, value in labels
        )
        subject = " ".join([poll.query.name, *shown])
        formats = {self._formats.get(name) for name in series.predicate.dated} or {DATE_FORMATS[0]}
        chosen = formats.pop()
        if chosen is None or formats:
            what = "not asked: the format of its dates is not proven"
            return Finding("predicate", "unknown", subject, what)
        text = predicate.write(series.predicate, self._now, ZoneInfo(series.zone or "UTC"), chosen)
        used = conditions([series.predicate])
        try:
            count = self._count(text)
        except NoAnswer as error:
            if because := self._explained & used.operators:
                detail = f"refused because of {', '.join(sorted(because))}"
                return Finding("predicate", "unknown", subject, detail)
            return Finding("predicate", "differs" if error.is_refusal else "unknown", subject, str(error))
        names = [self._name(name) for name in used.fields if name in self._explained]
        detail = f"counts 0 because of {', '.join(names)}" if names else "nothing just now"
        return Finding("predicate", "ok", subject, "" if count else detail)


def _may_show_label(series: Series, name: str, value: str) -> bool:
    """Return whether a label or its field says a kind of thing, and neither is personal."""
    used = conditions([series.predicate])
    compared = [each.field for each in used.comparisons if value in str(each.value)]
    paths = [(name,), *(tuple(field.split(".")) for field in compared or used.fields)]
    is_kind = any(may_show_value(path, value) for path in paths)
    return is_kind and not any(map(speaks_of_person, paths))


def _found(name: str, check: Check, subject: str) -> Finding:
    return Finding(name, "differs" if check.verdict == "refused" else check.verdict, subject, check.detail)
