"""The flag `--runbook-url` of `dashboard` and `rules`."""

from __future__ import annotations

from typing import Final

from exporter.cli.flags import flag
from exporter.monitoring import links

runbook_url: Final = flag(
    "runbook-url",
    "runbook",
    default=links.RUNBOOK,
    help="The page that alerts link to; each section has an alert's name.",
)
