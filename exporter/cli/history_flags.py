"""The flags of a download: what to ask for, in which form, and where to put it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from exporter.cli.flags import NewFile, sendable
from exporter.cli.history_query import as_json, between, check_dates
from exporter.errors import BadAnswer
from exporter.language import datemath
from exporter.language.predicate import both
from exporter.model import Json
from exporter.nativechat.answers import parse

Command = TypeVar("Command", bound=Callable[..., Any])

_FORMATS: Final = ("jsonl", "csv")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What to download, as the flags say; raises UsageError for flags that do not go together."""

    query: str
    since: str
    until: str
    date_field: str
    sort: str
    limit: int | None
    skip: int
    fields: tuple[str, ...]
    output: str
    to: Path | None
    resume: bool

    def __post_init__(self) -> None:
        if self.output == "csv" and not self.fields:
            raise click.UsageError("--output csv needs --fields: they are the columns")
        if self.resume and not self.to:
            raise click.UsageError("--resume needs --to: the file to continue")
        if self.skip and self.to:
            raise click.UsageError("--skip does not go with --to, which does not count rows")
        if (self.since or self.until) and not self.date_field:
            raise click.UsageError("--since and --until need --date-field: messages have no documented date")
        if self.to and self.sort.startswith("{") and len(json.loads(self.sort)) != 1:
            raise click.UsageError("--to takes a --sort by one field, which is the key to continue at")

    @property
    def predicate(self) -> Json:
        """The predicate, with dates as configured."""
        return both(as_json(self.query), between(self.since, self.until, self.date_field))

    @property
    def key(self) -> tuple[str, bool]:
        """The field of `sort`, empty if there is none, and whether it descends."""
        if self.sort.startswith("{"):
            [(name, direction)] = json.loads(self.sort).items()
            return name, direction == -1
        return self.sort.removeprefix("-"), self.sort.startswith("-")


def history_flags(date_field: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the flags of `Wanted`; `date_field` is the default of `--date-field`."""
    flags = (
        click.option(
            "--query",
            default="",
            callback=_predicate,
            help='A MongoDB predicate, as JSON, such as {"Errors": 2}.',
        ),
        click.option(
            "--since", default="", callback=_date, help="Only rows from this date on, such as now-7d/d."
        ),
        click.option("--until", default="", callback=_date, help="Only rows before this date."),
        click.option(
            "--date-field",
            default=date_field,
            callback=_field,
            show_default=True,
            help="The field that --since and --until compare.",
        ),
        click.option(
            "--sort", default="", callback=_order, help='A field, -field, or JSON: {"StartedAt": -1}.'
        ),
        click.option("--limit", type=click.IntRange(min=0), help="Stop after N rows."),
        click.option(
            "--skip", type=click.IntRange(min=0), default=0, show_default=True, help="Skip the first N rows."
        ),
        click.option(
            "--fields", default="", callback=_fields, help="Only these fields, such as _id,Data.user."
        ),
        click.option(
            "--output",
            type=click.Choice(_FORMATS),
            default="jsonl",
            show_default=True,
            help="The output format.",
        ),
        click.option("--to", type=NewFile(), help="Write to this file."),
        click.option("--resume", is_flag=True, help="Continue an interrupted download to this file."),
    )

    def decorate(command: Command) -> Command:
        for add in reversed(flags):
            command = add(command)
        return command

    return decorate


def _predicate(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    written = _json_object(text, 'as {"Status": "success"}') if text else ""
    return _checked(written, lambda: check_dates(as_json(written)))


def _date(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    return _checked(text, lambda: datemath.check(text)) if text else ""


def _checked(text: str, check: Callable[[], None]) -> str:
    try:
        check()
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return text


def _field(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    if text.startswith("$"):
        raise click.BadParameter("a field's name has no $ in front (such as StartedAt)")
    return sendable(text)


def _fields(_ctx: click.Context, _param: click.Parameter, text: str) -> tuple[str, ...]:
    return tuple(name for part in sendable(text).split(",") if (name := part.strip()))


def _order(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    if not text.lstrip().startswith("{"):
        return sendable(text)
    order = _json_object(text, 'as {"StartedAt": -1}')
    if any(
        direction not in (1, -1) or isinstance(direction, bool) for direction in json.loads(order).values()
    ):
        raise click.BadParameter('each field is sorted by 1 or -1, as {"StartedAt": -1}')
    return order


def _json_object(text: str, example: str) -> str:
    try:
        json.loads(text)  # its message says where the error is
        value = parse(sendable(text).encode())
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error} ({example})") from error
    except RecursionError as error:
        raise click.BadParameter(f"JSON nested too deeply ({example})") from error
    except BadAnswer as error:
        raise click.BadParameter(f"{error} ({example})") from error
    if not isinstance(value, dict):
        raise click.BadParameter(f"not a JSON object ({example})")
    return sendable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
