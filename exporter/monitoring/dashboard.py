"""Makes the dashboard of a configuration: its queries, their alerts, and the exporter itself."""

from __future__ import annotations

import json
from typing import Final

from exporter.model import Config, Json
from exporter.monitoring.choices import Choices
from exporter.monitoring.exporters import exporters
from exporter.monitoring.expressions import OURS, of_process
from exporter.monitoring.headline import headline, trends
from exporter.monitoring.links import DASHBOARD_UID, link
from exporter.monitoring.own_alerts import own_rules
from exporter.monitoring.panels import placed
from exporter.monitoring.query_alerts import query_rules
from exporter.monitoring.query_rows import query_row
from exporter.monitoring.variables import JOB, SOURCE, variables

_FORMAT: Final = 39
"""The schema version of Grafana 11; later versions migrate it when they load it."""

_STARTED: Final = of_process(f"process_start_time_seconds{{{JOB}}}")
_LOADED: Final = f"{OURS}config_last_reload_success_timestamp_seconds{{{JOB}}}"
_FIRING: Final = 'count by (alertname) (ALERTS{alertname=~"NativeChat.*",alertstate="firing"})'
_SETTLED: Final = 30
"""Seconds after a start within which the configuration is loaded: that is no reload."""


def dashboard(config: Config, runbook: str, status_page: str = "") -> str:
    """Return a configuration's dashboard as JSON for Grafana, with sorted keys.

    `runbook` is the page that alerts link to, `status_page` the URL of the exporter's status page. Either may
    be empty.
    """
    rules = (*own_rules(config, Choices(runbook=runbook)), *query_rules(config, runbook, taken=()))
    runbooks = {rule.panel: rule.runbook_url for rule in reversed(rules)}
    rows = (
        headline(config),
        trends(config),
        *(query_row(query, config) for query in config.queries),
        exporters(),
    )
    pages = (("Status page", status_page), ("Runbook", runbook))
    links: Json = [link(title, url) for title, url in pages if url]
    made: Json = {
        "annotations": {"list": _annotations()},
        "description": "The counts and the state of nativechat-exporter. Made from its configuration by "
        "`nativechat-exporter dashboard`: change that, not this.",
        "graphTooltip": 1,
        "id": None,
        **({"links": links} if links else {}),
        "panels": placed([row for row in rows if row.lines], runbooks),
        "refresh": "1m",
        "schemaVersion": _FORMAT,
        "tags": ["nativechat"],
        "templating": {"list": variables(config)},
        "title": "NativeChat",
        "uid": DASHBOARD_UID,
    }
    return json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False)


def _annotations() -> list[Json]:
    """Return what is marked in all trends; starts and reloads happened at the time that is their value."""
    reloaded = f"{_LOADED} > on (job, instance) {_SETTLED} + ({_STARTED})"
    marked = (
        ("Restarts", "blue", f"1000 * ({_STARTED})", "Start of {{instance}}"),
        ("Reloads", "purple", f"1000 * ({reloaded})", "New configuration of {{instance}}"),
        ("Alerts", "red", _FIRING, "{{alertname}}"),
    )
    return [
        {
            "datasource": SOURCE,
            "enable": True,
            "expr": expr,
            "iconColor": colour,
            "name": name,
            "titleFormat": title,
            **({} if expr == _FIRING else {"useValueForTime": True}),
        }
        for name, colour, expr, title in marked
    ]
