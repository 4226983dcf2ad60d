"""Finds what a command names, and the client to ask a bot with."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final

import click

from exporter.clock import Clock
from exporter.config.secrets import TokenReader
from exporter.errors import ExporterError
from exporter.language.suggest import one_of
from exporter.model import Bot, Config
from exporter.nativechat.client import Attempted, Client
from exporter.nativechat.paced import PacedClient


def check_names(what: str, names: Iterable[str], known: Sequence[str]) -> None:
    """Raise UsageError for a name that is not known; `what` says what it names, such as `query`."""
    for name in names:
        if name not in known:
            raise click.UsageError(f"no {what} is called {name!r} ({one_of(name, known)})")


def bot_named(config: Config, name: str | None) -> Bot:
    """Return the bot with a name, or the only one if it is None; raises UsageError."""
    names = [bot.name for bot in config.bots]
    if name is None and len(names) > 1:
        raise click.UsageError(f"there are several bots (--bot takes one of {', '.join(names)})")
    check_names("bot", [name] if name is not None else [], names)
    return next(bot for bot in config.bots if name in (None, bot.name))


MIXED_UP: Final = "an answer came that nobody had asked for, so those before it may be of other requests"
BEGIN_ANEW: Final = "begin anew, and tell whoever runs the API, or what is between it and this host"


def paced_client(bot: Bot, clock: Clock, on_attempt: Attempted = lambda *_: None) -> PacedClient:
    """Return a client that keeps to its bot's rate; raises ExporterError if the bot's id is missing.

    Its requests raise ExporterError too, once an answer has come that nobody had asked for.
    """
    if bot.fault:
        raise ExporterError(f"{bot.fault[0]} ({bot.fault[1]})")
    client = Client(bot, TokenReader(bot.token, os.environ), clock, on_attempt, _stop)
    return PacedClient(client, bot, clock)


def _stop() -> None:
    raise ExporterError(f"{MIXED_UP} ({BEGIN_ANEW})")
