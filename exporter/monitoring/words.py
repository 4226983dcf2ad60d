"""Texts about a query: its title, its description, its legend."""

from __future__ import annotations

from exporter.model import Query


def titled(query: Query) -> str:
    """Return a query's title: its name with spaces and a capital letter."""
    return query.name.replace("_", " ").capitalize()


def described(query: Query, more: str) -> str:
    """Return a query's help and a further sentence `more`."""
    end = "" if query.help.endswith((".", "!", "?")) else "."
    return f"{query.help}{end} {more}"


def legend(labels: tuple[str, ...]) -> str:
    """Return the legend of a series in Grafana: its values of these labels; one it lacks leaves nothing."""
    return " ".join(f"{{{{{label}}}}}" for label in labels)
