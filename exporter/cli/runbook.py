"""The flag that says where alerts and panels lead, for the commands that draw them."""

from __future__ import annotations

from typing import Final

from exporter.cli.flags import flag
from exporter.monitoring import links

runbook_url: Final = flag(
    "runbook-url",
    "runbook",
    default=links.RUNBOOK,
    help="The page that alerts lead to; a section of it has the alert's name.",
)
