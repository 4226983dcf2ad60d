"""Explores one bot: counts, samples, tries, and proposes queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from exporter.explore import dates, operators, presence, sampling
from exporter.explore.findings import Check, Collected, DateField, share
from exporter.explore.operators import Operators
from exporter.explore.presence import Presence
from exporter.explore.privacy import shown_fields
from exporter.explore.profile import Field
from exporter.explore.proposals import MOST, SPARE, Proposal, Proposer, date_fields
from exporter.explore.requests import NoAnswer, Requests
from exporter.model import COLLECTIONS, Collection, DateFormat, Json

_DATE_FIELDS: Final = 2
"""Most fields of a collection whose format of dates is looked for."""


@dataclass(frozen=True, slots=True)
class ProposedQuery:
    """A query as it is written in a configuration, with what it rests on.

    `present` is the number of documents that have its field, None if it has none or that cannot be asked.
    """

    query: dict[str, Json]
    present: int | None
    rests_on: str


@dataclass(frozen=True, slots=True)
class Explored:
    """All that was found out about one bot; holds nothing of a document that may not be shown.

    `dates` is the format of dates in the proposed queries, None if there is none.
    """

    checks: tuple[Check, ...]
    collected: tuple[Collected, ...]
    date_fields: tuple[DateField, ...]
    queries: tuple[ProposedQuery, ...]
    dates: DateFormat | None
    left_out: tuple[str, ...]
    requests: int


def most_requests(sample: int) -> int:
    """Return the most requests that an exploration makes, without retries."""
    per_collection = (
        1 + sampling.most_requests(sample) + _DATE_FIELDS * (1 + dates.MOST_REQUESTS) + presence.MOST_REQUESTS
    )
    return 1 + len(COLLECTIONS) * per_collection + operators.MOST_REQUESTS + MOST + SPARE


def explore(requests: Requests, sample: int) -> Explored:
    """Explore a bot with about `sample` documents of each collection.

    Raises ApiError if the bot cannot be explored at all.
    """
    look = _Look(requests, sample)
    for collection in COLLECTIONS:
        look.at(collection)
    is_counted = [each.total is not None for each in look.collected]
    first = [
        Check("token", "ok" if any(is_counted) else "unknown"),
        _shape(requests, accepted=is_counted[0]),
    ]
    tried = _operators(requests, look.collected)
    usable = frozenset(check.name for check in tried if check.verdict in ("ok", "unknown"))
    chosen = next((each.dates for each in look.date_fields if each.dates), None)
    proposer = Proposer(look.askable, _of_one_format(look.date_fields, chosen), usable)
    queries: list[ProposedQuery] = []
    missed: list[str] = []
    for proposal in proposer.proposals():
        found = proposal.field
        present = _present(look.presences[proposal.collection], found) if found else None
        if present == 0 and found:
            what = f"the API counts no document that has {found.name}"
            missed.append(f"{proposal.query['name']}: {what}")
        else:
            rests_on = _rests_on(look.collected, proposal, present)
            queries.append(ProposedQuery(proposal.query, present, rests_on))
    del queries[MOST:]
    has_dates = any("$date" in str(each.query.get("query")) for each in queries)
    return Explored(
        checks=(*first, *look.checks, *tried),
        collected=tuple(look.collected),
        date_fields=tuple(look.date_fields),
        queries=tuple(queries),
        dates=chosen if has_dates else None,
        left_out=(*look.left_out, *proposer.left_out, *missed),
        requests=requests.sent,
    )


@dataclass(slots=True)
class _Look:
    """Looks at one collection after the other; `askable` is without the fields that no predicate can ask."""

    requests: Requests
    sample: int
    checks: list[Check] = field(default_factory=list)
    collected: list[Collected] = field(default_factory=list)
    askable: list[Collected] = field(default_factory=list)
    date_fields: list[DateField] = field(default_factory=list)
    presences: dict[Collection, Presence] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def at(self, collection: Collection) -> None:
        """Count and sample a collection, and find out whether predicates have an effect on it."""
        total = self._total(collection)
        presence = self.presences[collection] = Presence(self.requests, collection)
        if not total:
            self.collected.append(Collected(collection, total, 0, (), 0))
            self.askable.append(self.collected[-1])
            return
        sampler = sampling.Sampler(self.requests, collection, total, self.sample)
        sampler.run()
        query = presence.check()
        self.checks += [replace(each, name=f"{collection}: {each.name}") for each in (*sampler.checks, query)]
        fields, sampled = sampler.profile.fields(), sampler.profile.total
        shown = shown_fields(fields)
        # Documents may come between the count and the sample.
        each = Collected(collection, max(total, sampled), sampled, shown, len(fields) - len(shown))
        self.collected.append(each)
        if query.verdict == "differs":
            self.left_out.append(f"{collection} with a predicate: the API {query.detail}")
            self.askable.append(replace(each, fields=()))
            return
        instants = {one.path: one.instants for one in fields}
        proved = [
            dates.prove(self.requests, collection, one, instants[one.path], _present(presence, one) or 0)
            for one in date_fields(each)[:_DATE_FIELDS]
        ]
        # A field whose format is proven comes before a likelier one without.
        self.date_fields += sorted(proved, key=lambda date: date.dates is None)
        self.askable.append(each)

    def _total(self, collection: Collection) -> int | None:
        try:
            total = self.requests.count(collection)
        except NoAnswer as error:
            why = error.error.described if error.error else str(error)
            self.checks.append(Check(f"{collection}: count", "refused", why))
            return None
        self.checks.append(Check(f"{collection}: count", "ok", f"{total:,}"))
        return total


def _rests_on(found: Sequence[Collected], proposal: Proposal, present: int | None) -> str:
    """Return a sentence or more on what a proposed query rests on."""
    if proposal.field is None:
        return proposal.basis
    [collected] = [each for each in found if each.collection == proposal.collection]
    what, name = proposal.collection, proposal.field.name
    if present is None:
        seen = share(proposal.field.documents, collected.sampled)
        has = f"{seen} of {collected.sampled:,} sampled {what} have {name}; the API does not count them."
    else:
        total = max(present, collected.total or 0)  # documents may come between the two counts
        has = f"{present:,} of {total:,} {what} ({share(present, total)}) have {name}."
    return f"{has} {proposal.basis}".strip()


def _shape(requests: Requests, *, accepted: bool) -> Check:
    try:
        text = requests.shape(COLLECTIONS[0])
    except NoAnswer as error:
        return Check("shape of a count", "unknown", str(error))
    return Check("shape of a count", "ok" if accepted else "differs", text)


def _operators(requests: Requests, collected: Sequence[Collected]) -> list[Check]:
    """Try operators on the first collection with documents: they are the same for both, as documented."""
    for each in collected:
        if each.total and each.fields:
            fields = [one for one in each.fields if one.can_be_asked]
            return Operators(requests, each.collection, each.total, fields).checks()
    return [Check(name, "unknown", "nothing to try it with") for name in operators.TRIED]


def _of_one_format(found: Sequence[DateField], chosen: DateFormat | None) -> list[DateField]:
    """Return the fields as one bot can use them: its requests have dates in one format."""
    why = f"its dates are not in the format {chosen}, and a bot has one format"
    return [
        replace(each, dates=None, detail=why) if each.dates not in (None, chosen) else each for each in found
    ]


def _present(presence: Presence, one: Field) -> int | None:
    """Return how many documents have a field, None without an answer."""
    try:
        return presence.count(one.name)
    except NoAnswer:
        return None
