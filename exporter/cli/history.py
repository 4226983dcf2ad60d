"""`conversations` and `messages`: download history as JSON lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from exporter.cli.flags import config_file, logging_flags
from exporter.cli.output import abandon_output, put_line, reason
from exporter.clock import Clock, SystemClock
from exporter.config.load import load
from exporter.config.secrets import TokenReader
from exporter.errors import ApiError, BadAnswer, ExporterError
from exporter.language.suggest import did_you_mean
from exporter.model import Bot, Collection, Config, Json
from exporter.nativechat.answers import parse
from exporter.nativechat.client import Client
from exporter.nativechat.history import download
from exporter.rate_limiter import RateLimiter

_HELP: Final = """\
Downloads page by page until --limit, or until there are no more rows. Without --sort the order is the
API's own, which is not documented. If it stops early, it says after how many rows."""


def _command(collection: Collection) -> click.Command:
    """Return the command that downloads one collection."""

    @click.command(collection, help=f"Download {collection} as JSON lines.\n\n{_HELP}")
    @config_file
    @click.option("--bot", "bot_name", help="The bot's name; may be omitted if there is only one.")
    @click.option("--query", default="", callback=_predicate, help="A MongoDB predicate, as JSON.")
    @click.option("--sort", default="", callback=_order, help='A field, -field, or JSON: {"StartedAt": -1}.')
    @click.option("--limit", type=click.IntRange(min=0), help="Stop after N rows.")
    @click.option(
        "--skip", type=click.IntRange(min=0), default=0, show_default=True, help="Skip the first N rows."
    )
    @logging_flags
    def command(*, config_file: Path, bot_name: str | None, **options: Any) -> int:
        bot = _bot(load(config_file, os.environ, secrets="of one bot").config, bot_name)
        if bot.fault:
            raise ExporterError(f"{bot.fault[0]} ({bot.fault[1]})")
        return _print(collection, bot, SystemClock(), **options)

    return command


def _print(
    collection: Collection, bot: Bot, clock: Clock, *, query: str, sort: str, limit: int | None, skip: int
) -> int:
    """Print each row as it arrives; if that stops early, print after how many rows, and return 1."""
    client = Client(bot, TokenReader(bot.token, os.environ), clock)
    rows = download(
        client,
        collection,
        query=query,
        sort=sort,
        limit=limit,
        skip=skip,
        limiter=RateLimiter(bot.api.rate),
        retries=bot.api.retries,
        timeout=bot.api.timeout,
        clock=clock,
    )
    count = partial(client.count, collection, query, bot.api.timeout)
    done = 0
    try:
        with closing(_with_progress_bar(rows, partial(_expected, count, limit, skip))) as shown:
            for row in shown:
                put_line(json.dumps(row, ensure_ascii=False))
                done += 1
    except ApiError as error:
        why = error.described
    except KeyboardInterrupt:
        why = "interrupted"
    except BrokenPipeError:
        # The reader, such as head, has closed the pipe; nobody knows how many rows it has read.
        abandon_output()
        return 1
    except OSError as error:
        abandon_output()
        why = f"cannot print: {reason(error)}"
    else:
        return 0
    click.echo(f"stopped after {done:,} {collection}: {why}{_rest(done, limit, skip)}", err=True)
    return 1


def _rest(done: int, limit: int | None, skip: int) -> str:
    """Return the flags that continue the download, or an empty text if no row was printed."""
    if not done:
        return ""
    return f"; go on with --skip {skip + done}" + (f" --limit {limit - done}" if limit is not None else "")


def _with_progress_bar(
    rows: Iterator[dict[str, Json]], expected: Callable[[], int | None]
) -> Generator[dict[str, Json], None, None]:
    """Yield the rows; if standard error is a terminal, show a progress bar there."""
    if not sys.stderr.isatty():
        yield from rows
        return
    with click.progressbar(rows, length=expected(), file=sys.stderr, show_pos=True) as bar:
        for row in bar:
            if sys.stdout.isatty():
                click.echo("\r\x1b[K", nl=False, err=True)  # the row replaces the bar
            yield row


def _expected(count: Callable[[], int], limit: int | None, skip: int) -> int | None:
    """Return the expected number of rows for the progress bar, None if it is unknown."""
    try:
        rest = max(0, count() - skip)
    except ApiError:
        return limit
    return rest if limit is None else min(limit, rest)


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
        return _sendable(text)
    order = _json_object(text, 'as {"StartedAt": -1}')
    if any(
        direction not in (1, -1) or isinstance(direction, bool) for direction in json.loads(order).values()
    ):
        raise click.BadParameter('each field is sorted by 1 or -1, as {"StartedAt": -1}')
    return order


def _json_object(text: str, example: str) -> str:
    try:
        json.loads(text)  # its message says where the error is
        value = parse(_sendable(text).encode())
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error} ({example})") from error
    except RecursionError as error:
        raise click.BadParameter(f"JSON nested too deeply ({example})") from error
    except BadAnswer as error:
        raise click.BadParameter(f"{error} ({example})") from error
    if not isinstance(value, dict):
        raise click.BadParameter(f"not a JSON object ({example})")
    return _sendable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _sendable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter("not valid Unicode, such as half of an emoji") from error
    return text


conversations = _command("conversations")
messages = _command("messages")
