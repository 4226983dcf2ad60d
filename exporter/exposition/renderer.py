"""Renders the metrics of a plan: its counts, and the state of each poll and bot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Final

from exporter.errors import REASONS
from exporter.exposition.family import Family, write_labels
from exporter.exposition.own import HELP
from exporter.language import durations
from exporter.model import Plan, Query
from exporter.snapshot import PollSnapshot, Snapshot

Values = Callable[[Snapshot], Iterable[float | None]]
"""Returns the values of a family's samples in a snapshot of the same plan."""

Families = Sequence[tuple[Family, Values]]

_OF_POLLS: Final[dict[str, Callable[[PollSnapshot], float | None]]] = {
    "nativechat_exporter_query_up": lambda poll: poll.up,
    "nativechat_exporter_query_last_success_timestamp_seconds": lambda poll: poll.last_success,
    "nativechat_exporter_query_duration_seconds": lambda poll: poll.duration,
    "nativechat_exporter_query_runs_total": lambda poll: poll.runs,
    "nativechat_exporter_query_failures_total": lambda poll: poll.failures,
    "nativechat_exporter_query_skipped_total": lambda poll: poll.skipped,
    "nativechat_exporter_query_unknown_fields": lambda poll: len(poll.unknown.fields) or None,
    "nativechat_exporter_query_unknown_values": lambda poll: len(poll.unknown.values) or None,
}


def render(families: Families, snapshot: Snapshot, *, openmetrics: bool) -> Iterator[str]:
    """Return the text of each family with the values of a snapshot of the same plan."""
    for family, values in families:
        yield family.text(values(snapshot), openmetrics=openmetrics)


def count_families(plan: Plan, *, with_new: bool = True) -> Families:
    """Return the counts: a family for each query, and if `with_new`, another of what is new in it."""
    polls: dict[str, list[int]] = {query.name: [] for query in plan.queries}
    for number, poll in enumerate(plan.polls):
        polls[poll.query.name].append(number)
    families: list[tuple[Family, Values]] = []
    for query in plan.queries:
        numbers = polls[query.name]
        labels = write_labels(series.labels for number in numbers for series in plan.polls[number].series)
        families.append((Family(query.metric, help_text(query), labels), partial(_counts, numbers)))
        if with_new and not query.dated:
            families.append((Family(query.counter, new_help_text(query), labels), partial(_new, numbers)))
    return families


def _counts(polls: Sequence[int], snapshot: Snapshot) -> Iterable[int | None]:
    return chain.from_iterable(snapshot.polls[number].counts for number in polls)


def _new(polls: Sequence[int], snapshot: Snapshot) -> Iterable[int]:
    return chain.from_iterable(snapshot.polls[number].new for number in polls)


def state_families(plan: Plan) -> Families:
    """Return the state of each poll and bot."""
    names = [("bot", bot.name) for bot in plan.bots]
    bots = write_labels((name,) for name in names)
    keys = write_labels((name, ("key", bot.key)) for name, bot in zip(names, plan.bots, strict=True))
    known = [None if bot.fault else 1 for bot in plan.bots]
    reasons = write_labels((name, ("reason", reason)) for name in names for reason in REASONS)
    polls = write_labels((("bot", poll.bot.name), ("query", poll.query.name)) for poll in plan.polls)
    queries = write_labels((("query", query.name),) for query in plan.queries)
    intervals = [query.every for query in plan.queries]
    families: Families = [
        (_own("nativechat_up", bots), lambda now: (bool(bot.up) for bot in now.bots)),
        (_own("nativechat_bot_info", keys), lambda _: known),
        (_own("nativechat_exporter_bot_failures_total", reasons), _failures),
        (_own("nativechat_exporter_query_interval_seconds", queries), lambda _: intervals),
        (_own("nativechat_exporter_series", [""]), _series),
    ]
    return [*((_own(name, polls), partial(_of_polls, value)) for name, value in _OF_POLLS.items()), *families]


def _own(name: str, labels: Sequence[str]) -> Family:
    return Family(name, HELP[name], labels)


def _of_polls(value: Callable[[PollSnapshot], float | None], snapshot: Snapshot) -> Iterable[float | None]:
    return map(value, snapshot.polls)


def _failures(snapshot: Snapshot) -> Iterable[int]:
    return chain.from_iterable(bot.failures for bot in snapshot.bots)


def _series(snapshot: Snapshot) -> Iterable[int]:
    yield sum(len(poll.counts) - poll.counts.count(None) for poll in snapshot.polls)


def help_text(query: Query) -> str:
    """Return the HELP of a query's metric: the configured help, and how old a value can be."""
    every, stale_after = durations.write(query.every), durations.write(query.stale_after)
    words = query.help if query.help.endswith((".", "!", "?")) else f"{query.help}."
    return f"{words} Asked every {every}; absent once older than {stale_after}."


def new_help_text(query: Query) -> str:
    """Return the HELP of a query's counter: what it adds up, and what it cannot see."""
    return (
        f"By how much {query.metric} rose, all rises between two answers since the start added up."
        f" Asked every {durations.write(query.every)}."
        " A lower bound: what comes and goes between two answers is not seen."
    )
