"""`demo`: a simulated NativeChat and the daemon together, on one machine and without an account."""

from __future__ import annotations

from pathlib import Path

import click

from exporter.cli.flags import config_file_or_shipped, logging_flags, web_flags
from exporter.cli.simulate import simulated
from exporter.clock import SystemClock
from exporter.daemon.daemon import Daemon, Options
from exporter.daemon.service import WebOptions, serve
from exporter.logs import LogFormat, set_up, unblocked


@click.command()
@config_file_or_shipped
@web_flags
@logging_flags
def demo(
    *,
    config_file: Path,
    log_level: str,
    log_format: LogFormat,
    listen_addresses: tuple[str, ...],
    telemetry_path: str,
    web_config_file: Path | None,
    enable_lifecycle: bool,
) -> int:
    """Run against a simulated NativeChat: no account needed.

    Nothing leaves this machine. Every query is asked at least each five seconds, so that values move.
    Without a config.yaml here, the shipped one is taken.
    """
    set_up(log_level, log_format)
    clock = SystemClock()
    web = WebOptions(listen_addresses, telemetry_path, web_config_file, enable_lifecycle)
    with unblocked() as end, simulated("127.0.0.1:0", clock) as (url, [(_, bot_id, token)]):
        environ = {"NATIVECHAT_BOT_ID": bot_id, "NATIVECHAT_TOKEN": token.reveal()}
        code = 0 if serve(Daemon(Options(config_file, demo_url=url), environ, clock), web) else 1
    return end(code)
