"""Reads the parameters of a request: `query`, `sort`, `limit` and `skip`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from exporter.model import Json
from exporter.simulator.dates import BadRequest
from exporter.simulator.ordering import SortKeys, read_sort
from exporter.simulator.settings import PARAMETERS, Settings

_WHOLE: Final = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one request."""

    query: Json
    sort: SortKeys
    limit: int
    skip: int


def read_parameters(items: Sequence[tuple[str, str]], settings: Settings) -> Parameters:
    """Return the parameters of a URL; BadRequest for a wrong one.

    Assumed: an unknown or repeated parameter is refused, since a misspelt `query` would count everything.
    `limit` is at least 1; above `max_limit` it means `max_limit`, or is refused.
    """
    values = dict(items)
    known = [name for name in PARAMETERS if name not in settings.refused]
    unknown = sorted(values.keys() - set(known))
    if unknown:
        raise BadRequest(f"unknown parameter {unknown[0]!r} (known are {', '.join(known)})")
    if len(values) < len(items):
        raise BadRequest("a parameter is repeated")
    values = {name: text for name, text in values.items() if name not in settings.ignored}
    limit = _whole("limit", values.get("limit"), min(settings.default_limit, settings.max_limit))
    if limit < 1:
        raise BadRequest("limit must be at least 1")
    if limit > settings.max_limit and settings.over_limit == "refuse":
        raise BadRequest(f"limit must be at most {settings.max_limit}")
    return Parameters(
        query=_query(values["query"]) if "query" in values else {},
        sort=read_sort(values["sort"]) if "sort" in values else (),
        limit=min(limit, settings.max_limit),
        skip=_whole("skip", values.get("skip"), 0),
    )


def _whole(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not _WHOLE.fullmatch(text):
        raise BadRequest(f"{name} must be a whole number")
    return int(text)


def _query(text: str) -> Json:
    try:
        query: Json = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadRequest("query is not valid JSON") from error
    if not isinstance(query, dict):
        raise BadRequest("query must be a JSON object")
    return query


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
