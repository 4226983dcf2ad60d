"""Writes alert rules as a provisioning file of Grafana."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from exporter.alert import Insert, Template
from exporter.language import durations
from exporter.model import Json
from exporter.monitoring.alerts import Group
from exporter.monitoring.rule import Comparison, Rule

FOLDER: Final = "NativeChat"

_EXPRESSIONS: Final = "__expr__"
_ANY: Final = Comparison(">", -1)
"""True for every series: no value is negative."""


def provisioning_file(groups: Sequence[Group], datasource: str) -> dict[str, Json]:
    """Return the content of a file for `provisioning/alerting`; `datasource` is the uid of Prometheus."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": group.name,
                "folder": FOLDER,
                "interval": "1m",
                "rules": [_rule(rule, datasource) for rule in group.rules],
            }
            for group in groups
        ],
    }


def _rule(rule: Rule, datasource: str) -> Json:
    # No data is fine: without a comparison the query returns nothing while all is well, and the exporter's
    # own alerts cover a missing value. An error comes from Prometheus, and must be reported.
    return {
        "uid": _uid(rule.name),
        "title": rule.name,
        "condition": "B",
        "data": [_value(rule, datasource), _condition(rule.compared or _ANY)],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": durations.write(rule.lasting),
        "annotations": {
            "summary": _text(rule.summary),
            "description": _text(rule.description),
            **({"runbook_url": _text((rule.runbook_url,))} if rule.runbook_url else {}),
        },
        "labels": {"severity": rule.severity},
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
            "expr": rule.value,
            "instant": True,
            "range": False,
        },
    }


def _condition(compared: Comparison) -> Json:
    """Return a threshold on A; old Grafanas lack `>=`, so `>= n` of whole numbers becomes `> n - 1`."""
    limit = compared.limit - 1 if compared.operator == ">=" else compared.limit
    written = int(limit) if limit == int(limit) else float(f"{limit:.15g}")
    evaluator: Json = {"type": "lt" if compared.operator == "<" else "gt", "params": [written]}
    return {
        "refId": "B",
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": _EXPRESSIONS,
        "model": {
            "refId": "B",
            "datasource": {"type": _EXPRESSIONS, "uid": _EXPRESSIONS},
            "type": "threshold",
            "expression": "A",
            "conditions": [{"evaluator": evaluator}],
        },
    }


def _text(template: Template) -> str:
    return "".join(_insert(piece) if isinstance(piece, Insert) else _literal(piece) for piece in template)


def _literal(text: str) -> str:
    """Return a text that Grafana leaves as it is: some versions replace ${…} by environment variables."""
    return text.replace("{{", '{{ "{{" }}').replace("$", '{{ "$" }}')


def _insert(insert: Insert) -> str:
    what = f"$labels.{insert.label}" if insert.label else "$values.A.Value"
    return f"{{{{ {what} | {insert.form} }}}}" if insert.form else f"{{{{ {what} }}}}"
