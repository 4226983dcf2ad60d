"""Writes alert rules for Prometheus, as a rule file or as a custom resource of its operator."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.alert import Insert, Template
from exporter.language import durations
from exporter.model import Json
from exporter.monitoring.rule import Group, Rule


def rule_file(groups: Sequence[Group]) -> dict[str, Json]:
    """Return the content of a file for Prometheus's `rule_files`."""
    return {
        "groups": [
            {
                "name": group.name,
                "interval": durations.write(group.interval),
                "rules": [_rule(rule) for rule in group.rules],
            }
            for group in groups
        ]
    }


def custom_resource(groups: Sequence[Group]) -> dict[str, Json]:
    """Return a PrometheusRule, the custom resource of the operator."""
    name = "nativechat-exporter"
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name}},
        "spec": rule_file(groups),
    }


def _rule(rule: Rule) -> Json:
    lasting: dict[str, Json] = {"for": durations.write(rule.lasting)} if rule.lasting else {}
    return {
        "alert": rule.name,
        "expr": rule.expression,
        **lasting,
        "labels": {"severity": rule.severity, **rule.labels},
        "annotations": {
            "summary": text(rule.summary),
            "description": text(rule.description),
            **({"runbook_url": rule.runbook_url} if rule.runbook_url else {}),
        },
    }


def text(template: Template) -> str:
    """Return a text as a template of Prometheus; literal braces stay literal."""
    return "".join(
        inserted(piece) if isinstance(piece, Insert) else piece.replace("{{", '{{ "{{" }}')
        for piece in template
    )


def inserted(insert: Insert, value: str = "$value") -> str:
    """Return a label or the alert's value as a template; `value` is the variable of the value."""
    what = f"$labels.{insert.label}" if insert.label else value
    return f"{{{{ {what} | {insert.form} }}}}" if insert.form else f"{{{{ {what} }}}}"
