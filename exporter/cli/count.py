"""`count`: runs every query once, and prints the counts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from shlex import quote

import click

from exporter.cli.bots import BEGIN_ANEW, MIXED_UP, check_names
from exporter.cli.flags import config_file, logging_flags, output_flag
from exporter.cli.output import columns
from exporter.clock import SystemClock
from exporter.config.load import load
from exporter.config.secrets import TokenReader
from exporter.daemon.bot_client import BotClient
from exporter.errors import ApiError, BadAnswer
from exporter.exposition.renderer import count_families, render
from exporter.language.fields import doubtful, explanations
from exporter.model import Bot, Collection, Plan, Poll, Series, Unknown
from exporter.nativechat.endpoints import COUNT
from exporter.plan import make_plan
from exporter.polling.dispatcher import Dispatcher
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

    Where a predicate counts 0 and names a field or a value that no document has, this is printed too.

    Exits with 1 if any request failed, or a bot's id or token is missing; the other counts are still printed.
    """
    plan = make_plan(load(config_file, os.environ, secrets="of one bot").config)
    check_names("query", names, [query.name for query in plan.queries])
    plan = replace(plan, polls=tuple(poll for poll in plan.polls if not names or poll.query.name in names))
    counted = _Counted(plan)
    _ask(plan, counted, _ExplainedClient if explain else BotClient)
    results = [each for results in counted.by_poll.values() for each in results]
    if output == "prometheus":
        click.echo(_prometheus(plan, counted), nl=False)
        # Prometheus's format has no place for errors.
        failures = _once((each.poll, each.error.described) for each in results if each.error)
        click.echo(failures + _zeros(results), nl=False, err=True)
    elif output == "json":
        click.echo(_json(results))
    else:
        click.echo(_table(results))
        if zeros := _zeros(results):
            click.echo(f"\n{zeros}", nl=False)
    return 1 if any(each.error for each in results) else 0


@dataclass(slots=True)
class _Result:
    """What one series counts, or the error; `unknown` is what no document has of its poll's predicates."""

    poll: Poll
    series: Series
    count: int | None = None
    error: ApiError | None = None
    seconds: float = 0.0
    unknown: Unknown = field(default_factory=Unknown)


class _Counted:
    """A recorder that keeps a result for each series of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.by_poll = {poll.key: [_Result(poll, series) for series in poll.series] for poll in plan.polls}

    def counted(self, poll: Poll, row: int, count: int) -> None:
        self.by_poll[poll.key][row].count = count

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None:
        for row in rows:
            self.by_poll[poll.key][row].error = error

    def distrust(self, bot: str) -> None:
        """Replace each count of a bot by an error: it may be that of another request."""
        for (name, _), results in self.by_poll.items():
            for each in results if name == bot else ():
                each.count, each.error = None, BadAnswer(MIXED_UP, advice=BEGIN_ANEW)

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:  # noqa: ARG002 - `failed` keeps it
        for result in self.by_poll[poll.key]:
            result.seconds = duration

    def unknown(self, poll: Poll, unknown: Unknown) -> None:
        for result in self.by_poll[poll.key]:
            result.unknown = unknown

    # The recorder of `run` needs more than is printed here.
    def started(self, poll: Poll) -> None: ...
    def skipped(self, poll: Poll) -> None: ...
    def asked(self, poll: Poll, error: ApiError | None, began: float) -> None: ...
    def last_count(self, poll: Poll, row: int) -> int | None: ...


class _ExplainedClient(BotClient):
    """A client that prints each attempt before it makes it."""

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        if self._current() and not self._fault:  # without an id or a token nothing is sent
            click.echo(curl(self._bot, collection, predicate_text), err=True)
        return super().count(collection, predicate_text, budget)


def curl(bot: Bot, collection: Collection, predicate_text: str) -> str:
    """Return a line for a POSIX shell that counts with curl, and never shows the token.

    The line holds no token, but reads it where the configuration does. `printf` is part of the shell, and
    curl reads the header from standard input, so `ps` does not show it either.
    """
    source = bot.token
    token = f'"${source.env}"' if source.env else f'"$(cat {quote(str(source.file))})"'
    words = ["curl", "--get", "--silent", "--show-error", "--header", "@-"]
    words += ["--header", "Content-Type: application/json"]
    if bot.api.ca_file:
        words += ["--cacert", str(bot.api.ca_file)]
    if predicate_text:
        words += ["--data-urlencode", f"query={predicate_text}"]
    words.append(COUNT.url(bot, collection))
    header = f"printf 'Authorization: Bot-Server-Access-Token %s\\n' {token}"
    return f"{header} | {' '.join(map(quote, words))}"


def _ask(plan: Plan, counted: _Counted, client: type[BotClient]) -> None:
    clock = SystemClock()

    def make_client(bot: Bot) -> BotClient:
        on_doubt = partial(doubted.add, bot.name)
        return client(bot, TokenReader(bot.token, os.environ), clock, on_doubt=on_doubt)

    doubted: set[str] = set()
    dispatcher = Dispatcher(
        clock, recorder=counted, make_client=make_client, on_defect=lambda: None, on_lag=lambda _: None
    )
    Poller(clock, dispatcher).run_once(plan)
    for name in doubted:
        counted.distrust(name)


def _table(results: Sequence[_Result]) -> str:
    lines = [
        (
            each.poll.bot.name,
            each.poll.query.name,
            ", ".join(f"{name}={value}" for name, value in each.series.labels if name != "bot"),
            "" if each.count is None else f"{each.count:,}",
            f"{each.seconds:.3f}s",
            each.error.described if each.error else "",
        )
        for each in results
    ]
    return columns(("BOT", "QUERY", "LABELS", "COUNT", "TOOK", "ERROR"), lines, right=(3, 4))


def _json(results: Sequence[_Result]) -> str:
    objects = []
    for each in results:
        own = each.unknown.among(doubtful(each.series.predicate) if each.count == 0 else frozenset())
        objects.append(
            {
                "query": each.poll.query.name,
                "metric": each.series.metric,
                "labels": dict(each.series.labels),
                "count": each.count,
                "seconds": round(each.seconds, 6),
                "error": each.error
                and {"reason": each.error.reason, "status": each.error.status, "message": str(each.error)},
                "unknown_fields": list(own.fields.values()),
                "unknown_values": explanations(Unknown(values=own.values), each.poll.query.collection),
            }
        )
    return json.dumps(objects, ensure_ascii=False, indent=2)


def _prometheus(plan: Plan, counted: _Counted) -> str:
    polls = (PollSnapshot(poll, [each.count for each in counted.by_poll[poll.key]]) for poll in plan.polls)
    return "".join(render(count_families(plan, with_new=False), Snapshot(tuple(polls)), openmetrics=False))


def _zeros(results: Sequence[_Result]) -> str:
    """Return what is known about counts of 0 as text."""
    return _once(
        (each.poll, sentence)
        for each in results
        for sentence in explanations(each.unknown, each.poll.query.collection)
    )


def _once(told: Iterable[tuple[Poll, str]]) -> str:
    """Return lines, each text of a query once."""
    return "".join(dict.fromkeys(f"{poll.bot.name}/{poll.query.name}: {text}\n" for poll, text in told))
