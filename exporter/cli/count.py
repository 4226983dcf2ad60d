"""`count`: runs every query once, and prints the counts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click

from exporter.cli.bots import check_names
from exporter.cli.curl import command_line
from exporter.cli.flags import config_file, logging_flags, output_flag
from exporter.cli.output import columns
from exporter.clock import SystemClock
from exporter.config.load import load
from exporter.config.secrets import SecretError, TokenReader
from exporter.daemon.bot_client import BotClient
from exporter.errors import ApiError
from exporter.exposition.renderer import count_families, render
from exporter.language.fields import doubtful
from exporter.model import Bot, Collection, Plan, Poll, Series
from exporter.plan import make_plan
from exporter.polling.poller import Poller
from exporter.snapshot import PollSnapshot, Snapshot


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@config_file
@output_flag("table", "json", "prometheus")
@click.option(
    "--explain",
    is_flag=True,
    help="Print each request as it goes out, as a curl command, on standard error.",
)
@logging_flags
def count(*, names: tuple[str, ...], config_file: Path, output: str, explain: bool) -> int:
    """Run the queries NAME…, or all, once, and print the counts.

    Where a predicate counts 0 and names a field that no document has, this is printed too.

    Exits with 1 if any request failed, or a bot's id or token is missing; the other counts are still printed.
    """
    plan = _only(make_plan(load(config_file, os.environ, secrets="of one bot").config), names)
    tally = Tally()
    _ask(plan, tally, _ExplainedClient if explain else BotClient)
    printers = {"table": _table, "json": _json, "prometheus": _prometheus}
    click.echo(printers[output](plan, tally), nl=output != "prometheus")
    if output == "prometheus":
        click.echo(_failures(tally) + _zeros(plan, tally), nl=False, err=True)
    elif output == "table" and (zeros := _zeros(plan, tally)):
        click.echo(f"\n{zeros}", nl=False)
    return 1 if tally.errors else 0


@dataclass
class Tally:
    """A recorder that keeps counts and errors by poll and row, and sentences on unknown fields by poll."""

    counts: dict[tuple[tuple[str, str], int], int] = field(default_factory=dict)
    errors: dict[tuple[tuple[str, str], int], ApiError] = field(default_factory=dict)
    durations: dict[tuple[str, str], float] = field(default_factory=dict)
    unknown: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)

    def started(self, poll: Poll) -> None:
        """Do nothing: this is not printed."""

    def skipped(self, poll: Poll) -> None:
        """Do nothing: this is not printed."""

    def asked(self, poll: Poll, error: ApiError | None, began: float) -> None:
        """Do nothing: this is not printed."""

    def last_count(self, poll: Poll, row: int) -> int | None:  # noqa: ARG002 - nothing is known from before
        """Return None: this is the first count."""
        return None

    def counted(self, poll: Poll, row: int, count: int) -> None:
        self.counts[poll.key, row] = count

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None:
        self.errors |= {(poll.key, row): error for row in rows}

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:  # noqa: ARG002 - `failed` keeps it
        self.durations[poll.key] = duration

    def unknown_fields(self, poll: Poll, sentences: Mapping[str, str]) -> None:
        self.unknown[poll.key] = sentences

    def on_zero(self, poll: Poll, row: int) -> list[str]:
        """Return a sentence for each field of a series that counts 0 which no document has."""
        if self.counts.get((poll.key, row)) != 0:
            return []
        named = doubtful(poll.series[row].predicate)
        return [text for name, text in self.unknown.get(poll.key, {}).items() if name in named]


class _ExplainedClient(BotClient):
    """A client that prints each attempt before it makes it."""

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        with suppress(SecretError):  # then nothing is sent
            self._reader()
            click.echo(command_line(self._bot, collection, predicate_text), err=True)
        return super().count(collection, predicate_text, budget)


def _only(plan: Plan, names: Sequence[str]) -> Plan:
    check_names("query", names, [query.name for query in plan.queries])
    polls = tuple(poll for poll in plan.polls if not names or poll.query.name in names)
    return Plan(polls, plan.zone, plan.workers)


def _ask(plan: Plan, tally: Tally, client: type[BotClient]) -> None:
    clock = SystemClock()

    def make_client(bot: Bot) -> BotClient:
        return client(bot, TokenReader(bot.token, os.environ), clock, lambda *_: None)

    poller = Poller(
        clock, recorder=tally, make_client=make_client, on_defect=lambda: None, on_lag=lambda _: None
    )
    poller.run_once(plan)


def _rows(plan: Plan) -> list[tuple[Poll, int, Series]]:
    return [(poll, row, series) for poll in plan.polls for row, series in enumerate(poll.series)]


def _table(plan: Plan, tally: Tally) -> str:
    lines = []
    for poll, row, series in _rows(plan):
        counted, error = tally.counts.get((poll.key, row)), tally.errors.get((poll.key, row))
        labels = ", ".join(f"{name}={value}" for name, value in series.labels if name != "bot")
        lines.append(
            (
                poll.bot.name,
                poll.query.name,
                labels,
                "" if counted is None else f"{counted:,}",
                f"{tally.durations[poll.key]:.3f}s",
                error.described if error else "",
            )
        )
    return columns(("BOT", "QUERY", "LABELS", "COUNT", "TOOK", "ERROR"), lines, right=(3, 4))


def _json(plan: Plan, tally: Tally) -> str:
    objects = []
    for poll, row, series in _rows(plan):
        error = tally.errors.get((poll.key, row))
        objects.append(
            {
                "query": poll.query.name,
                "metric": series.metric,
                "labels": dict(series.labels),
                "count": tally.counts.get((poll.key, row)),
                "seconds": round(tally.durations[poll.key], 6),
                "error": error and {"reason": error.reason, "status": error.status, "message": str(error)},
                "unknown_fields": tally.on_zero(poll, row),
            }
        )
    return json.dumps(objects, ensure_ascii=False, indent=2)


def _prometheus(plan: Plan, tally: Tally) -> str:
    polls = (
        PollSnapshot(poll, [tally.counts.get((poll.key, row)) for row in range(len(poll.series))])
        for poll in plan.polls
    )
    return "".join(render(count_families(plan, with_new=False), Snapshot(tuple(polls)), openmetrics=False))


def _zeros(plan: Plan, tally: Tally) -> str:
    """Return what is known about counts of 0 as text, each sentence of a query once."""
    lines = (
        f"{poll.bot.name}/{poll.query.name}: {sentence}\n"
        for poll, row, _ in _rows(plan)
        for sentence in tally.on_zero(poll, row)
    )
    return "".join(dict.fromkeys(lines))


def _failures(tally: Tally) -> str:
    """Return the errors as text, each error of a query once: Prometheus's format has no place for them."""
    lines = (f"{bot}/{query}: {error.described}\n" for ((bot, query), _), error in tally.errors.items())
    return "".join(dict.fromkeys(lines))
