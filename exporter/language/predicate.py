"""Turns MongoDB predicates, as read from YAML, into the text that is sent to the API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from exporter.language import datemath
from exporter.language.inspection import Finding, inspect
from exporter.language.meaning import doubts
from exporter.language.tree import MAX_DEPTH, Path, Paths, children, placeholder, walk
from exporter.model import Collection, DateFormat, Json, Predicate

__all__ = [
    "Finding",
    "before",
    "both",
    "compile",
    "equals_probe",
    "exists_probe",
    "fill",
    "findings",
    "placeholders",
    "since_epoch_probe",
    "text_probe",
    "write",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BEYOND_SECONDS: Final = 100_000_000_000


def fill(raw: Json, values: Mapping[str, Json]) -> Json:
    """Return the predicate with each value that is exactly `{name}` replaced; types are kept.

    Keys and unknown names stay as they are, and a replacement is not replaced again.
    """
    if isinstance(raw, dict):
        return {key: fill(child, values) for key, child in raw.items()}
    if isinstance(raw, list):
        return [fill(child, values) for child in raw]
    name = placeholder(raw)
    return values[name] if name is not None and name in values else raw


def placeholders(raw: Json) -> dict[str, list[Path]]:
    """Return each `{name}` that is a whole value, with the paths of its occurrences."""
    found: dict[str, list[Path]] = {}
    for path, node in walk(raw):
        if (name := placeholder(node)) is not None:
            found.setdefault(name, []).append(path)
    return found


def findings(raw: Json, collection: Collection | None) -> list[Finding]:
    """Return every problem of a predicate on a collection: of its form, and of the meaning of the rest."""
    found = inspect(raw)
    wrong = Paths(finding.path for finding in found if finding.severity == "error")
    if () in wrong.ends or any(len(path) >= MAX_DEPTH for path in wrong.ends):
        return found
    return [*found, *(doubt for doubt in doubts(raw, collection) if not wrong.touch(doubt.path))]


def both(first: Json, second: Json) -> Json:
    """Return a predicate that matches what both match; None and {} match everything."""
    if first in (None, {}):
        return second
    return first if second in (None, {}) else {"$and": [first, second]}


def compile(raw: Json) -> Predicate:  # noqa: A001 — read as predicate.compile, like re.compile
    """Return an inspected predicate as compact JSON text, with keys in order; None and {} match all."""
    if raw in (None, {}):
        return Predicate()
    return Predicate(_compact(raw), tuple(sorted(set(_dated(raw, "")))))


def write(predicate: Predicate, now: datetime, zone: ZoneInfo, dates: DateFormat) -> str:
    """Return the text to send, with each `{"$date": …}` resolved at the instant `now` in a zone."""
    if not predicate.dated:
        return predicate.text
    return _compact(_resolved(json.loads(predicate.text), now, zone, dates))


def before(predicate: Predicate, field: str, instant: datetime, dates: DateFormat) -> str:
    """Return the text for what a predicate without dates matches whose dotted `field` is before `instant`."""
    raw: Json = json.loads(predicate.text) if predicate.text else None
    return _compact(both(raw, {field: {"$lt": _wire(instant, dates)}}))


def exists_probe(field: str) -> str:
    """Return the predicate text that counts documents in which a dotted field is there and not null."""
    return _compact({field: {"$ne": None}})


def text_probe(field: str) -> str:
    """Return the predicate text that counts documents whose dotted field is text."""
    return _compact({field: {"$gte": ""}})


def equals_probe(field: str, value: Json) -> str:
    """Return the predicate text that counts documents whose dotted field equals a value."""
    return _compact({field: value})


def since_epoch_probe(field: str, dates: DateFormat) -> str:
    """Return the predicate text that counts documents whose dotted field is a date from 1970 on.

    For milliseconds it is from 1973 on: this number is beyond today's dates in seconds, which must not match.
    """
    return _compact({field: {"$gte": _BEYOND_SECONDS if dates == "epoch-ms" else _wire(_EPOCH, dates)}})


def _dated(raw: Json, field: str) -> Iterator[str]:
    """Yield the dotted field around each {$date: …}; operators are not part of a field."""
    for step, child in children(raw):
        if step == "$date":
            yield field
        elif isinstance(step, int) or step.startswith("$"):
            yield from _dated(child, field)
        else:
            yield from _dated(child, f"{field}.{step}" if field else step)


def _resolved(raw: Json, now: datetime, zone: ZoneInfo, dates: DateFormat) -> Json:
    if isinstance(raw, list):
        return [_resolved(child, now, zone, dates) for child in raw]
    if not isinstance(raw, dict):
        return raw
    if isinstance(text := raw.get("$date"), str):
        return _wire(datemath.resolve(text, now, zone), dates)
    return {key: _resolved(child, now, zone, dates) for key, child in raw.items()}


def _wire(instant: datetime, dates: DateFormat) -> Json:
    if dates == "epoch-ms":
        return (instant - _EPOCH) // timedelta(milliseconds=1)
    text = instant.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return text if dates == "iso" else {"$date": text}


def _compact(raw: Json) -> str:
    return json.dumps(raw, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
