"""`dashboard` and `rules`: print the Grafana dashboard and the alert rules of a configuration."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from exporter.cli.flags import Parsed, by_name, config_file, flag, label, pair
from exporter.config.load import load
from exporter.config.words import parse_link
from exporter.errors import WrongUsage
from exporter.language import yaml_text
from exporter.monitoring.alerts import groups
from exporter.monitoring.choices import Choices
from exporter.monitoring.dashboard import dashboard as dashboard_json
from exporter.monitoring.grafana_rules import provisioning_file
from exporter.monitoring.prometheus_rules import custom_resource, rule_file

_repeated: Final = partial(flag, scope="rules_", multiple=True)
_pairs: Final = partial(_repeated, callback=by_name)
_link: Final = Parsed(parse_link, "URL")
_runbook_url: Final = flag(
    "runbook-url",
    "runbook",
    type=_link,
    default="",
    help="The page that alerts link to, such as your copy of docs/alerting.md; without it they have no link.",
)


@click.command()
@config_file
@flag(
    "web.external-url",
    "status_page",
    type=_link,
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
@_repeated(
    "job",
    "jobs",
    metavar="REGEX",
    help="A job in Prometheus that must have an exporter, even if it never ran. Repeatable.",
)
@_repeated("without", metavar="ALERT", help="Skip an alert. Repeatable.")
@_pairs(
    "severity",
    "severities",
    type=pair("ALERT=WORD", value="[a-z][a-z0-9_-]{0,49}"),
    help="The severity of an alert. Repeatable.",
)
@_pairs(
    "threshold",
    "thresholds",
    type=pair("ALERT=VALUE"),
    help="The threshold of an alert on the exporter itself; docs/alerting.md lists them. Repeatable.",
)
@_pairs("label", "labels", type=label, help="A label for every alert. Repeatable.")
def rules(*, config_file: Path, form: str, datasource: str, without: tuple[str, ...], **choices: Any) -> None:
    """Print the alert rules of a configuration.

    These are the alerts it defines, and those on the exporter itself. Makes no requests, and needs no ids
    or tokens.
    """
    if "" in choices["jobs"]:
        raise WrongUsage("--job: it is empty (write the name of a job)")
    config = load(config_file, os.environ, secrets="optional").config
    made = groups(config, Choices(without=frozenset(without), **choices))
    match form:
        case "grafana":
            document = provisioning_file(made, datasource)
        case "operator":
            document = custom_resource(made)
        case _:
            document = rule_file(made)
    comment = f"Made by `nativechat-exporter rules --format {form}`: change the configuration, not this file."
    click.echo(yaml_text.write(document, comment), nl=False)
