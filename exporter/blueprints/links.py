"""Names the pages that alerts and dashboards lead to, each in one place."""

from __future__ import annotations

from typing import Final

RUNBOOK: Final = "https://github.com/nativechat-exporter/nativechat-exporter/blob/main/docs/alerting.md"
"""The page with what to do about each alert; a section has the alert's name."""

DASHBOARD_UID: Final = "nativechat-exporter"
"""The identity of the dashboard in Grafana, and the end of its address."""


def section(page: str, heading: str) -> str:
    """Return the address of a heading on a page of Markdown."""
    return f"{page}#{heading.lower().replace(' ', '-')}"
