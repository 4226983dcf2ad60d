"""The flags of `backfill`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import click

from exporter.cli.flags import Parsed, by_name, date, label, sendable, to_file, together
from exporter.language import durations
from exporter.model import COLLECTIONS, Collection

_DATE: Final = "a duration ago, such as 90d, date math or an instant"


def _step(text: str) -> int:
    seconds = durations.parse(text)
    if seconds < 60 or seconds % 1:
        raise ValueError("a step is at least a minute, in whole seconds (such as 1h)")
    return int(seconds)


def _date_fields(_ctx: click.Context, _param: click.Parameter, texts: Sequence[str]) -> dict[Collection, str]:
    """Return the field of each collection; a field without a collection is that of conversations."""
    found: dict[Collection, str] = {}
    for text in texts:
        collection, _, field = text.rpartition("=")
        if collection not in ("", *COLLECTIONS) or not field or field.startswith("$"):
            raise click.BadParameter(f"{text!r} is not a field (such as StartedAt, or messages=SentAt)")
        of = cast("Collection", collection or "conversations")
        if of in found:
            raise click.BadParameter(f"{of} have two (write one for each collection)")
        found[of] = field
    return {"conversations": "StartedAt", **found}


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
        type=Parsed(sendable),
        callback=_date_fields,
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
