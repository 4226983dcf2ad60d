"""`dashboard` and `rules`: print the Grafana dashboard and the alert rules of a configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from exporter.cli.flags import config_file, flag
from exporter.config.load import load
from exporter.language import yaml_text
from exporter.monitoring.alerts import groups
from exporter.monitoring.dashboard import dashboard as dashboard_json
from exporter.monitoring.grafana_rules import provisioning_file
from exporter.monitoring.prometheus_rules import custom_resource, rule_file

_runbook_url: Final = flag(
    "runbook-url",
    "runbook",
    default="",
    help="The page that alerts link to, such as your copy of docs/alerting.md; without it they have no link.",
)


@click.command()
@config_file
@flag(
    "web.external-url",
    "status_page",
    default="",
    help="The URL of the exporter's status page; the dashboard then links to it.",
)
@_runbook_url
def dashboard(config_file: Path, status_page: str, runbook: str) -> None:
    """Print the Grafana dashboard of a configuration.

    It shows the counts and the state of the exporter. Makes no requests, and needs no ids or tokens.
    """
    click.echo(dashboard_json(load(config_file, os.environ, secrets="optional").config, runbook, status_page))


@click.command()
@config_file
@click.option(
    "--format",
    "form",
    type=click.Choice(["prometheus", "operator", "grafana"]),
    default="prometheus",
    show_default=True,
    help="The output: a rule file, the Prometheus operator's PrometheusRule, or a Grafana provisioning file.",
)
@flag(
    "grafana.datasource-uid",
    "datasource",
    default="prometheus",
    help="The uid of Grafana's data source for Prometheus.",
)
@_runbook_url
def rules(config_file: Path, form: str, datasource: str, runbook: str) -> None:
    """Print the alert rules of a configuration.

    These are the alerts it defines, and those on the exporter itself. Makes no requests, and needs no ids
    or tokens.
    """
    made = groups(load(config_file, os.environ, secrets="optional").config, runbook)
    match form:
        case "grafana":
            document = provisioning_file(made, datasource)
        case "operator":
            document = custom_resource(made)
        case _:
            document = rule_file(made)
    comment = f"Made by `nativechat-exporter rules --format {form}`: change the configuration, not this file."
    click.echo(yaml_text.write(document, comment), nl=False)
