"""What words say about a query: its title, its description, its legend, and whether it is about errors."""

from __future__ import annotations

from exporter.model import Query, Variant


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


def about_errors(name: str, *variants: Variant) -> bool:
    """Return whether a name, or the predicates of its series, say that these are errors."""
    named = any(word in name.lower() for word in ("error", "fail"))
    return named or all('"Errors":{"$gt' in variant.predicate.text for variant in variants)


def about_success(name: str) -> bool:
    """Return whether a name says that something succeeded."""
    return "success" in name.lower()
