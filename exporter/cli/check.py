"""`check`: every problem of a configuration, or what it would do."""

from __future__ import annotations

import os
from pathlib import Path

import click

from exporter.cli.flags import config_file
from exporter.cli.table import columns
from exporter.config.load import Loaded, load
from exporter.errors import ConfigError
from exporter.language import durations, rates
from exporter.model import Bot, Plan
from exporter.plan import make_plan


@click.command()
@config_file
def check(config_file: Path) -> int:
    """Print what is wrong with a configuration, or its plan.

    Contacts nobody. Ids and tokens that are not there are warnings: they may be elsewhere.
    """
    try:
        loaded = load(config_file, os.environ, secrets="optional")
    except ConfigError as error:
        click.echo(error)
        click.echo(f"{config_file}: problems: {len(error.problems)}", err=True)
        return 2
    for warning in loaded.warnings:
        click.echo(warning, err=True)
    click.echo(summary(config_file, loaded))
    return 0


def summary(file: Path, loaded: Loaded) -> str:
    """Return what the configuration would do: its bots, its queries, and how many requests that makes."""
    plan = make_plan(loaded.config)
    series = sum(len(poll.series) for poll in plan.polls)
    bots = columns(
        ("BOT", "REQUESTS", "AT MOST", "API"),
        [(bot.name, _per_minute(plan, bot), rates.write(bot.api.rate), bot.api.url) for bot in plan.bots],
    )
    queries = columns(
        ("METRIC", "COLLECTION", "EVERY", "STALE AFTER", "BOTS", "SERIES"),
        [
            (
                query.metric,
                query.collection,
                durations.write(query.every) + (f" at {query.at:%H:%M}" if query.at else ""),
                durations.write(query.stale_after),
                str(len(query.bots)),
                str(len(query.bots) * len(query.variants)),
            )
            for query in plan.queries
        ],
    )
    total = (
        f"{file}: bots: {len(plan.bots)}, queries: {len(plan.queries)}, series: {series}, "
        f"requests per minute: {plan.requests_per_minute:.1f}"
    )
    return f"{bots}\n\n{queries}\n\n{total}"


def _per_minute(plan: Plan, bot: Bot) -> str:
    asked = sum(len(poll.series) * 60 / poll.query.every for poll in plan.polls if poll.bot.name == bot.name)
    too_many = bot.api.rate is not None and asked > bot.api.rate * 60
    return f"{asked:.1f}/m" + (" (more than its rate allows: runs will be skipped)" if too_many else "")
