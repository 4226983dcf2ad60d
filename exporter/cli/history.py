"""`conversations` and `messages`: download history as JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from exporter.cli.flags import config_file, logging_flags
from exporter.clock import Clock, SystemClock
from exporter.config.load import load
from exporter.config.secrets import TokenReader
from exporter.errors import ApiError
from exporter.language.suggest import did_you_mean
from exporter.logs import LogFormat, set_up
from exporter.model import Bot, Collection, Config, Json
from exporter.nativechat.client import Client
from exporter.nativechat.history import download
from exporter.pace import Pace


def _command(collection: Collection) -> click.Command:
    """Make the command that downloads one collection."""

    @click.command(
        collection, help=f"Download {collection} as JSON lines, page by page, until there are no more."
    )
    @config_file
    @click.option("--bot", "bot_name", help="Whose; may be left out where there is one bot.")
    @click.option("--query", default="", callback=_predicate, help="A MongoDB predicate, as JSON.")
    @click.option("--sort", default="", callback=_order, help='A field, -field, or JSON: {"StartedAt": -1}.')
    @click.option("--limit", type=click.IntRange(min=0), help="At most so many.")
    @click.option(
        "--skip", type=click.IntRange(min=0), default=0, show_default=True, help="Leave out the first."
    )
    @logging_flags
    def command(
        *, config_file: Path, bot_name: str | None, log_level: str, log_format: LogFormat, **asked: Any
    ) -> int:
        set_up(log_level, log_format)
        bot = _bot(load(config_file, os.environ).config, bot_name)
        return _print(collection, bot, SystemClock(), **asked)

    return command


def _print(
    collection: Collection, bot: Bot, clock: Clock, *, query: str, sort: str, limit: int | None, skip: int
) -> int:
    """Print every row as it comes; return 1, and say how far it came, if that was not to the end."""
    client = Client(bot, TokenReader(bot.token, os.environ), clock)
    rows = download(
        client,
        collection,
        query=query,
        sort=sort,
        limit=limit,
        skip=skip,
        pace=Pace(bot.api.rate),
        retries=bot.api.retries,
        timeout=bot.api.timeout,
        clock=clock,
    )
    done = 0
    try:
        with _progress(
            rows, lambda: _expected(client, collection, bot, query=query, limit=limit, skip=skip)
        ) as shown:
            for row in shown:
                sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
                done += 1
            sys.stdout.flush()
    except ApiError as error:
        why = f"{error.reason}: {error} ({error.advice})"
    except KeyboardInterrupt:
        why = "interrupted"
    except BrokenPipeError:
        # The reader has enough; nothing can be written to it, not even at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        why = "nobody reads on"
    else:
        return 0
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    click.echo(f"stopped after {done:,} {collection}: {why}; go on with --skip {skip + done}", err=True)
    return 1


@contextlib.contextmanager
def _progress(
    rows: Iterator[dict[str, Json]], expected: Callable[[], int | None]
) -> Iterator[Iterator[dict[str, Json]]]:
    """Give the rows, and on a terminal draw how far they have come."""
    if not sys.stderr.isatty():
        yield rows
        return
    with click.progressbar(rows, length=expected(), file=sys.stderr, show_pos=True) as bar:
        yield iter(bar)


def _expected(
    client: Client, collection: Collection, bot: Bot, *, query: str, limit: int | None, skip: int
) -> int | None:
    """Return how many rows will come, as far as the API says: only the bar needs it."""
    try:
        found = client.count(client.count_url(collection, query), collection, bot.api.timeout)
    except ApiError:
        return limit
    return max(0, found - skip) if limit is None else min(limit, max(0, found - skip))


def _bot(config: Config, name: str | None) -> Bot:
    names = [bot.name for bot in config.bots]
    if name is None and len(names) == 1:
        return config.bots[0]
    if name not in names:
        what = f"no bot is called {name!r}" if name else "there are several bots"
        advice = did_you_mean(name or "", names) or f"--bot takes one of {', '.join(names)}"
        raise click.UsageError(f"{what} ({advice})")
    return next(bot for bot in config.bots if bot.name == name)


def _predicate(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    return _json_object(text, 'as {"Status": "success"}') if text else ""


def _order(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    if not text.lstrip().startswith("{"):
        return text
    order = _json_object(text, 'as {"StartedAt": -1}')
    if any(
        direction not in {1, -1} or isinstance(direction, bool) for direction in json.loads(order).values()
    ):
        raise click.BadParameter('each field is sorted by 1 or -1, as {"StartedAt": -1}')
    return order


def _json_object(text: str, example: str) -> str:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error} ({example})") from error
    if not isinstance(value, dict):
        raise click.BadParameter(f"not a JSON object ({example})")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


conversations = _command("conversations")
messages = _command("messages")
