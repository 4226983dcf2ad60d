"""Puts values into PromQL as Grafana does, asking Prometheus what the values are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import Request, urlopen

_REFERENCE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_SPECIAL: Final = re.compile(r"""([\\^$*+?.()|[\]{}'"])""")
_LABEL_VALUES: Final = re.compile(r"label_values\((.+), (\w+)\)")
TIMES: Final = {"__rate_interval": "10s", "__range": "60s"}
"""What Grafana would make of a minute's data scraped each second."""


@dataclass(frozen=True)
class Asked:
    """One expression of a dashboard, and where it stands."""

    panel: str
    expr: str
    instant: bool


class Prometheus:
    """The API of a Prometheus at this address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def query(self, expr: str) -> list[Any]:
        """Return the vector of an instant query; AssertionError with Prometheus's words for a wrong one."""
        return list(self._asked("query", {"query": expr})["result"])

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Any]:
        """Return the matrix of a range query."""
        form = {"query": expr, "start": str(start), "end": str(end), "step": str(step)}
        return list(self._asked("query_range", form)["result"])

    def label_values(self, selector: str, label: str) -> list[str]:
        return list(self._asked(f"label/{label}/values?{urlencode({'match[]': selector})}"))

    def _asked(self, path: str, form: Mapping[str, str] | None = None) -> Any:
        data = urlencode(form).encode() if form else None
        with urlopen(Request(f"http://{self._address}/api/v1/{path}", data), timeout=10) as answer:
            return json.load(answer)["data"]


def chosen(
    dashboard: dict[str, Any], prometheus: Prometheus, settled: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the text of each variable: what is settled, and else All."""
    values = TIMES | dict(settled or {})
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query" and variable["name"] not in values:
            selector, label = parts(variable)
            options = prometheus.label_values(substituted(selector, values), label)
            values[variable["name"]] = variable.get("allValue") or several(options)
    return values


def parts(variable: Mapping[str, Any]) -> tuple[str, str]:
    """Return the selector and the label of a variable's label_values(…)."""
    found = _LABEL_VALUES.fullmatch(variable["query"])
    assert found, variable
    return found[1], found[2]


def several(values: list[str]) -> str:
    """Return several values as one regular expression inside a PromQL string."""
    escaped = [_SPECIAL.sub(r"\\\\\1", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def substituted(expr: str, values: Mapping[str, str]) -> str:
    """Return an expression with its variables' values; KeyError for one that is not known."""
    return _REFERENCE.sub(lambda found: values[found[1] or found[2]], expr)


def expressions(dashboard: dict[str, Any]) -> Iterator[Asked]:
    """Yield every expression of every panel."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield Asked(f"{panel['id']} {panel['title']}", target["expr"], target.get("instant", False))


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every panel, those of collapsed rows too."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())
