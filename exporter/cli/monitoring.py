"""`dashboard` and `rules`: print the Grafana dashboard and the alert rules of a configuration."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final, TypeAlias

import click

from exporter.cli.flags import config_file, flag
from exporter.config.load import load
from exporter.errors import WrongUsage
from exporter.language import labels, yaml_text
from exporter.monitoring.alerts import groups
from exporter.monitoring.choices import Choices
from exporter.monitoring.dashboard import dashboard as dashboard_json
from exporter.monitoring.grafana_rules import provisioning_file
from exporter.monitoring.prometheus_rules import custom_resource, rule_file

Pair: TypeAlias = tuple[str, str]


class _Pair(click.ParamType[Pair]):
    """NAME=VALUE, where both match a regular expression."""

    name = "pair"

    def __init__(self, name: str = r"\S+", value: str = r".+") -> None:
        self._pattern = re.compile(f"({name})=({value})")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pair:
        if isinstance(value, tuple):
            return value
        if not (match := self._pattern.fullmatch(value)):
            form = param.metavar if param else None
            self.fail(f"{value!r} is not {form or 'NAME=VALUE'}", param, ctx)
        return match[1], match[2]


def _by_name(flag: str, pairs: tuple[Pair, ...]) -> dict[str, str]:
    """Return the pairs of a flag as a mapping; raises WrongUsage for a name that comes twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise WrongUsage(f"--{flag} {name}: it is there twice (write it once)")
        found[name] = value
    return found


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
@flag(
    "job",
    "jobs",
    scope="rules_",
    multiple=True,
    metavar="REGEX",
    help="A job in Prometheus that must have an exporter, even if it never ran. Repeatable.",
)
@flag(
    "without",
    "without",
    scope="rules_",
    multiple=True,
    metavar="ALERT",
    help="Leave out an alert. Repeatable.",
)
@flag(
    "severity",
    "severities",
    scope="rules_",
    multiple=True,
    metavar="ALERT=WORD",
    type=_Pair(value="[a-z][a-z0-9_-]{0,49}"),
    help="The severity of an alert. Repeatable.",
)
@flag(
    "threshold",
    "thresholds",
    scope="rules_",
    multiple=True,
    metavar="ALERT=VALUE",
    type=_Pair(),
    help="The threshold of an alert on the exporter itself; docs/alerting.md lists them. Repeatable.",
)
@flag(
    "label",
    "added",
    scope="rules_",
    multiple=True,
    metavar="NAME=VALUE",
    type=_Pair(name=f"(?!__){labels.NAME.pattern}"),
    help="A label for every alert. Repeatable.",
)
def rules(
    *,
    config_file: Path,
    form: str,
    datasource: str,
    runbook: str,
    jobs: tuple[str, ...],
    without: tuple[str, ...],
    severities: tuple[Pair, ...],
    thresholds: tuple[Pair, ...],
    added: tuple[Pair, ...],
) -> None:
    """Print the alert rules of a configuration.

    These are the alerts it defines, and those on the exporter itself. Makes no requests, and needs no ids
    or tokens.
    """
    if "" in jobs:
        raise WrongUsage("--job: it is empty (write the name of a job)")
    config = load(config_file, os.environ, secrets="optional").config
    choices = Choices(
        jobs=jobs,
        without=frozenset(without),
        severities=_by_name("severity", severities),
        thresholds=_by_name("threshold", thresholds),
        labels=_by_name("label", added),
        runbook=runbook,
    )
    made = groups(config, choices)
    match form:
        case "grafana":
            document = provisioning_file(made, datasource)
        case "operator":
            document = custom_resource(made)
        case _:
            document = rule_file(made)
    comment = f"Made by `nativechat-exporter rules --format {form}`: change the configuration, not this file."
    click.echo(yaml_text.write(document, comment), nl=False)
