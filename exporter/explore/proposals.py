"""Proposes queries that rest on fields and values which a bot has; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Final

from exporter.explore.findings import Collected, DateField
from exporter.explore.privacy import words_of
from exporter.explore.profile import Field, Scalar
from exporter.language import predicate
from exporter.language.labels import label_name_doubt, label_name_problem, metric_name_problem
from exporter.model import Collection, Json

MOST: Final = 20
"""Most queries in a configuration."""

SPARE: Final = 4
"""Further proposals, which take the place of those that the API does not count."""

_CHANNELS: Final = frozenset({"channel", "provider", "platform"})
_OUTCOMES: Final = frozenset({"status", "state", "outcome", "result"})
_ERRORS: Final = frozenset({"error", "errors", "failure", "failures", "failed", "exceptions"})
_SENDERS: Final = frozenset({"sender", "author", "from", "role", "direction"})
_TURNS: Final = frozenset({"messages", "turns"})
_WRITTEN: Final = frozenset({"user", "users", "count"})
_BEGINNINGS: Final = ("started", "created", "sent", "begin", "start", "timestamp", "date", "time")
_WINDOWS: Final = (("hour", "1h"), ("day", "1d"))

ALERT: Final[dict[str, Json]] = {
    "rises_by": 1,
    "within": "15m",
    "above": "5%",
    "of": "conversations",
    "severity": "warning",
}
"""The alert on conversations with errors, as in the shipped config.yaml."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A query as it is written in a configuration, and the field that it rests on, None for all documents.

    `basis` says what else it rests on. `operator` is one that it needs, or the empty text.
    """

    query: dict[str, Json]
    collection: Collection
    field: Field | None
    basis: str = ""
    operator: str = ""


@dataclass(slots=True)
class Proposer:
    """Makes proposals from what was found; `left_out` says which queries it could not make, and why."""

    collected: Sequence[Collected]
    dates: Sequence[DateField]
    usable: frozenset[str]
    left_out: list[str] = field(default_factory=list)
    _used: set[tuple[Collection, str]] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)

    def proposals(self) -> list[Proposal]:
        """Return at most MOST and SPARE proposals, the most useful first."""
        found: list[Proposal] = []
        for proposal in self._all():
            if proposal.operator and proposal.operator not in self.usable:
                self.left_out.append(f"{proposal.query['name']}: the API does not take {proposal.operator}")
            elif doubt := _doubt(proposal):
                self.left_out.append(f"{proposal.query['name']}: {doubt}")
            else:
                found.append(proposal)
            if len(found) == MOST + SPARE:
                break
        return found

    def _all(self) -> Iterator[Proposal]:
        for each in self.collected:
            if each.total is not None:
                query = self._query(
                    each.collection, "", f"{each.collection.capitalize()} in the bot's history."
                )
                yield Proposal(query, each.collection, None, f"{each.total:,} were counted.")
        for each in self.collected:  # conversations first
            if each.collection == "conversations":
                yield from self._outcomes(each)
            elif sender := self._best(each, "Sender", _SENDERS, _has_values):
                yield from self._by_values(each, sender, "sender", "by who sent them")
            yield from self._recent(each)
        for each in self.collected:
            for found in sorted(each.fields, key=lambda found: -found.documents):
                if (each.collection, found.name) not in self._used and len(found.values) > 1:
                    yield from self._by_values(each, found, _slug(found))

    def _outcomes(self, each: Collected) -> Iterator[Proposal]:
        if channel := self._best(each, "Data.channel.ProviderName", _CHANNELS, _has_values):
            yield from self._by_values(each, channel, "channel", "by the channel they came through")
        if outcome := self._best(each, "Status", _OUTCOMES, _has_values):
            yield from self._by_values(each, outcome, "outcome", "by outcome")
        if errors := self._best(each, "Errors", _ERRORS, _is_number_or_flag):
            is_flag = errors.type == "boolean"
            query = self._query(
                each.collection,
                "with_errors",
                "Conversations in which the bot reported at least one error.",
                {errors.name: True if is_flag else {"$gt": 0}},
            )
            operator = "" if is_flag else "$gt"
            yield Proposal({**query, "alert": ALERT}, each.collection, errors, _typed(errors), operator)
        elif others := self._best(each, "Errors", _ERRORS, _is_of_errors):
            types = ", ".join(kind for kind, _ in others.types)
            self.left_out.append(
                f"conversations_with_errors: {others.name} is no number or flag (its types: {types})"
            )
        if written := self._best(each, "Messages.user", _TURNS, _counts_messages):
            query = self._query(
                each.collection,
                "engaged",
                "Conversations in which the user wrote more than three messages.",
                {written.name: {"$gt": 3}},
            )
            yield Proposal(query, each.collection, written, _typed(written), "$gt")

    def _recent(self, each: Collected) -> Iterator[Proposal]:
        collection = each.collection
        found = next((found for found in self.dates if found.collection == collection), None)
        if found is None or found.dates is None:
            if each.fields:
                why = f"{found.field.name}: {found.detail}" if found else "no field with dates was found"
                self.left_out.append(f"{collection} of the last hour and day: {why}")
            return
        for name, length in _WINDOWS:
            help_text = f"{collection.capitalize()} of the last {name}, by {found.field.name}."
            compared: dict[str, Json] = {found.field.name: {"$gte": {"$date": f"now-{length}"}}}
            query = self._query(collection, f"last_{name}", help_text, compared)
            basis = f"Dates as {found.dates}: {found.detail}."
            yield Proposal(query, collection, found.field, basis, "$gte")

    def _best(
        self, each: Collected, known: str, words: frozenset[str], fits: Callable[[Field], bool]
    ) -> Field | None:
        """Return the field with a documented name, or one whose path ends with or has one of some words."""

        def rank(found: Field) -> tuple[bool, bool, int]:
            last = words_of(found.path)[-1:]
            return found.name == known, not words.isdisjoint(last), found.documents

        fields = [
            found
            for found in each.fields
            if found.can_be_asked
            and (each.collection, found.name) not in self._used
            and (found.name == known or not words.isdisjoint(words_of(found.path)))
            and fits(found)
        ]
        return max(fields, key=rank, default=None)

    def _by_values(self, each: Collected, found: Field, slug: str, how: str = "") -> Iterator[Proposal]:
        """Yield a query with a series for each value that may be shown, and one for all others."""
        self._used.add((each.collection, found.name))
        values = _distinct(value for value, _ in found.values)
        if found.is_in_list(each.fields):
            self.left_out.append(
                f"{each.collection} by {found.name}: it is in a list, so one document may be in many"
            )
            return
        label = slug if not label_name_problem(slug) and not label_name_doubt(slug) else f"{slug}_value"
        listed: list[Json] = [*values]
        basis = f"A sample of {each.sampled:,} has {found.distinct} values."
        if hidden := found.distinct - len(found.values):
            basis = f"{basis[:-1]}, {hidden} of them too rare to be listed."
        if "$nin" in self.usable:
            other = "other"
            while other in values:
                other += "s"
            listed.append({"other": other})
        else:
            basis = f"{basis} Other values are not counted: the API does not take $nin."
        query = self._query(
            each.collection,
            f"by_{slug}",
            f"{each.collection.capitalize()} {how or f'by {found.name}'}.",
            {found.name: f"{{{label}}}"},
            {label: listed},
        )
        yield Proposal(query, each.collection, found, basis)

    def _query(
        self,
        collection: Collection,
        suffix: str,
        help_text: str,
        predicate: dict[str, Json] | None = None,
        labels: dict[str, Json] | None = None,
    ) -> dict[str, Json]:
        name = f"{collection}_{suffix}" if suffix else collection
        if metric_name_problem(name):
            name = f"{name[:80]}_values"
        names = chain([name], (f"{name}_{number}" for number in count(2)))
        unique = next(each for each in names if each not in self._names)
        self._names.add(unique)
        query: dict[str, Json] = {"name": unique, "help": help_text, "collection": collection}
        if labels:
            query["labels"] = labels
        if predicate:
            query["query"] = predicate
            self._used.update((collection, each) for each in predicate)
        return query


def date_fields(each: Collected) -> list[Field]:
    """Return the fields with dates of a collection that may be asked, the likeliest beginning first."""

    def rank(found: Field) -> tuple[int, int]:
        words = words_of(found.path)
        ranks = [rank for rank, word in enumerate(_BEGINNINGS) if word in words]
        return min(ranks, default=len(_BEGINNINGS)), -found.documents

    names = [found for found in each.fields if found.can_be_asked and _may_be_date(found)]
    return sorted(names, key=rank)


def _may_be_date(found: Field) -> bool:
    if found.type == "milliseconds":  # any long number may look like this
        return not {"at", "on", *_BEGINNINGS}.isdisjoint(words_of(found.path))
    return found.type in ("date", "UTC date as text", "date as text")


def _typed(found: Field) -> str:
    """Return a sentence on the type of a field, the most frequent one if there are several."""
    return f"It is a {found.type}." if len(found.types) == 1 else f"Most are of the type {found.type}."


def _has_values(found: Field) -> bool:
    return bool(found.values)


def _is_number_or_flag(found: Field) -> bool:
    return found.type in ("number", "boolean") and _is_of_errors(found)


def _is_of_errors(found: Field) -> bool:
    return not _ERRORS.isdisjoint(words_of(found.path)[-1:])


def _counts_messages(found: Field) -> bool:
    words = words_of(found.path)
    return found.type == "number" and (
        "turns" in words or ("messages" in words and not _WRITTEN.isdisjoint(words))
    )


def _doubt(proposal: Proposal) -> str:
    """Return why `check --strict` would not accept a query, or an empty text."""
    if proposal.field and not proposal.field.can_be_asked:
        return f"no predicate can name {proposal.field.name}: a key has a dot, begins with $ or is empty"
    found = predicate.findings(proposal.query.get("query"), proposal.collection)
    return found[0].what if found else ""


def _distinct(values: Iterator[Scalar]) -> list[Scalar]:
    """Return the values that differ as labels do, where 1 and "1" are one; whole numbers without a point."""
    found: dict[str, Scalar] = {}
    for value in values:
        whole = int(value) if isinstance(value, float) else value
        found.setdefault(str(whole).lower() if isinstance(whole, bool) else str(whole), whole)
    return list(found.values())


def _slug(found: Field) -> str:
    """Return the last words of a path as a name of a metric, in ASCII."""
    words = [word for word in words_of(found.path)[-2:] if re.fullmatch("[a-z]+", word)]
    return "_".join(words)[:40] or "field"
