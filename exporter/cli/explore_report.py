"""Writes what `explore` found: as tables for a person, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from exporter.cli.output import columns
from exporter.explore.explore import Explored
from exporter.explore.findings import Collected, share
from exporter.explore.privacy import MIN_DOCUMENTS
from exporter.explore.profile import Field


def as_text(explored: Explored) -> str:
    """Return tables: what the API does, fields, dates and queries."""
    checks = [(check.name, check.verdict, check.detail) for check in explored.checks]
    dates = [
        (f"{each.collection} {each.field.name}", each.dates or "not proven", each.detail)
        for each in explored.date_fields
    ]
    queries = [(str(each.query["name"]), each.rests_on) for each in explored.queries]
    left_out = "\n".join(f"left out: {each}" for each in explored.left_out)
    tables = [
        _table("What the API does", ("CHECK", "RESULT", "DETAIL"), checks),
        *(_fields(each) for each in explored.collected if each.total),
        *([_table("Dates", ("FIELD", "FORMAT", "DETAIL"), dates)] if dates else []),
        _table("Queries", ("QUERY", "RESTS ON"), queries, left_out),
    ]
    return "\n\n".join(tables)


def as_json(explored: Explored) -> str:
    """Return the same as JSON."""
    found = {
        "requests": explored.requests,
        "checks": [
            {"name": each.name, "result": each.verdict, "detail": each.detail} for each in explored.checks
        ],
        "collections": {
            each.collection: {
                "total": each.total,
                "sampled": each.sampled,
                "hidden_fields": each.hidden,
                "fields": [
                    {
                        "path": field.path,
                        "types": dict(field.types),
                        "documents": field.documents,
                        "distinct": field.distinct,
                        "values": [{"value": value, "documents": number} for value, number in field.values],
                    }
                    for field in each.fields
                ],
            }
            for each in explored.collected
        },
        "dates": [
            {
                "collection": each.collection,
                "field": each.field.name,
                "format": each.dates,
                "detail": each.detail,
            }
            for each in explored.date_fields
        ],
        "queries": [
            {"name": each.query["name"], "present": each.present, "rests_on": each.rests_on}
            for each in explored.queries
        ],
        "left_out": explored.left_out,
    }
    return json.dumps(found, ensure_ascii=False, indent=2)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    return "\n".join(filter(None, (f"{title}\n", columns(head, rows), note)))


def _fields(each: Collected) -> str:
    rows = [
        (
            field.name,
            ", ".join(kind for kind, _ in field.types),
            share(field.documents, each.sampled),
            _values(field),
        )
        for field in sorted(each.fields, key=lambda field: field.path)
    ]
    title = f"Fields of {each.total:,} {each.collection}, in a sample of {each.sampled:,}"
    why = f"fewer than {MIN_DOCUMENTS} documents have them, or their keys are data"
    note = f"{each.hidden} fields are not shown: {why}"
    return _table(title, ("FIELD", "TYPE", "SHARE", "VALUES"), rows, note if each.hidden else "")


def _values(field: Field) -> str:
    texts = (str(value).lower() if isinstance(value, bool) else str(value) for value, _ in field.values)
    shown = ", ".join(texts)
    rare = field.distinct - len(field.values)
    if not shown:
        return f"{rare} distinct, not shown" if rare else ""
    return f"{shown} and {rare} more" if rare else shown
