"""`rules`: prints the alert rules of a configuration, for Prometheus, its operator or Grafana."""

from __future__ import annotations

import os
from pathlib import Path

import click

from exporter.cli.flags import config_file, flag
from exporter.cli.runbook import runbook_url
from exporter.config.load import load
from exporter.language import yaml_text
from exporter.monitoring.alerts import groups
from exporter.monitoring.grafana_rules import provisioning_file
from exporter.monitoring.prometheus_rules import custom_resource, rule_file


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
@runbook_url
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
