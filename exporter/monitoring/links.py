"""The pages that alerts and dashboards link to."""

from __future__ import annotations

from typing import Final

DASHBOARD_UID: Final = "nativechat-exporter"
"""The identifier of the dashboard in Grafana, and the end of its URL."""


def section(page: str, heading: str) -> str:
    """Return the URL of a heading on a Markdown page; empty if there is no page."""
    return f"{page}#{heading.lower().replace(' ', '-')}" if page else ""
