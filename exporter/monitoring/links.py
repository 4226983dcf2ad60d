"""The pages that alerts and dashboards link to."""

from __future__ import annotations

import zlib
from typing import Final

from exporter.model import Json

DASHBOARD_UID: Final = "nativechat-exporter"
"""The identifier of the dashboard in Grafana, and the end of its URL."""

_KEPT: Final = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "cluster", "namespace", "job"))
FILTERED: Final = f"/d/{DASHBOARD_UID}?${{__url_time_range}}&{_KEPT}&var-bot=${{__value.raw}}"
"""The dashboard of the bot that a table's cell names; it keeps the time and the variables."""


def link(title: str, url: str) -> Json:
    """Return a link of a dashboard, or of one of its panels, to a page outside of Grafana."""
    return {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
        "title": title,
        "tooltip": "",
        "type": "link",
        "url": url,
    }


def section(page: str, heading: str) -> str:
    """Return the URL of a heading on a Markdown page; empty if there is no page."""
    return f"{page}#{heading.lower().replace(' ', '-')}" if page else ""


def panel_id(panel: str) -> int:
    """Return the number of a panel, from its row's key and its title, such as `At a glance/Down`.

    It depends on nothing else: another panel does not renumber it, and an alert links to it.
    """
    return zlib.crc32(panel.encode()) >> 1
