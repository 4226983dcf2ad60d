"""`check`: prints every problem of a configuration, or its plan."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from exporter.cli.flags import config_file
from exporter.cli.output import columns
from exporter.cli.shards import chosen_shard, shard_flags
from exporter.config.load import load
from exporter.errors import ConfigError, Problem
from exporter.language import durations, rates
from exporter.model import Config, Plan
from exporter.plan import Shard, make_plan, make_shard_plans

TOO_MANY: Final = " (more than its rate allows: runs will be skipped)"


@click.command()
@config_file
@shard_flags
@click.option("--strict", is_flag=True, help="End with exit code 1 if there are warnings.")
def check(config_file: Path, shard_ordinal: int | None, shard_total: int, *, strict: bool) -> int:
    """Print every problem of a configuration, or its plan.

    Makes no requests. Missing ids and tokens are warnings: they may exist only where the exporter runs.
    With --shard.ordinal the plan is that of this shard; with --shard.total alone, that of each shard.
    """
    shard = None if shard_ordinal is None else chosen_shard(shard_ordinal, shard_total)
    try:
        loaded = load(config_file, os.environ, secrets="optional")
    except ConfigError as error:
        click.echo(error)
        _print(error.warnings)
        click.echo(f"{config_file}: problems: {len(error.problems)}{_count(error.warnings)}", err=True)
        return 2
    _print(loaded.warnings)
    click.echo(summary(config_file, loaded.config, shard, shard_total) + _count(loaded.warnings))
    return 1 if strict and loaded.warnings else 0


def _print(warnings: Sequence[Problem]) -> None:
    for warning in warnings:
        click.echo(warning, err=True)


def _count(warnings: Sequence[Problem]) -> str:
    return f", warnings: {len(warnings)}" if warnings else ""


def summary(file: Path, config: Config, shard: Shard | None, total: int) -> str:
    """Return the plan as text: bots, queries, and the number of requests.

    With `shard` it is that shard's plan; without it, the plan of all shards together and then of each.
    """
    plan = make_plan(config, shard or Shard())
    shard_plans = make_shard_plans(config, total) if shard is None else (plan,)
    parts = [_bots(plan, shard_plans), _queries(plan)] if plan.polls else ["This shard has no queries."]
    if len(shard_plans) > 1:
        parts.append(_shards(shard_plans))
    if config.shard_by == "query" and total > 1:
        parts.append(
            "shard_by is query: each shard applies a bot's rate separately, "
            f"so NativeChat may see up to {total} times that rate"
        )
    which = f" shard {shard.ordinal} of {total}:" if shard and total > 1 else ""
    parts.append(
        f"{file}:{which} bots: {len(plan.bots)}, queries: {len(plan.queries)}, series: {plan.series}, "
        f"requests per minute: {plan.requests_per_minute:.1f}"
    )
    return "\n\n".join(parts)


def _bots(plan: Plan, shard_plans: Sequence[Plan]) -> str:
    per_minute = _per_minute(plan)
    # A rate applies to one process, so it must be high enough for the busiest shard.
    of_shards = [_per_minute(shard_plan) for shard_plan in shard_plans]
    most = {name: max(each.get(name, 0) for each in of_shards) for name in per_minute}
    return columns(
        ("BOT", "REQUESTS", "AT MOST", "API"),
        [
            (
                bot.name,
                f"{per_minute[bot.name]:.1f}/m"
                + (TOO_MANY if bot.api.rate is not None and most[bot.name] > bot.api.rate * 60 else ""),
                rates.write(bot.api.rate),
                bot.api.url,
            )
            for bot in plan.bots
        ],
    )


def _queries(plan: Plan) -> str:
    bots = Counter(poll.query.name for poll in plan.polls)
    return columns(
        ("METRIC", "COLLECTION", "EVERY", "STALE AFTER", "BOTS", "SERIES"),
        [
            (
                query.metric,
                query.collection,
                durations.write(query.every) + (f" at {query.at:%H:%M}" if query.at else ""),
                durations.write(query.stale_after),
                str(bots[query.name]),
                str(bots[query.name] * len(query.variants)),
            )
            for query in plan.queries
        ],
    )


def _shards(shard_plans: Sequence[Plan]) -> str:
    return columns(
        ("SHARD", "BOTS", "SERIES", "REQUESTS"),
        [
            (str(ordinal), str(len(plan.bots)), str(plan.series), f"{plan.requests_per_minute:.1f}/m")
            for ordinal, plan in enumerate(shard_plans)
        ],
    )


def _per_minute(plan: Plan) -> dict[str, float]:
    requests: dict[str, float] = defaultdict(float)
    for poll in plan.polls:
        requests[poll.bot.name] += len(poll.series) * 60 / poll.query.every
    return requests
