"""`dashboard`: prints the Grafana dashboard of a configuration."""

from __future__ import annotations

import os
from pathlib import Path

import click

from exporter.cli.flags import config_file, flag
from exporter.cli.runbook import runbook_url
from exporter.config.load import load
from exporter.monitoring.dashboard import dashboard as dashboard_json


@click.command()
@config_file
@flag(
    "web.external-url",
    "status_page",
    help="The URL of the exporter's status page; the dashboard then links to it.",
)
@runbook_url
def dashboard(config_file: Path, status_page: str | None, runbook: str) -> None:
    """Print the Grafana dashboard of a configuration.

    It shows the counts and the state of the exporter. Makes no requests, and needs no ids or tokens.
    """
    click.echo(dashboard_json(load(config_file, os.environ, secrets="optional").config, runbook, status_page))
