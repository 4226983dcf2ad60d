"""Reads the texts of alerts: Prometheus templates with labels, the value and its format, and no more."""

from __future__ import annotations

import re
from typing import Final

from exporter.alert import Insert, Template

FORMS: Final = ("humanize", "humanize1024", "humanizeDuration", "humanizePercentage")
_INSERT: Final = re.compile(
    r"\{\{\s*(?:\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)|\$value)\s*(?:\|\s*(" + "|".join(FORMS) + r")\s*)?\}\}"
)


def parse(text: str) -> Template:
    """Return a text in pieces.

    Raises ValueError for anything unknown in `{{ }}`: Prometheus would refuse the whole rule file, or
    write an error instead of the text.
    """
    pieces: list[str | Insert] = []
    end = 0
    for match in _INSERT.finditer(text):
        label, form = match.groups()
        if text[: match.start()].endswith("{"):
            raise ValueError("three braces: Prometheus reads the first two as a template (write two)")
        if label and form:
            raise ValueError(f"{form} formats numbers, and a label is text (write {{{{ $labels.{label} }}}})")
        pieces += [text[end : match.start()], Insert(label, form or "")]
        end = match.end()
    pieces.append(text[end:])
    for piece in pieces:
        if isinstance(piece, str) and ("{{" in piece or "}}" in piece):
            known = "{{ $labels.bot }}, {{ $value }} or {{ $value | humanize }}"
            raise ValueError(f"a template that alerts do not support (write {known}, or no double braces)")
    return tuple(piece for piece in pieces if piece)


def labels(template: Template) -> frozenset[str]:
    """Return the names of the labels that a text inserts."""
    return frozenset(piece.label for piece in template if isinstance(piece, Insert) and piece.label)
