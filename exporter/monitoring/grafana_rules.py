"""Writes alert rules as a provisioning file of Grafana."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from exporter.alert import Insert, Template
from exporter.language import durations
from exporter.model import Json
from exporter.monitoring.links import DASHBOARD_UID, panel_id
from exporter.monitoring.prometheus_rules import inserted
from exporter.monitoring.rule import Group, Rule

FOLDER: Final = "NativeChat"

_EXPRESSIONS: Final = "__expr__"
_TICK: Final = 10
"""Seconds: Grafana's intervals are multiples of this."""


def provisioning_file(groups: Sequence[Group], datasource: str) -> dict[str, Json]:
    """Return the content of a file for `provisioning/alerting`; `datasource` is the uid of Prometheus."""
    # While Grafana cannot query Prometheus, one rule alone reports it, and the others keep their state.
    reporter = groups[-1].rules[0] if groups else None
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": group.name,
                "folder": FOLDER,
                "interval": f"{max(_TICK, int(group.interval // _TICK) * _TICK)}s",
                "rules": [
                    _rule(rule, datasource, "Error" if rule is reporter else "KeepLast")
                    for rule in group.rules
                ],
            }
            for group in groups
        ],
    }


def _rule(rule: Rule, datasource: str, on_error: str) -> Json:
    return {
        "uid": _uid(rule.name),
        "title": rule.name,
        "condition": "B",
        "data": [_value(rule, datasource), _condition()],
        # No data is what the query returns while all is well.
        "noDataState": "OK",
        "execErrState": on_error,
        "for": durations.write(rule.lasting),
        "annotations": {
            "summary": _text(rule.summary),
            "description": _text(rule.description),
            **({"runbook_url": _text((rule.runbook_url,))} if rule.runbook_url else {}),
            "__dashboardUid__": DASHBOARD_UID,
            "__panelId__": str(panel_id(rule.panel)),
        },
        "labels": {"severity": rule.severity, **rule.labels},
        "isPaused": False,
    }


def _uid(name: str) -> str:
    """Return Grafana's identifier of a rule: always the same for a name, and at most 40 characters."""
    return f"nativechat-{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def _value(rule: Rule, datasource: str) -> Json:
    return {
        "refId": "A",
        "relativeTimeRange": {"from": 600, "to": 0},
        "datasourceUid": datasource,
        "model": {
            "refId": "A",
            "datasource": {"type": "prometheus", "uid": datasource},
            "expr": rule.expression,
            "instant": True,
            "range": False,
        },
    }


def _condition() -> Json:
    """Return a threshold on A that is true for every series: no value is negative."""
    return {
        "refId": "B",
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": _EXPRESSIONS,
        "model": {
            "refId": "B",
            "datasource": {"type": _EXPRESSIONS, "uid": _EXPRESSIONS},
            "type": "threshold",
            "expression": "A",
            "conditions": [{"evaluator": {"type": "gt", "params": [-1]}}],
        },
    }


def _text(template: Template) -> str:
    return "".join(
        inserted(piece, "$values.A.Value") if isinstance(piece, Insert) else _literal(piece)
        for piece in template
    )


def _literal(text: str) -> str:
    """Return a text that Grafana leaves as it is: some versions replace ${…} by environment variables."""
    return text.replace("{{", '{{ "{{" }}').replace("$", '{{ "$" }}')
