"""What Grafana would not understand in a dashboard, by Grafana's own types.

The schemas are generated from `@grafana/schema` by tools/grafana (`make grafana`), one file for each major
version that we promise. Grafana itself drops what it does not know without a word: a misspelt key has no
effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.grafana.schemas import Schema, schema, told

MAJORS = (11, 12, 13)
COLUMNS = 24


def problems(dashboard: dict[str, Any]) -> list[str]:
    """Return what is wrong with a dashboard's JSON, each with its place and the version that says so.

    Keys are known to every promised version of Grafana, in the whole dashboard, each panel's options, field
    configuration and overrides, queries, variables and transformations. No two panels overlap.
    """
    found: dict[str, list[int]] = {}
    for major in MAJORS:
        for problem in _by_version(dashboard, schema(f"grafana-{major}")):
            found.setdefault(problem, []).append(major)
    versioned = [
        f"{problem} (Grafana {', '.join(str(major) for major in majors)})"
        for problem, majors in found.items()
    ]
    return [*versioned, *_described(dashboard), *_layout(dashboard)]


def _panels(dashboard: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every panel with its place, those of collapsed rows too."""
    for number, panel in enumerate(dashboard.get("panels", [])):
        yield f"panels[{number}]", panel
        for inner, nested in enumerate(panel.get("panels", [])):
            yield f"panels[{number}].panels[{inner}]", nested


def _by_version(dashboard: dict[str, Any], version: Schema) -> Iterator[str]:
    whole = version["dashboard"]
    yield from told("", {**dashboard, "panels": [], "annotations": {"list": []}}, whole)
    for place, panel in _panels(dashboard):
        kind = panel.get("type")
        # Its panels are looked at one by one: of a choice, only the panel's type says which is meant.
        shallow = {**panel, "panels": []} if kind == "row" else panel
        yield from told(place, shallow, _part(whole, "RowPanel" if kind == "row" else "Panel"))
        if kind in version["panels"]:
            yield from _settings(place, panel, version["panels"][kind], whole)
        elif kind not in {"row", "alertlist"}:
            yield f"{place}.type: {kind!r} has no schema: name it in tools/grafana/schemas.mjs"


def _settings(place: str, panel: dict[str, Any], kind: Schema, whole: Schema) -> Iterator[str]:
    """Compare what a panel of this kind is told: its options, its fields and their overrides."""
    yield from told(f"{place}.options", panel.get("options", {}), kind["options"])
    fields = panel.get("fieldConfig", {"defaults": {}, "overrides": []})
    custom = fields.get("defaults", {}).get("custom", {})
    yield from told(f"{place}.fieldConfig.defaults.custom", custom, kind["custom"])
    for number, override in enumerate(fields.get("overrides", [])):
        for index, override_of in enumerate(override.get("properties", [])):
            where = f"{place}.fieldConfig.overrides[{number}].properties[{index}]"
            name = str(override_of.get("id"))
            expected = kind["custom"] if name.startswith("custom.") else _part(whole, "FieldConfig")
            yield from told(where, {name.removeprefix("custom."): override_of.get("value")}, expected)


def _described(dashboard: dict[str, Any]) -> Iterator[str]:
    """Compare what Grafana's types leave open, and tools/grafana/described.ts describes."""
    schemas = schema("described")
    for number, annotation in enumerate(dashboard.get("annotations", {}).get("list", [])):
        yield from told(f"annotations.list[{number}]", annotation, schemas["annotation"])
    for place, panel in _panels(dashboard):
        if panel.get("type") == "alertlist":
            yield from told(f"{place}.options", panel.get("options", {}), schemas["alertList"])
        for number, target in enumerate(panel.get("targets", [])):
            yield from told(f"{place}.targets[{number}]", target, schemas["target"])
        for number, step in enumerate(panel.get("transformations", [])):
            yield from told(f"{place}.transformations[{number}]", step, schemas["transformation"])
        for number, link in enumerate(_data_links(panel)):
            yield from told(f"{place}.fieldConfig: data link {number}", link, schemas["dataLink"])
    for number, variable in enumerate(dashboard.get("templating", {}).get("list", [])):
        query = variable.get("query", "")
        yield from told(f"templating.list[{number}].query", query, schemas["variableQuery"])


def _data_links(panel: dict[str, Any]) -> Iterator[object]:
    """Yield the data links of all fields, and those of overrides."""
    fields = panel.get("fieldConfig", {})
    yield from fields.get("defaults", {}).get("links", [])
    for override in fields.get("overrides", []):
        for override_of in override.get("properties", []):
            if override_of.get("id") == "links":
                yield from override_of["value"]


def _layout(dashboard: dict[str, Any]) -> Iterator[str]:
    """Find panels that lie on another or leave the grid; those of a collapsed row lie apart."""
    taken: dict[tuple[str, int, int], str] = {}
    for place, panel in _panels(dashboard):
        row = place.rpartition(".")[0]
        match panel.get("gridPos"):
            case {"x": int(x), "y": int(y), "w": int(width), "h": int(height)}:
                if x < 0 or x + width > COLUMNS:
                    yield f"{place}.gridPos: leaves the grid of {COLUMNS} columns"
                cells = [
                    (row, column, line) for column in range(x, x + width) for line in range(y, y + height)
                ]
                for other in sorted({taken[cell] for cell in cells if cell in taken}):
                    yield f"{place}.gridPos: lies on {other}"
                taken |= dict.fromkeys(cells, place)
            case _:
                yield f"{place}.gridPos: needs x, y, w and h"


def _part(whole: Schema, name: str) -> Schema:
    return {"definitions": whole["definitions"], "$ref": f"#/definitions/{name}"}
