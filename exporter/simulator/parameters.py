"""Reads the parameters of a request: `query`, `sort`, `limit` and `skip`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exporter.model import Json
from exporter.simulator.refusal import Refused, json_object
from exporter.simulator.settings import PARAMETERS, Settings
from exporter.simulator.values import SortKeys

_FIELD: Final = re.compile(r"-?[A-Za-z_]\w*(\.\w+)*")
_WHOLE: Final = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one request."""

    query: Json
    sort: SortKeys
    limit: int
    skip: int


def read_parameters(items: Sequence[tuple[str, str]], settings: Settings) -> Parameters:
    """Return the parameters of a URL; Refused for a wrong one.

    Assumed: an unknown or repeated parameter is refused, since a misspelt `query` would count everything.
    `limit` is at least 1; above `max_limit` it means `max_limit`, or is refused.
    """
    values = dict(items)
    known = [name for name in PARAMETERS if name not in settings.refused]
    unknown = sorted(values.keys() - set(known))
    if unknown:
        raise Refused(f"unknown parameter {unknown[0]!r} (known are {', '.join(known)})")
    if len(values) < len(items):
        raise Refused("a parameter is repeated")
    values = {name: text for name, text in values.items() if name not in settings.ignored}
    limit = _whole("limit", values.get("limit"), min(settings.default_limit, settings.max_limit))
    if limit < 1:
        raise Refused("limit must be at least 1")
    if limit > settings.max_limit and settings.over_limit == "refuse":
        raise Refused(f"limit must be at most {settings.max_limit}")
    return Parameters(
        query=json_object(values["query"], "query") if "query" in values else {},
        sort=read_sort(values["sort"]) if "sort" in values else (),
        limit=min(limit, settings.max_limit),
        skip=_whole("skip", values.get("skip"), 0),
    )


def read_sort(text: str) -> SortKeys:
    """Return the keys of a `sort` parameter: `Field`, `-Field`, or a JSON object of 1 and -1.

    The leading minus is assumed. Refused for any other text.
    """
    if not text.startswith("{"):
        if not _FIELD.fullmatch(text):
            raise Refused("sort takes a field name, -field, or a JSON object of 1 and -1")
        return ((text.removeprefix("-"), text.startswith("-")),)
    directions = json_object(text, "sort")
    if not directions or not all(type(step) is int and step in (1, -1) for step in directions.values()):
        raise Refused("sort takes an object of field names with 1 or -1")
    return tuple((path, step == -1) for path, step in directions.items())


def _whole(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not _WHOLE.fullmatch(text):
        raise Refused(f"{name} must be a whole number")
    return int(text)
