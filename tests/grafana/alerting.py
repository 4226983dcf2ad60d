"""What Grafana would not understand in a provisioning file of alert rules.

schema/alerting.json is written from Grafana's documentation of the format, as far as rules over Prometheus
need it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.grafana.schemas import schema, told


def problems(rules: dict[str, Any]) -> list[str]:
    """Return what is wrong with such a file, each with its place.

    Every key is known, and what rules and expressions name is there.
    """
    return [*told("", rules, schema("alerting")), *_references(rules)]


def _references(rules: dict[str, Any]) -> Iterator[str]:
    """Find names in alert rules that name nothing, and uids that name two rules."""
    uids: set[str] = set()
    for group in rules.get("groups", []):
        for rule in group.get("rules", []):
            uid, queries = rule.get("uid"), rule.get("data", [])
            if uid in uids:
                yield f"rule {uid}: another has this uid too"
            uids.add(uid)
            names = {query.get("refId") for query in queries}
            if rule.get("condition") not in names:
                yield f"rule {uid}: its condition {rule.get('condition')!r} is none of its queries"
            for query in queries:
                model = query.get("model", {})
                if model.get("refId") != query.get("refId"):
                    yield f"rule {uid}: query {query.get('refId')!r} calls itself {model.get('refId')!r}"
                if model.get("type") in {"reduce", "threshold"} and model.get("expression") not in names:
                    asked = model.get("expression")
                    yield f"rule {uid}: {query.get('refId')!r} asks {asked!r}, which is no query"
