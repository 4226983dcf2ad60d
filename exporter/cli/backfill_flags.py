"""The flags of `backfill`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast
from zoneinfo import ZoneInfo

import click

from exporter.cli.flags import Duration, NewFile, sendable
from exporter.language import datemath, durations
from exporter.language.labels import NAME
from exporter.model import COLLECTIONS, Collection

Command = TypeVar("Command", bound=Callable[..., Any])

_DATE: Final = "a duration ago, such as 90d, date math or an instant"


def instant(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant that a duration before `now`, date math or an ISO instant means.

    Raises ValueError for any other text.
    """
    try:
        return now - timedelta(seconds=durations.parse(text))
    except ValueError:
        return datemath.resolve(text, now, zone)


def backfill_flags(command: Command) -> Command:
    """Add the flags that say which past to write, and where to."""
    flags = (
        click.option("--bot", help="Only this bot; by default all."),
        click.option("--since", required=True, callback=_date, help=f"Where the past begins: {_DATE}."),
        click.option(
            "--until",
            default="now-3h",
            show_default=True,
            callback=_date,
            help="Where it ends: at least three hours ago, and not after the first scrape.",
        ),
        click.option(
            "--step",
            type=Duration(),
            default="1h",
            show_default=True,
            callback=_step,
            help="The time from one count to the next.",
        ),
        click.option(
            "--date-field",
            "date_fields",
            multiple=True,
            callback=_date_fields,
            help="The date of a conversation, StartedAt by default; messages=FIELD for messages. Repeatable.",
        ),
        click.option(
            "--label",
            "labels",
            multiple=True,
            callback=_labels,
            help="A label that a scrape adds, such as job=nativechat. Repeatable.",
        ),
        click.option("--to", type=NewFile(), help="Write to this file."),
        click.option("--resume", is_flag=True, help="Continue an interrupted backfill to the file of --to."),
    )
    for add in reversed(flags):
        command = add(command)
    return command


def _date(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    try:
        instant(text, datetime(2000, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))
    except ValueError as error:
        raise click.BadParameter(f"{error}, or a duration, such as 90d") from error
    return text


def _step(_ctx: click.Context, _param: click.Parameter, seconds: float) -> int:
    if seconds < 60 or seconds % 1:
        raise click.BadParameter("a step is at least a minute, in whole seconds (such as 1h)")
    return int(seconds)


def _date_fields(_ctx: click.Context, _param: click.Parameter, texts: Sequence[str]) -> dict[Collection, str]:
    """Return the field of each collection; a field without a collection is that of conversations."""
    found: dict[Collection, str] = {"conversations": "StartedAt"}
    for text in texts:
        collection, _, field = sendable(text).rpartition("=")
        if collection not in ("", *COLLECTIONS) or not field or field.startswith("$"):
            raise click.BadParameter(f"{text!r} is not a field (such as StartedAt, or messages=SentAt)")
        found[cast("Collection", collection or "conversations")] = field
    return found


def _labels(_ctx: click.Context, _param: click.Parameter, texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, _, value = sendable(text).partition("=")
        if not NAME.fullmatch(name) or name.startswith("__") or not value or name in found:
            raise click.BadParameter(f"{text!r} is not a label, or comes twice (such as job=nativechat)")
        found[name] = value
    return found
