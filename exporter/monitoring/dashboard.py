"""Makes the dashboard of a configuration: its queries, their alerts, and the exporter itself."""

from __future__ import annotations

import json
from typing import Final

from exporter.model import Config, Json
from exporter.monitoring.choices import Choices
from exporter.monitoring.exporters import exporters
from exporter.monitoring.grafana_layout import panels
from exporter.monitoring.grafana_panels import link
from exporter.monitoring.headline import headline
from exporter.monitoring.links import DASHBOARD_UID
from exporter.monitoring.own_alerts import own_rules
from exporter.monitoring.polls import polls
from exporter.monitoring.query_alerts import query_rules
from exporter.monitoring.query_rows import query_row
from exporter.monitoring.variables import variables

_FORMAT: Final = 39
"""The schema version of Grafana 11; later versions migrate it when they load it."""


def dashboard(config: Config, runbook: str, status_page: str = "") -> str:
    """Return a configuration's dashboard as JSON for Grafana, with sorted keys.

    `runbook` is the page that alerts link to, `status_page` the URL of the exporter's status page. Either may
    be empty.
    """
    rules = query_rules(config, runbook, taken=())
    runbooks = {rule.panel.partition("/")[0]: rule.runbook_url for rule in rules}
    own = {rule.name: rule for rule in own_rules(config, Choices(runbook=runbook))}
    queries = {query.name: query for query in config.queries}
    rows = (
        headline(config, own),
        *(query_row(query, queries, runbooks.get(query.name, "")) for query in config.queries),
        polls(own),
        exporters(own),
    )
    linked = (("Status page", status_page), ("Runbook", runbook))
    made: Json = {
        "annotations": {"list": []},
        "description": "The counts and the state of nativechat-exporter. Made from its configuration by "
        "`nativechat-exporter dashboard`: change that, not this.",
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [link(title, url) for title, url in linked if url],
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
