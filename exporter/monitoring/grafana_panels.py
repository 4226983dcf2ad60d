"""Writes a panel as JSON for Grafana."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exporter.language import durations
from exporter.model import Json
from exporter.monitoring.dashboard_model import (
    AnyPanel,
    Column,
    Matrix,
    Stat,
    Steps,
    Table,
    Target,
    Trend,
    steps,
)
from exporter.monitoring.variables import SOURCE

Object = dict[str, Json]
_ROOM: Final = 1.25
"""The axis extends to this multiple of a limit: a line at the edge would not be seen."""


def link(title: str, url: str) -> Json:
    """Return a link of a dashboard, or of one of its panels."""
    return {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
        "title": title,
        "tooltip": "",
        "type": "link",
        "url": url,
    }


def panel_json(panel: AnyPanel) -> Object:
    """Return a panel without its place and its number."""
    match panel:
        case Stat():
            kind, options, defaults = "stat", _stat_options(panel), _stat_fields(panel)
        case Trend():
            kind, options, defaults = "timeseries", _TREND_OPTIONS, _trend_fields(panel)
        case Table() | Matrix():
            kind, options, defaults = "table", _TABLE_OPTIONS, _TABLE_FIELDS
    overrides = _columns(panel.columns) if isinstance(panel, Table) else _by_target(panel.targets)
    return {
        "datasource": SOURCE,
        "description": panel.description,
        "fieldConfig": {"defaults": {"unit": panel.unit, **defaults}, "overrides": overrides},
        **({"interval": durations.write(panel.finest)} if panel.finest else {}),
        "links": [link("Runbook", panel.runbook)] if panel.runbook else [],
        "options": options,
        "targets": [_target(number, one, panel) for number, one in enumerate(panel.targets)],
        "title": panel.title,
        "transformations": _transformations(panel),
        "type": kind,
    }


def _target(number: int, target: Target, panel: AnyPanel) -> Object:
    over_time = isinstance(panel, Trend)
    return {
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": target.expr,
        "format": "table" if isinstance(panel, Table | Matrix) else "time_series",
        "instant": not over_time,
        "legendFormat": target.legend or "__auto",
        "range": over_time,
        "refId": _ref(number),
    }


def _ref(number: int) -> str:
    return chr(ord("A") + number)


def _stat_options(panel: Stat) -> Object:
    return {
        "colorMode": "value",
        # No graph behind the number: it would still show the last value when there is none.
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "name" if panel.names_only else "auto",
    }


def _stat_fields(panel: Stat) -> Object:
    absent: Object = {"noValue": panel.absent} if panel.absent else {}
    return {**absent, **_coloured(panel.steps)}


_TREND_OPTIONS: Final[Object] = {
    "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
    "tooltip": {"mode": "multi", "sort": "desc"},
}


def _trend_fields(panel: Trend) -> Object:
    filled = panel.bars or panel.stacked
    custom: Object = {
        "drawStyle": "bars" if panel.bars else "line",
        "fillOpacity": 40 if filled else 0,
        "lineWidth": 1,
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
    }
    fields: Object = {"color": {"mode": "palette-classic"}, "custom": custom}
    if filled:
        fields["min"] = 0
    if panel.limit:
        custom |= {
            "axisSoftMax": panel.limit.value * _ROOM,
            "axisSoftMin": 0,
            "thresholdsStyle": {"mode": "dashed+area"},
        }
        fields["thresholds"] = _thresholds(steps(panel.limit, "transparent"))
    return fields


_TABLE_OPTIONS: Final[Object] = {"cellHeight": "sm", "showHeader": True}
_TABLE_FIELDS: Final[Object] = {"custom": {"align": "auto", "minWidth": 60}}


def _transformations(panel: AnyPanel) -> list[Json]:
    match panel:
        case Matrix():
            matrix = {"columnField": panel.across, "rowField": panel.down, "valueField": "Value"}
            return [{"id": "groupingToMatrix", "options": {**matrix}}]
        case Table():
            sources = [_source(column, panel) for column in panel.columns]
            values = {_value(number, panel) for number in range(len(panel.targets))}
            organised: Object = {
                "excludeByName": dict.fromkeys(("Time", *sorted(values - set(sources))), True),
                "indexByName": {source: place for place, source in enumerate(sources)},
                "renameByName": {
                    source: column.title for source, column in zip(sources, panel.columns, strict=True)
                },
            }
            return [{"id": "merge", "options": {}}, {"id": "organize", "options": organised}]
        case _:
            return []


def _source(column: Column, panel: Table) -> str:
    return column.source if isinstance(column.source, str) else _value(column.source, panel)


def _value(number: int, panel: Table) -> str:
    """Return Grafana's name for the values of a target; it numbers them if there are several targets."""
    return f"Value #{_ref(number)}" if len(panel.targets) > 1 else "Value"


def _by_target(targets: Sequence[Target]) -> list[Json]:
    """Return the overrides for targets whose values differ from the panel."""
    found: list[Json] = []
    for number, target in enumerate(targets):
        own: Object = {"unit": target.unit} if target.unit else {}
        own |= _coloured(target.steps) if target.steps else {}
        if own:
            found.append(_override("byFrameRefID", _ref(number), own))
    return found


def _columns(columns: Sequence[Column]) -> list[Json]:
    found: list[Json] = []
    for column in columns:
        own: Object = {"unit": column.unit} if column.unit else {}
        if column.steps:
            own |= _coloured(column.steps)
        if column.words:
            own["mappings"] = [
                {"options": {value: {"color": colour, "text": word}}, "type": "value"}
                for value, word, colour in column.words
            ]
        if column.steps or column.words:
            own["custom.cellOptions"] = {"type": "color-text"}
        if column.narrowest:
            own["custom.minWidth"] = column.narrowest
        if column.link:
            own["links"] = [{"targetBlank": True, "title": "Status page", "url": column.link}]
        if own:
            found.append(_override("byName", column.title, own))
    return found


def _override(matcher: str, name: str, properties: Object) -> Object:
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key, "value": properties[key]} for key in sorted(properties)],
    }


def _coloured(colours: Steps) -> Object:
    return {"color": {"mode": "thresholds"}, "thresholds": _thresholds(colours)}


def _thresholds(colours: Steps) -> Object:
    return {
        "mode": "absolute",
        "steps": [{"color": colour, "value": value} for value, colour in colours],
    }
