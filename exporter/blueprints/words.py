"""Words what a query is called, and what is said of it."""

from __future__ import annotations

from exporter.model import Query


def titled(query: Query) -> str:
    """Return a query's name for people."""
    return query.name.replace("_", " ").capitalize()


def told(query: Query, more: str) -> str:
    """Return a query's help and a further sentence."""
    end = "" if query.help.endswith((".", "!", "?")) else "."
    return f"{query.help}{end} {more}"


def legend(labels: tuple[str, ...]) -> str:
    """Return what a series is called in Grafana: the values of these labels."""
    return " ".join(f"{{{{{label}}}}}" for label in labels)
