"""The flags of a download: what to ask for, in which form, and where to put it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from exporter.cli.flags import Command, Parsed, date, output_flag, to_file, together
from exporter.errors import BadAnswer
from exporter.language import datemath
from exporter.language.predicate import both, findings
from exporter.language.tree import walk
from exporter.model import Collection, Json
from exporter.nativechat.answers import parse


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
            raise click.UsageError("--since and --until need --date-field, the field that has the date")
        if self.to and self.sort.startswith("{") and len(json.loads(self.sort)) != 1:
            raise click.UsageError("--to takes a --sort by one field, which is the key to continue at")

    @property
    def predicate(self) -> Json:
        """The predicate, with dates as configured."""
        texts = (("$gte", self.since), ("$lt", self.until))
        bounds: dict[str, Json] = {operator: {"$date": text} for operator, text in texts if text}
        return both(json.loads(self.query or "{}"), {self.date_field: bounds} if bounds else {})

    @property
    def key(self) -> tuple[str, bool]:
        """The field of `sort`, empty if there is none, and whether it descends."""
        if self.sort.startswith("{"):
            [(name, direction)] = json.loads(self.sort).items()
            return name, direction == -1
        return self.sort.removeprefix("-"), self.sort.startswith("-")


def history_flags(collection: Collection) -> Callable[[Command], Command]:
    """Return a decorator that adds the flags of `Wanted` for one collection."""
    return together(
        click.option(
            "--query",
            default="",
            type=Parsed(partial(_predicate, collection)),
            help='A MongoDB predicate, as JSON, such as {"Errors": 2}.',
        ),
        click.option(
            "--since",
            default="",
            type=Parsed(date),
            help="Only rows from this date on, such as 7d (ago) or now-7d/d.",
        ),
        click.option("--until", default="", type=Parsed(date), help="Only rows before this date."),
        click.option(
            "--date-field",
            default="StartedAt" if collection == "conversations" else "",
            type=Parsed(_field),
            show_default=True,
            help="The field that --since and --until compare.",
        ),
        click.option(
            "--sort", default="", type=Parsed(_order), help='A field, -field, or JSON: {"StartedAt": -1}.'
        ),
        click.option("--limit", type=click.IntRange(min=0), help="Stop after N rows."),
        click.option(
            "--skip",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="Skip the first N rows.",
        ),
        click.option(
            "--fields", default=(), type=Parsed(_fields), help="Only these fields, such as _id,Data.user."
        ),
        output_flag("jsonl", "csv"),
        to_file,
    )


def _predicate(collection: Collection, text: str) -> str:
    written = _json_object(text, 'as {"Status": "success"}')
    raw: Json = json.loads(written)
    errors = [each for each in findings(raw, collection) if each.severity == "error"]
    if errors:
        raise ValueError("; ".join(f"{what} ({advice})" if advice else what for _, what, advice, _ in errors))
    for path, node in walk(raw):
        if path[-1:] == ("$date",) and isinstance(node, str):
            datemath.check(node)
    return written


def _field(text: str) -> str:
    if text.startswith(("$", "[", "{", '"')):
        raise ValueError(f"a field's name has no {text[0]} in front (such as StartedAt)")
    return text


def _fields(text: str) -> tuple[str, ...]:
    fields = tuple(name for part in text.split(",") if (name := part.strip()))
    if not fields:
        raise ValueError("no field is named (such as _id,Data.user)")
    return fields


def _order(text: str) -> str:
    order, directions = text, {text.removeprefix("-"): 1}
    if text.lstrip().startswith("{"):
        order = _json_object(text, 'as {"StartedAt": -1}')
        directions = json.loads(order)
    if any(direction not in (1, -1) or isinstance(direction, bool) for direction in directions.values()):
        raise ValueError('each field is sorted by 1 or -1, as {"StartedAt": -1}')
    if not directions or not all(_field(name).strip() for name in directions):
        raise ValueError("no field is named (such as -StartedAt)")
    return order


def _json_object(text: str, example: str) -> str:
    try:
        json.loads(text)  # its message says where the error is
        value = parse(text.encode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error} ({example})") from error
    except BadAnswer as error:
        raise ValueError(f"{error} ({example})") from error
    if not isinstance(value, dict):
        raise ValueError(f"not a JSON object ({example})")  # noqa: TRY004 - what is wrong is a text
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    written.encode()  # raises ValueError for half of an emoji that is escaped
    return written
