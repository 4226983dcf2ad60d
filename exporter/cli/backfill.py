"""`backfill`: writes the past of queries as OpenMetrics, for Prometheus."""

from __future__ import annotations

import os
import shlex
import sys
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final, cast

import click

from exporter.backfill.backfill import Backfill
from exporter.backfill.grid import Grid
from exporter.backfill.journal import Journal
from exporter.cli.backfill_choice import Bots, Choice, choose, families
from exporter.cli.backfill_flags import backfill_flags
from exporter.cli.flags import config_file, logging_flags
from exporter.cli.output import why_stopped
from exporter.cli.resumable import Resumable
from exporter.clock import Clock, SystemClock
from exporter.config.load import load
from exporter.errors import ApiError
from exporter.files import claim
from exporter.language import datemath, durations
from exporter.plan import make_plan

_HEAD: Final = timedelta(hours=3)
"""What Prometheus keeps in memory and still changes: a block of that time may overlap with its own."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@config_file
@backfill_flags
@logging_flags
def backfill(
    *,
    names: tuple[str, ...],
    config_file: Path,
    since: str,
    until: str,
    to: Path | None,
    resume: bool,
    **flags: Any,
) -> int:
    """Write the past of queries as OpenMetrics.

    For each step it counts the documents there are now whose date is earlier. What was deleted is in no step.
    Without NAME it takes all queries without dates. promtool loads the result into Prometheus: the command
    for it is printed at the end.
    """
    if resume and not to:
        raise click.UsageError("--resume needs --to: the file to continue")
    config = load(config_file, os.environ, secrets="of one bot").config
    choice = choose(make_plan(config), names, flags["bot"], flags["date_fields"], flags["labels"])
    clock = SystemClock()
    now = datetime.fromtimestamp(clock.wall(), UTC)
    begin, end = (datemath.resolve(text, now, config.zone) for text in (since, until))
    if end > now - _HEAD:
        raise click.UsageError("--until must be three hours ago at least: Prometheus still changes the rest")
    header = {
        "begun with": {
            "--since": since,
            "--until": until,
            "--step": flags["step"],
            "configuration, NAME, --bot, --date-field or --label": choice.digest(),
        },
        "since": max(0, int(begin.timestamp())),
        "until": max(0, int(end.timestamp())),
    }
    return _Command(choice, flags["step"], to, clock).run(header, resume=resume)


class _Command:
    """One backfill, to a file or to standard output."""

    def __init__(self, choice: Choice, step: int, to: Path | None, clock: Clock) -> None:
        self._choice = choice
        self._step = step
        self._to = to
        self._file = Resumable(to, "backfill") if to else None
        self._bots = Bots(choice.plan.bots, clock)
        self._answers = 0

    def run(self, header: dict[str, Any], *, resume: bool) -> int:
        """Ask and write; if that stops early, print after how many counts, and return 1."""
        if self._file and self._file.is_complete(resume=resume):
            what = f"{self._to} is complete: there is no {self._file.beside}"
            advice = "for another past, remove it and begin anew; this loads it"
            click.echo(f"{what} ({advice}):\n{_promtool(self._file)}", err=True)
            return 0
        try:
            self._fill(header)
        except BrokenPipeError:
            raise  # click exits with 1 and no message
        except (ApiError, KeyboardInterrupt, OSError) as error:
            bot = f"bot {self._bots.asked}: " if isinstance(error, ApiError) else ""
            why = f"{bot}{why_stopped(error, self._to)}"
        else:
            return 0
        go_on = self._file.stop(self._answers) if self._file else ""
        click.echo(f"stopped after {self._answers:,} counts: {why}{go_on}", err=True)
        return 1

    def _fill(self, header: dict[str, Any]) -> None:
        with self._open_journal() as file:
            journal = Journal(file, header)
            self._answers = journal.answers
            grid = self._grid(journal.header, header)
            self._announce(grid)
            past = Backfill(families(self._choice, self._bots), grid, journal)
            try:
                _show_progress(past.ask(), self._choice.plan.series * grid.steps)
            finally:
                self._answers = journal.answers
            self._put(past.text())
        self._print_next_step(grid)

    def _open_journal(self) -> BinaryIO:
        """Open the journal, empty if it is new; raises OSError, also if another process has it open."""
        if not self._file:
            return cast("BinaryIO", TemporaryFile())
        is_new = not self._file.beside.exists()
        journal = self._file.beside.open("x+b" if is_new else "r+b")
        try:
            claim(journal)
        except OSError:
            journal.close()
            raise
        self._file.is_new = is_new
        return journal

    def _put(self, texts: Iterator[str]) -> None:
        """Write the output, and remove the journal; raises OSError."""
        if not self._file:
            sys.stdout.writelines(texts)
            sys.stdout.flush()
            return
        with self._file.path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(texts)
        self._file.beside.unlink()

    def _grid(self, begun: dict[str, Any], header: dict[str, Any]) -> Grid:
        """Return the grid of the journal; raises WrongUsage if it was begun with other flags."""
        if self._file:
            self._file.check_same(begun["begun with"], header["begun with"])
        grid = Grid(begun["since"], begun["until"], self._step)
        if not grid.steps:
            if self._file:
                self._file.stop(0)
            advice = "--until is now-3h unless given; lower --step, or begin earlier"
            raise click.UsageError(f"there is no step between --since and --until ({advice})")
        return grid

    def _announce(self, grid: Grid) -> None:
        for line in self._choice.skipped:
            click.echo(f"skipped {line}", err=True)
        if "job" not in self._choice.labels:
            what = "the past has no label job, so it is not in the same series as what Prometheus scrapes"
            click.echo(f"{what} (add --label job=… and --label instance=…)", err=True)
        most = {bot: self._choice.most_requests(bot, grid.steps) for bot in self._choice.plan.bots}
        seconds = sum(number / bot.api.rate for bot, number in most.items() if bot.api.rate)
        takes = f", which take {durations.write(round(seconds))} at api.rate" if seconds else ""
        what = f"{self._choice.plan.series:,} series of {grid.steps:,} steps"
        click.echo(f"{what}: at most {sum(most.values()):,} requests{takes}", err=True)

    def _print_next_step(self, grid: Grid) -> None:
        since = datetime.fromtimestamp(grid.at(0), UTC)
        click.echo(f"{self._to or 'the output'} is complete, from {self._answers:,} counts", err=True)
        condition = f"If Prometheus keeps values since {since:%Y-%m-%d}, in the folder data"
        command = _promtool(self._file, grid.until - grid.since)
        click.echo(f"{condition}, this loads them:\n{command}", err=True)


def _promtool(file: Resumable | None, seconds: int = 0) -> str:
    """Return the command that makes blocks in Prometheus's folder, from a past of `seconds`, 0 if unknown.

    promtool reads the file once for each block, and makes blocks of two hours unless it is allowed others.
    Prometheus itself makes blocks of at most a tenth of what it keeps, and of 31 days.
    """
    hours = min(max(2, seconds // 36_000), 31 * 24)
    words = ["promtool", "tsdb", "create-blocks-from", f"--max-block-duration={hours}h", "openmetrics"]
    return shlex.join([*words, str(file.path) if file else "FILE", "data"])


def _show_progress(settled: Iterator[int], steps: int) -> None:
    """Go through what is settled; if standard error is a terminal, show a progress bar there."""
    if not sys.stderr.isatty():
        deque(settled, maxlen=0)
        return
    with click.progressbar(length=steps, file=sys.stderr) as bar:
        for number in settled:
            bar.update(number)
