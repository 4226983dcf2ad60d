"""`run` and `demo`: run the daemon, against NativeChat or a simulated one."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from exporter.cli.flags import (
    Parsed,
    config_file,
    config_file_or_shipped,
    flag,
    logging_flags,
    seconds,
    together,
)
from exporter.cli.shards import chosen_shard, shard_flags
from exporter.clock import SystemClock
from exporter.config import source
from exporter.daemon.daemon import Daemon
from exporter.daemon.service import serve
from exporter.language import tree
from exporter.logs import unblocked
from exporter.model import Config, TokenSource

DEMO_EVERY: Final = 5.0
"""Longest interval of a query in `demo`, in seconds, so that values change while one watches."""


def _telemetry_path(text: str) -> str:
    if not re.fullmatch(r"/(?!-/)[^?#{}\s]*", text):
        raise ValueError(f"{text!r} must start with / but not with /-/ (such as /metrics)")
    return text


_web_flags = together(
    flag(
        "web.listen-address",
        "listen_addresses",
        multiple=True,
        default=[":10054"],
        help="The address to listen on; may be repeated. 127.0.0.1:0 picks a free port.",
    ),
    flag(
        "web.telemetry-path",
        "telemetry_path",
        type=Parsed(_telemetry_path, "path"),
        default="/metrics",
        help="The path of the metrics page.",
    ),
    flag(
        "web.config.file",
        type=click.Path(path_type=Path),
        help="TLS and basic auth, in the format of Prometheus's exporter-toolkit.",
    ),
    flag(
        "web.enable-lifecycle",
        "enable_lifecycle",
        is_flag=True,
        help="Reload the configuration at POST /-/reload.",
    ),
)
"""The flags of the web server, which `serve` takes as arguments."""


@click.command()
@config_file
@_web_flags
@flag(
    "config.watch-interval",
    "watch_interval",
    type=Parsed(seconds, "duration"),
    default="5s",
    help="How often to check the configuration file for changes.",
)
@flag(
    "config.wait",
    "waits",
    is_flag=True,
    help="Start even if the configuration is wrong or secrets are missing; serve, and try again.",
)
@shard_flags
@logging_flags
@unblocked
def run(
    *,
    config_file: Path,
    watch_interval: float,
    waits: bool,
    shard_ordinal: int | None,
    shard_total: int,
    **web: Any,
) -> int:
    """Query NativeChat on a schedule, and serve the metrics."""
    shard = chosen_shard(shard_ordinal, shard_total)
    daemon = Daemon(
        config_file, os.environ, SystemClock(), watch_interval=watch_interval, shard=shard, waits=waits
    )
    return 0 if serve(daemon, **web) else 1


@click.command()
@config_file_or_shipped
@_web_flags
@logging_flags
@unblocked
def demo(*, config_file: Path, **web: Any) -> int:
    """Run against a simulated NativeChat, without an account.

    Makes no requests to other machines, and ignores proxies. Every query runs at least every five seconds.
    Variables that are not set get made-up values. Without a config.yaml here, the shipped one is used.
    """
    from exporter.cli.simulate import simulated

    with simulated("127.0.0.1:0", SystemClock()) as (url, [(_, bot_id, token)]):
        environ = {**os.environ, **_variables(config_file, bot_id), "NATIVECHAT_TOKEN": token.reveal()}
        adjust = partial(demo_config, url=url, bot_id=bot_id)
        daemon = Daemon(config_file, environ, SystemClock(), secrets="optional", adjust=adjust)
        os.environ["no_proxy"] = "127.0.0.1"  # the client prefers it to NO_PROXY
        return 0 if serve(daemon, announce=_announce, **web) else 1


def _announce(url: str) -> None:
    click.echo(f"open {url} in a browser; Ctrl-C ends the demo", err=True)


def _variables(config_file: Path, bot_id: str) -> dict[str, str]:
    """Return the variables for ids and tokens in a configuration; `bot_id` replaces a missing value."""
    nodes = tree.walk(source.compose(source.content(config_file), str(config_file))[0])
    named = (str(node) for path, node in nodes if path[-1:] == ("env",) and path[-2:] != ("name", "env"))
    return {name: os.environ.get(name) or bot_id for name in named}


def demo_config(config: Config, url: str, bot_id: str) -> Config:
    """Return a copy of a configuration with short intervals, and the simulated bot in place of each."""
    token = TokenSource(env="NATIVECHAT_TOKEN")
    return replace(
        config,
        bots=tuple(
            replace(bot, id=bot_id, token=token, fault=None, api=replace(bot.api, url=url))
            for bot in config.bots
        ),
        queries=tuple(replace(query, every=min(query.every, DEMO_EVERY)) for query in config.queries),
    )
