"""Writes the chart's values.yaml and README.md from the schema of its values, which has all defaults."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import yaml

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema of an object: each property has a description and a default, or properties of its own."""

WIDTH: Final = 100

README: Final = """\
# The Helm chart of nativechat-exporter

One exporter by itself, or several shards: see [docs/kubernetes.md](../../../docs/kubernetes.md#with-helm).
`make generate` writes this file and `values.yaml` from `values.schema.json`. The chart refuses unknown
values.

| value | default | meaning |
| --- | --- | --- |
"""


def values_yaml(schema: Schema) -> str:
    """Return all defaults, each below its description."""
    return "# Made by `make generate` from values.schema.json.\n" + "".join(_block(schema, ""))


def readme(schema: Schema) -> str:
    """Return the page of the chart: what it is, and a table of its values."""
    rows = (
        f"| `{path}` | `{_written(value['default'])}` | {value['description']} |\n"
        for path, value in _leaves(schema)
    )
    return README + "".join(rows)


def _block(schema: Schema, indent: str) -> Iterator[str]:
    for name, value in schema["properties"].items():
        if not indent:
            yield "\n"
        if "default" not in value:
            yield f"{indent}{name}:\n"
            yield from _block(value, f"{indent}  ")
            continue
        for line in textwrap.wrap(value["description"], WIDTH - len(indent) - 2):
            yield f"{indent}# {line}\n"
        yield f"{indent}{name}: {_written(value['default'])}\n"


def _leaves(schema: Schema, above: str = "") -> Iterator[tuple[str, Schema]]:
    for name, value in schema["properties"].items():
        if "default" in value:
            yield f"{above}{name}", value
        else:
            yield from _leaves(value, f"{above}{name}.")


def _written(default: Any) -> str:
    """Return a default as YAML in one line."""
    if isinstance(default, dict | list):
        return yaml.safe_dump(default, default_flow_style=True, sort_keys=False, width=1000).strip()
    return json.dumps(default)
