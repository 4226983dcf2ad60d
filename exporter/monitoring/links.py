"""The pages that alerts and dashboards link to."""

from __future__ import annotations

import zlib
from typing import Final

DASHBOARD_UID: Final = "nativechat-exporter"
"""The identifier of the dashboard in Grafana, and the end of its URL."""


def section(page: str, heading: str) -> str:
    """Return the URL of a heading on a Markdown page; empty if there is no page."""
    return f"{page}#{heading.lower().replace(' ', '-')}" if page else ""


def panel_id(panel: str) -> int:
    """Return the number of a panel, from its row's key and its title, such as `headline/Bots`.

    It depends on nothing else: another panel does not renumber it, and an alert links to it.
    """
    return zlib.crc32(panel.encode()) >> 1
