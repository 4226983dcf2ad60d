"""Makes Grafana's panels as JSON, without what Grafana assumes anyway, and places them in rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from exporter.model import Json
from exporter.monitoring.links import FILTERED, link, panel_id
from exporter.monitoring.variables import SOURCE

Panel: TypeAlias = dict[str, Json]
Target: TypeAlias = tuple[str, str]
"""A PromQL expression, and the legend of its values: `{{bot}}` is the label's value."""

COLUMNS: Final = 24
UP_OR_DOWN: Final = (("1", "up", "green"), ("0", "down", "red"))
_HEIGHT: Final = 8
_HEIGHTS: Final = {"stat": 5, "table": 7}
_ROOM: Final = 1.25
"""The axis extends to this multiple of a limit: a line at the edge would not be seen."""

_CELL_LINKS: Final = {
    "bot": ("Show this bot", FILTERED),
    "instance": ("Status page", "http://${__value.raw}/"),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that is drawn in a trend: a line, and a colour for the bad side of it."""

    value: float
    bad: Literal["above", "below"]
    colour: str


@dataclass(frozen=True, slots=True)
class Tones:
    """The names of lines that are red or green wherever they stand, or whether all are shades of red."""

    red: tuple[str, ...] = ()
    green: tuple[str, ...] = ()
    all_red: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one target of a table; `words` are a value, its word and the word's colour."""

    expr: str
    title: str
    unit: str = ""
    words: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A heading over lines of panels, each panel as wide as the others of its line.

    The ids of the panels are derived from `key`, so it must stay the same: a query's name, or the title of
    another row, which is no query's name.
    """

    key: str
    title: str
    lines: tuple[tuple[Panel, ...], ...]
    collapsed: bool = False


def alerts(title: str, description: str, names: str) -> Panel:
    """Return a list of the alerts that fire or soon will, of Grafana and of Prometheus, by part of a name."""
    options: Panel = {"alertName": names, "showInstances": True}
    return {"description": description, "options": options, "title": title, "type": "alertlist"}


def stat(title: str, description: str, *targets: Target, alarming: bool = False) -> Panel:
    """Return current values as large numbers; if they are alarming, they are red from 1."""
    made = _panel("stat", title, description, targets, instant=True)
    colours = _thresholds(((None, "green"), (1, "red"))) if alarming else _colour("text")
    return _with(made, {**colours, "unit": "locale"})


def trend(
    title: str,
    description: str,
    *targets: Target,
    unit: str = "",
    limit: Limit | None = None,
    stacked: bool = False,
    tones: Tones = Tones(),
) -> Panel:
    """Return values over time, with the last and the greatest of each line.

    `stacked` is for lines whose sum means something.
    """
    custom: Panel = {}
    fields: Panel = {"custom": custom, "unit": unit}
    if tones.all_red:
        fields["color"] = {"fixedColor": "red", "mode": "shades"}
    if stacked:
        custom |= {"fillOpacity": 40, "stacking": {"group": "A", "mode": "normal"}}
    if limit:
        custom |= {"axisSoftMax": limit.value * _ROOM, "axisSoftMin": 0}
        custom["thresholdsStyle"] = {"mode": "dashed+area"}
        low, high = ("transparent", limit.colour) if limit.bad == "above" else (limit.colour, "transparent")
        fields |= _thresholds(((None, low), (limit.value, high)))
    overrides = [
        _override("byRegexp", f"/^({'|'.join(map(re.escape, names))})$/", _colour(colour))
        for names, colour in ((tones.red, "red"), (tones.green, "green"))
        if names
    ]
    legend: Panel = {"calcs": ["lastNotNull", "max"], "displayMode": "list"}
    options: Panel = {"legend": legend | {"placement": "bottom", "showLegend": True}}
    made = _panel("timeseries", title, description, targets) | {"options": options}
    return _with(made, fields, overrides)


def timeline(title: str, description: str, target: Target) -> Panel:
    """Return when each series was 1, up, and when it was 0, down."""
    made = _panel("state-timeline", title, description, (target,))
    return _with(made, {"mappings": _mappings(UP_OR_DOWN)})


def table(
    title: str,
    description: str,
    labels: Sequence[str],
    *columns: Column,
    unit: str = "locale",
    first: str = "",
    linked: str = "",
) -> Panel:
    """Return current values, with a row for each series; of its labels those listed are shown.

    The rows with the greatest values in the column `first` come first. `linked` is a label whose values are
    links: a bot's to the dashboard of that bot, an instance's to its status page.
    """
    overrides = []
    if linked:
        words, url = _CELL_LINKS[linked]
        overrides.append(_override("byName", linked, {"links": [{"title": words, "url": url}]}))
    for column in columns:
        own: Panel = {"unit": column.unit} if column.unit else {}
        if column.words:
            own |= {"custom.cellOptions": {"type": "color-text"}, "mappings": _mappings(column.words)}
        if own:
            overrides.append(_override("byName", column.title, own))
    targets = [(column.expr, "") for column in columns]
    made = _panel("table", title, description, targets, format="table", instant=True)
    # Grafana numbers the columns of values if there are several.
    values = [f"Value #{_ref(number)}" for number in range(len(columns))] if columns[1:] else ["Value"]
    named: Panel = {value: column.title for value, column in zip(values, columns, strict=True)}
    if first:
        made["options"] = {"sortBy": [{"desc": True, "displayName": first}]}
    made["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": [*labels, *values]}}},
        {"id": "organize", "options": {"renameByName": named}},
    ]
    return _with(made, {"custom": {"minWidth": 60}, "unit": unit}, overrides)


def placed(rows: Sequence[Row], runbooks: Mapping[str, str]) -> list[Json]:
    """Return the panels of all rows with their places and numbers, one row below another.

    `runbooks` are the pages that panels link to, each by the row's key and the panel's title.
    """
    found: list[Json] = []
    top = 0
    for row in rows:
        below: list[Json] = []
        end = top + 1
        for line in row.lines:
            height = max(_HEIGHTS.get(str(panel["type"]), _HEIGHT) for panel in line)
            edges = [round(COLUMNS * number / len(line)) for number in range(len(line) + 1)]
            for panel, left, right in zip(line, edges, edges[1:], strict=False):
                key = f"{row.key}/{panel['title']}"
                place: Panel = {"gridPos": _place(left, end, right - left, height), "id": panel_id(key)}
                links: Panel = {"links": [link("Runbook", runbooks[key])]} if runbooks.get(key) else {}
                below.append(panel | place | links)
            end += height
        found.append(
            {
                "collapsed": row.collapsed,
                "gridPos": _place(0, top, COLUMNS, 1),
                "id": panel_id(row.key),
                "panels": below if row.collapsed else [],
                "title": row.title,
                "type": "row",
            }
        )
        found += [] if row.collapsed else below
        top = top + 1 if row.collapsed else end
    return found


def _place(left: int, top: int, width: int, height: int) -> Json:
    return {"h": height, "w": width, "x": left, "y": top}


def _panel(kind: str, title: str, description: str, targets: Sequence[Target], **asked: Json) -> Panel:
    """Return what every panel over Prometheus has; `asked` is how its targets are asked."""
    return {
        "datasource": SOURCE,
        "description": description,
        "targets": [
            {"expr": expr, "refId": _ref(number), **({"legendFormat": legend} if legend else {}), **asked}
            for number, (expr, legend) in enumerate(targets)
        ],
        "title": title,
        "type": kind,
    }


def _with(panel: Panel, fields: Panel, overrides: Sequence[Json] = ()) -> Panel:
    """Return a panel with the configuration of its fields, without what is empty."""
    defaults: Panel = {key: value for key, value in fields.items() if value}
    return panel | {"fieldConfig": {"defaults": defaults, "overrides": [*overrides]}}


def _ref(number: int) -> str:
    return chr(ord("A") + number)


def _colour(name: str) -> Panel:
    return {"color": {"fixedColor": name, "mode": "fixed"}}


def _override(matcher: str, name: str, properties: Panel) -> Json:
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def _mappings(words: Sequence[tuple[str, str, str]]) -> Json:
    """Return the words and colours that replace values."""
    options: Panel = {value: {"color": colour, "text": word} for value, word, colour in words}
    return [{"options": options, "type": "value"}]


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> Panel:
    """Return colours, each from a value upwards; the first has None, and applies below the second."""
    made: Json = [{"color": colour, "value": value} for value, colour in steps]
    return {"thresholds": {"mode": "absolute", "steps": made}}
