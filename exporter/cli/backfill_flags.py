"""The flags of `backfill`."""

from __future__ import annotations

from typing import Final

import click

from exporter.cli.flags import Parsed, by_name, date, label, to_file, together
from exporter.language import durations
from exporter.model import COLLECTIONS

BARE: Final = "a field without a collection"
"""The key of a --date-field that names no collection."""

_DATE: Final = "a duration ago, such as 90d, date math or an instant"


def _step(text: str) -> int:
    seconds = durations.parse(text)
    if seconds < 60 or seconds % 1:
        raise ValueError("a step is at least a minute, in whole seconds (such as 1h)")
    return int(seconds)


def _date_field(text: str) -> tuple[str, str]:
    """Return a collection, or BARE, and its field."""
    collection, _, field = text.rpartition("=")
    if collection not in ("", *COLLECTIONS) or not field or field.startswith("$"):
        raise ValueError(f"{text!r} is not a field (such as StartedAt, or messages=SentAt)")
    return collection or BARE, field


backfill_flags = together(
    click.option("--bot", help="Only this bot; by default all."),
    click.option("--since", required=True, type=Parsed(date), help=f"Where the past begins: {_DATE}."),
    click.option(
        "--until",
        default="now-3h",
        show_default=True,
        type=Parsed(date),
        help="Where it ends: at least three hours ago, and not after the first scrape.",
    ),
    click.option(
        "--step",
        type=Parsed(_step, "duration"),
        default="1h",
        show_default=True,
        help="The time from one count to the next.",
    ),
    click.option(
        "--date-field",
        "date_fields",
        multiple=True,
        type=Parsed(_date_field, "field"),
        callback=by_name,
        help="The date of a conversation, StartedAt by default; messages=FIELD for messages. Repeatable.",
    ),
    click.option(
        "--label",
        "labels",
        multiple=True,
        type=label,
        callback=by_name,
        help="A label that a scrape adds, such as job=nativechat. Repeatable.",
    ),
    to_file,
)
"""The flags that say which past to write, and where to."""
