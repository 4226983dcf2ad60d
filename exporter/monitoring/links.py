"""The pages that alerts and dashboards link to."""

from __future__ import annotations

from typing import Final

RUNBOOK: Final = "https://github.com/nativechat-exporter/nativechat-exporter/blob/main/docs/alerting.md"
"""The page that says what to do about each alert; each section has an alert's name."""

DASHBOARD_UID: Final = "nativechat-exporter"
"""The identifier of the dashboard in Grafana, and the end of its URL."""


def section(page: str, heading: str) -> str:
    """Return the URL of a heading on a Markdown page."""
    return f"{page}#{heading.lower().replace(' ', '-')}"
