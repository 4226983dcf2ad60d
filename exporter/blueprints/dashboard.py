"""Makes the dashboard of a configuration: what is counted, what is watched, how the exporter fares."""

from __future__ import annotations

import json
from typing import Final

from exporter.blueprints.exporters import exporters
from exporter.blueprints.grafana_layout import panels
from exporter.blueprints.grafana_panels import link
from exporter.blueprints.headline import headline
from exporter.blueprints.links import DASHBOARD_UID
from exporter.blueprints.own_alerts import own_rules
from exporter.blueprints.polls import polls
from exporter.blueprints.query_alerts import query_rules
from exporter.blueprints.query_rows import query_row
from exporter.blueprints.variables import variables
from exporter.model import Config, Json

_FORMAT: Final = 39
"""Grafana 11's. Later ones bring it up to date as they load it."""


def dashboard(config: Config, runbook: str, status_page: str | None = None) -> str:
    """Return a configuration's dashboard as the JSON that Grafana imports, keys sorted.

    `runbook` is the page that alerts lead to, `status_page` the address of the exporter's own, if known.
    """
    alerting = (query for query in config.queries if query.alert)
    rules = query_rules(config, runbook, taken=())
    runbooks = {query.name: rule.runbook_url for query, rule in zip(alerting, rules, strict=True)}
    own = {rule.name: rule for rule in own_rules(runbook)}
    queries = {query.name: query for query in config.queries}
    rows = (
        headline(config, own),
        *(query_row(query, queries, runbooks.get(query.name, "")) for query in config.queries),
        polls(own),
        exporters(own),
    )
    made: Json = {
        "annotations": {"list": []},
        "description": "What nativechat-exporter counts, and how it fares. Made from its configuration by "
        "`nativechat-exporter dashboard`: change that, not this.",
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [*([link("Status page", status_page)] if status_page else []), link("Runbook", runbook)],
        "panels": panels(rows),
        "refresh": "1m",
        "schemaVersion": _FORMAT,
        "tags": ["nativechat"],
        "templating": {"list": variables(config)},
        "time": {"from": "now-6h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": "NativeChat",
        "uid": DASHBOARD_UID,
    }
    return json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False)
