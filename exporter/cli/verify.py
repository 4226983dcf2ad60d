"""`verify`: checks, bot by bot, everything about NativeChat that a configuration relies on."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from exporter.cli.bots import paced_client
from exporter.cli.flags import config_file, logging_flags, output_flag
from exporter.cli.output import columns
from exporter.clock import SystemClock
from exporter.config.load import load
from exporter.explore.findings import Finding
from exporter.explore.requests import Requests
from exporter.explore.verify import most_requests, rate
from exporter.explore.verify import verify as verify_bot
from exporter.model import Bot, Poll
from exporter.plan import make_plan

_HEAD: Final = ("bot", "result", "finding", "subject", "detail")


@click.command()
@config_file
@output_flag("table", "json")
@logging_flags
def verify(*, config_file: Path, output: str) -> int:
    """Check all that a configuration relies on.

    Asks the API whether each bot has the fields, values and dates of the queries, and does what they need.
    Exits with 1 if something differs; a bot that cannot be reached is unknown, not wrong.
    """
    plan = make_plan(load(config_file, os.environ, secrets="optional").config)
    rows = [
        (bot.name, each.result, each.name, each.subject, each.detail)
        for bot in plan.bots
        for each in _verified(bot, [poll for poll in plan.polls if poll.bot is bot])
    ]
    if output == "table":
        click.echo(columns([name.upper() for name in _HEAD], rows))
    else:
        objects = [dict(zip(_HEAD, row, strict=True)) for row in rows]
        click.echo(json.dumps(objects, ensure_ascii=False, indent=2))
    return 1 if any(result == "differs" for _, result, *_ in rows) else 0


def _verified(bot: Bot, polls: Sequence[Poll]) -> list[Finding]:
    if bot.fault:
        return [Finding("bot_id", "differs", "id", f"{bot.fault[0]} ({bot.fault[1]})")]
    clock = SystemClock()
    statuses: list[int | None] = []
    client = paced_client(bot, clock, lambda status, _: statuses.append(status))
    now = datetime.fromtimestamp(clock.wall(), UTC)
    findings = verify_bot(Requests(client, most_requests(polls)), bot, polls, now)
    return [*findings, rate(statuses.count(429), len(statuses))]
