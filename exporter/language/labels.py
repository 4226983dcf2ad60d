"""Checks names of labels and metrics, and counts combinations of label values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from math import prod
from typing import Final

NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

_RESERVED: Final = {
    "bot": "the exporter sets it on every series",
    "job": "Prometheus sets it on every target",
    "instance": "Prometheus sets it on every target",
    "le": "it belongs to histograms",
    "quantile": "it belongs to summaries",
}
_OF_TARGETS: Final = ("namespace", "pod", "container", "endpoint", "service")
"""Labels that scrapes in Kubernetes set, as the Prometheus operator configures them."""

_SUFFIXES: Final = ("_total", "_count", "_sum", "_bucket", "_info", "_created", "_new")
_LONGEST: Final = 100


def count(keys: Mapping[str, Sized]) -> int:
    """Return the number of combinations of one value per key without making them."""
    return prod(map(len, keys.values()))


def added_name_problem(name: str) -> str | None:
    """Return the problem of the name of a label that Prometheus or an alert adds, with advice, or None."""
    if not NAME.fullmatch(name):
        return f'"{name}" is not a label name (use letters, digits and _, with no digit first)'
    if name.startswith("__"):
        return f'"{name}" is reserved: names that begin with __ are Prometheus\'s own (remove the __)'
    return None


def label_name_problem(name: str) -> str | None:
    """Return the problem of a label's name, with advice, or None."""
    if problem := added_name_problem(name):
        return problem
    if name in _RESERVED:
        return f'"{name}" is reserved: {_RESERVED[name]} (choose another name)'
    return None


def label_name_doubt(name: str) -> str | None:
    """Return why Prometheus may rename a label, or None."""
    if name in _OF_TARGETS:
        return f'scrapes in Kubernetes set "{name}" themselves, and rename this label to exported_{name}'
    return None


def metric_name_problem(name: str) -> str | None:
    """Return the problem of a query's name, which follows `nativechat_` in its metric, or None."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return f'"{name}" is not a query name (use a-z, 0-9 and _, with a letter first)'
    if len(name) > _LONGEST:
        return f"the name is {len(name)} characters long (use at most {_LONGEST})"
    if name == "up" or name.startswith("exporter_"):
        return f'"{name}" collides with the exporter\'s own metric nativechat_{name} (choose another name)'
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return f'"{name}" ends in {suffix}, which belongs to another type of metric (remove it)'
    return None
