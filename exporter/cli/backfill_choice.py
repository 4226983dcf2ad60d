"""Chooses the series of a backfill, and asks their bots for counts before a date."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

import click

from exporter.backfill.backfill import Family, Past
from exporter.cli.backfill_flags import BARE
from exporter.cli.bots import check_names, paced_client
from exporter.cli.stored_dates import MOST_REQUESTS, proven_dates
from exporter.clock import Clock
from exporter.exposition.family import Family as Exposed
from exporter.exposition.family import write_labels
from exporter.exposition.renderer import help_text, new_help_text
from exporter.language import predicate
from exporter.model import COLLECTIONS, Bot, Collection, DateFormat, Labels, Plan, Poll, Query, Series
from exporter.nativechat.paced import PacedClient


@dataclass(frozen=True, slots=True)
class Choice:
    """What to backfill: a plan, and the labels to add to its series.

    `date_fields` has a field for each collection of the plan. `skipped` says which queries are left out, and
    why.
    """

    plan: Plan
    date_fields: Mapping[str, str]
    labels: Mapping[str, str]
    skipped: tuple[str, ...]

    def labels_of(self, series: Series) -> Labels:
        """Return the labels of a series, with those that a scrape adds, sorted by name."""
        return tuple(sorted((*series.labels, *self.labels.items())))

    def most_requests(self, bot: Bot, steps: int) -> int:
        """Return how many requests a bot gets at most, without retries."""
        polls = [poll for poll in self.plan.polls if poll.bot is bot]
        probes = MOST_REQUESTS * len({poll.query.collection for poll in polls})
        return probes + steps * sum(len(poll.series) for poll in polls)

    def digest(self) -> str:
        """Return a short text that differs for a choice with other output, or with other requests."""
        whole = [
            (
                help_text(poll.query),
                self.date_fields[poll.query.collection],
                [(self.labels_of(series), series) for series in poll.series],
            )
            for poll in self.plan.polls
        ]
        return hashlib.sha256(repr(whole).encode()).hexdigest()[:12]


def choose(
    plan: Plan,
    names: Sequence[str],
    bot: str | None,
    given: Mapping[str, str],
    labels: Mapping[str, str],
) -> Choice:
    """Return the choice of the queries `names`, or of all that have a past. Raises UsageError.

    `given` are the fields with dates by collection. That of BARE belongs to the only collection of the
    queries, or else to conversations.
    """
    check_names("query", names, [query.name for query in plan.queries])
    check_names("bot", [bot] if bot else [], [each.name for each in plan.bots])
    wanted = [query for query in plan.queries if not names or query.name in names]
    date_fields = _date_fields(given, {query.collection for query in wanted if not query.dated})
    reasons = {query.name: why for query in wanted if (why := _without_past(query, date_fields))}
    skipped = tuple(f"{name}: {why}" for name, why in reasons.items())
    if skipped and (names or len(skipped) == len(wanted)):
        raise click.UsageError(skipped[0])
    chosen = {query.name for query in wanted} - reasons.keys()
    polls = tuple(poll for poll in plan.polls if poll.query.name in chosen and bot in (None, poll.bot.name))
    if not polls:
        raise click.UsageError(f"no query to backfill asks the bot {bot!r}")
    for poll in polls:
        if taken := {name for name, _ in poll.series[0].labels} & labels.keys():
            raise click.UsageError(f"--label {min(taken)}: the series of {poll.query.name} have this label")
    return Choice(replace(plan, polls=polls), date_fields, labels, skipped)


def _date_fields(given: Mapping[str, str], collections: Set[Collection]) -> dict[str, str]:
    """Return the field with dates of each collection."""
    bare = min(collections) if len(collections) == 1 else COLLECTIONS[0]
    if BARE in given and bare in given:
        raise click.UsageError(f"--date-field: {bare} is there twice (write it once)")
    return {"conversations": "StartedAt"} | {
        bare if name == BARE else name: field for name, field in given.items()
    }


def _without_past(query: Query, date_fields: Mapping[str, str]) -> str:
    """Return why a query cannot be backfilled, an empty text if it can."""
    if query.dated:
        return "its predicate has dates already, so it has no count before a date"
    if query.collection not in date_fields:
        return f"{query.collection} need --date-field {query.collection}=FIELD, the field of their date"
    return ""


class Bots:
    """The clients of bots, each at its own pace; `asked` is the name of the bot that was asked last."""

    def __init__(self, bots: Sequence[Bot], clock: Clock) -> None:
        """Raise ExporterError if a bot's id is missing."""
        self.asked = ""
        self._clients = {bot.name: paced_client(bot, clock) for bot in bots}

    def client(self, bot: Bot) -> PacedClient:
        """Return the client to ask a bot with now."""
        self.asked = bot.name
        return self._clients[bot.name]


def families(choice: Choice, bots: Bots) -> list[Family]:
    """Return the families of a choice, named and labelled as on the metrics page.

    Before that, ask each bot which date format it matches. Raises ApiError, such as DatesUnverified.
    """
    proven: dict[tuple[str, Collection], DateFormat] = {}
    for poll in choice.plan.polls:
        bot, collection = poll.bot, poll.query.collection
        if (bot.name, collection) not in proven:
            fields = (choice.date_fields[collection],)
            dates = proven_dates(bots.client(bot), bot.api.dates, collection, fields)
            proven[bot.name, collection] = dates

    def past(poll: Poll, series: Series, labels: str) -> Past:
        field, dates = choice.date_fields[series.collection], proven[poll.bot.name, series.collection]

        def count(second: int) -> int:
            instant = datetime.fromtimestamp(second, UTC)
            text = predicate.before(series.predicate, field, instant, dates)
            return bots.client(poll.bot).count(series.collection, text)

        return Past(labels, count)

    made = []
    for query, polls in groupby(choice.plan.polls, key=lambda poll: poll.query):
        rows = [(poll, series) for poll in polls for series in poll.series]
        texts = write_labels(choice.labels_of(series) for _, series in rows)
        helps = ((query.metric, help_text(query)), (query.counter, new_help_text(query)))
        made.append(
            Family(
                tuple((name, Exposed(name, told, ()).head(openmetrics=True)) for name, told in helps),
                tuple(past(poll, series, text) for (poll, series), text in zip(rows, texts, strict=True)),
            )
        )
    return made
