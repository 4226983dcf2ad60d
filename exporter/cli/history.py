"""`conversations` and `messages`: download history as JSON lines or CSV."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from exporter.cli.bots import bot_named, paced_client
from exporter.cli.flags import config_file, logging_flags
from exporter.cli.history_file import DownloadFile, Progress
from exporter.cli.history_flags import Wanted, history_flags
from exporter.cli.history_format import RowFormat
from exporter.cli.output import put_line, why_stopped
from exporter.cli.stored_dates import proven_dates
from exporter.clock import Clock, SystemClock
from exporter.config.load import load
from exporter.errors import ApiError, WrongUsage
from exporter.language import datemath, predicate
from exporter.model import Bot, Collection, DateFormat, Json
from exporter.nativechat.by_key import ID_FIELDS, ByKey, Key
from exporter.nativechat.history import CannotContinue, Pages, Row, download

_HELP: Final = """\
Downloads page by page until --limit, or until there are no more rows. Without --sort the order is the
API's own, which is not documented, and rows may repeat or be missing if others are deleted meanwhile.

With --to the order is that of one field, `_id` or --sort. Each row comes once, even if the download is
interrupted, and others are deleted or added meanwhile. If it stops early, it says how to continue."""


def _command(collection: Collection) -> click.Command:
    """Return the command that downloads one collection."""

    @click.command(collection, help=f"Download {collection} as JSON lines or CSV.\n\n{_HELP}")
    @config_file
    @click.option("--bot", "bot_name", help="The bot's name; may be omitted if there is only one.")
    @history_flags(collection)
    @logging_flags
    def command(*, config_file: Path, bot_name: str | None, **flags: Any) -> int:
        wanted = Wanted(**flags)
        config = load(config_file, os.environ, secrets="of one bot").config
        bot = bot_named(config, bot_name)
        return _Download(collection, bot, config.zone, wanted, SystemClock()).run()

    return command


class _Download:
    """One download, which knows how to ask for rows and where to put them."""

    def __init__(
        self, collection: Collection, bot: Bot, zone: ZoneInfo, wanted: Wanted, clock: Clock
    ) -> None:
        self._collection = collection
        self._bot = bot
        self._wanted = wanted
        self._client = paced_client(bot, clock)
        self._now = datetime.fromtimestamp(clock.wall(), UTC)
        self._zone = zone
        dates = [datemath.resolve(text, self._now, zone) for text in (wanted.since, wanted.until) if text]
        if len(dates) == 2 and dates[0] >= dates[1]:
            raise click.UsageError("--since is not before --until")
        self._format = RowFormat(wanted.output, wanted.fields)
        self._printed = 0

    def run(self) -> int:
        """Print or write the rows; if that stops early, say after how many rows, and return 1."""
        to = self._wanted.to
        file = DownloadFile(to) if to else None
        try:
            if file:
                self._write(file)
            else:
                self._print()
        except BrokenPipeError:
            raise  # click exits with 1 and no message: nobody knows how many rows the reader has read
        except (ApiError, KeyboardInterrupt, OSError) as error:
            why, may_continue = why_stopped(error, to), not isinstance(error, CannotContinue)
        else:
            return 0
        done = file.rows if file else self._printed
        if file:
            go_on = file.stop(done, may_continue=may_continue)
        else:
            go_on = self._rest(done) if may_continue else ""
        click.echo(f"stopped after {done:,} {self._collection}: {why}{go_on}", err=True)
        return 1

    def _print(self) -> None:
        wanted = self._wanted
        query = self._query()
        rows = download(
            self._client,
            self._collection,
            query=query,
            sort=wanted.sort,
            limit=wanted.limit,
            skip=wanted.skip,
        )
        if self._format.head:
            put_line(self._format.head)
        is_one_terminal = sys.stdout.isatty() and sys.stderr.isatty()
        with self._progress_bar(rows, query, wanted.skip) as shown:
            for row in shown:
                if is_one_terminal:
                    click.echo("\r\x1b[K", nl=False, err=True)  # the row replaces the bar
                put_line(self._format.line(row))
                self._printed += 1
        self._print_missing_fields(self._printed)

    def _write(self, file: DownloadFile) -> None:
        """Write the rows to a file, from where an interrupted download ended."""
        path, flags, limit = file.path, self._flags(), self._wanted.limit
        if file.is_complete(resume=self._wanted.resume):
            what = f"{path} is complete: there is no {file.beside} (for other rows, remove it and begin anew)"
            click.echo(what, err=True)
            return
        progress = file.progress(flags) or self._begun(flags)
        file.rows = done = progress.rows
        if limit is not None and limit < done:
            raise WrongUsage(
                f"{path} has {done:,} {self._collection} already (raise --limit, or leave it out)"
            )
        by_key = ByKey(self._client, self._collection, progress.key, progress.position, query=progress.query)
        rows = by_key.rows(None if limit is None else limit - done)
        with self._progress_bar(rows, progress.query, done) as shown:
            file.fill(progress, shown, lambda: by_key.position, self._format.line, self._format.head)
        click.echo(f"{path} has {file.rows:,} {self._collection}", err=True)
        self._print_missing_fields(file.rows - done)

    def _begun(self, flags: dict[str, Json]) -> Progress:
        """Return the progress of a download that begins now: its dates are resolved and proven."""
        wanted, query = self._wanted, self._query()
        name, descends = wanted.key
        if not name:
            first = Pages(self._client, self._collection).ask(query=query, sort="", limit=1)
            row = next(iter(first), {"_id": None})
            name = next((name for name in ID_FIELDS if name in row), "")
            if not name:
                what = f"{self._collection} have no {' or '.join(ID_FIELDS)}"
                raise WrongUsage(f"{what} (name a field that each row has with --sort)")
        dates = self._proven(name) if name == wanted.date_field else None
        return Progress(flags, query, Key(name, descends, dates))

    def _query(self) -> str:
        """Return the text of the predicate, with each date as it is sent; raises ApiError."""
        compiled = predicate.compile(self._wanted.predicate)
        dates = self._proven(*compiled.dated) if compiled.dated else "iso"
        return predicate.write(compiled, self._now, self._zone, dates)

    def _proven(self, *fields: str) -> DateFormat:
        """Return the format of dates that matches in these fields; raises ApiError."""
        return proven_dates(self._client, self._bot.api.dates, self._collection, fields)

    def _flags(self) -> dict[str, Json]:
        """Return what a download may not differ in from the one that it continues."""
        wanted, bot = self._wanted, self._bot
        return {
            "collection": self._collection,
            "bot": bot.key,
            "--query": wanted.query,
            "--since": wanted.since,
            "--until": wanted.until,
            "--date-field": wanted.date_field,
            "--sort": wanted.sort,
            "--fields": list(wanted.fields),
            "--output": wanted.output,
        }

    def _progress_bar(
        self, rows: Iterator[Row], query: str, done: int
    ) -> AbstractContextManager[Iterable[Row]]:
        """Return the rows that are left after `done` rows; a progress bar shows them on a terminal."""
        if not sys.stderr.isatty():
            return nullcontext(rows)
        expected = self._wanted.limit
        with suppress(ApiError):
            rest = max(0, self._client.count(self._collection, query) - done)
            expected = rest if expected is None else min(expected, rest)
        return click.progressbar(rows, length=expected, file=sys.stderr, show_pos=True)

    def _rest(self, done: int) -> str:
        """Return the flags that continue a download without a file; an empty text if nothing was printed."""
        if not done:
            return ""
        limit = self._wanted.limit
        left = f" --limit {limit - done}" if limit is not None else ""
        return f"; go on with --skip {self._wanted.skip + done}{left}"

    def _print_missing_fields(self, rows: int) -> None:
        for field in self._format.missing if rows else ():
            what = f"none of the {rows:,} {self._collection} has the field {field}"
            click.echo(f"{what} (remove it from --fields, or correct its name)", err=True)


conversations = _command("conversations")
messages = _command("messages")
