"""`run`: runs the daemon."""

from __future__ import annotations

import os
from pathlib import Path

import click

from exporter.cli.flags import Duration, config_file, flag, logging_flags, web_flags
from exporter.cli.shards import chosen_shard, shard_flags
from exporter.clock import SystemClock
from exporter.daemon.daemon import Daemon, Options
from exporter.daemon.service import WebOptions, serve
from exporter.logs import LogFormat, set_up, unblocked


@click.command()
@config_file
@web_flags
@flag(
    "config.watch-interval",
    "watch_interval",
    type=Duration(),
    default="5s",
    help="How often to check the configuration file for changes.",
)
@shard_flags
@logging_flags
def run(
    *,
    config_file: Path,
    watch_interval: float,
    shard_ordinal: int | None,
    shard_total: int,
    log_level: str,
    log_format: LogFormat,
    listen_addresses: tuple[str, ...],
    telemetry_path: str,
    web_config_file: Path | None,
    enable_lifecycle: bool,
) -> int:
    """Query NativeChat on a schedule, and serve the metrics."""
    shard = chosen_shard(shard_ordinal, shard_total)
    set_up(log_level, log_format)
    options = Options(config_file, watch_interval, shard)
    web = WebOptions(listen_addresses, telemetry_path, web_config_file, enable_lifecycle)
    with unblocked() as end:
        code = 0 if serve(Daemon(options, os.environ, SystemClock()), web) else 1
    return end(code)
