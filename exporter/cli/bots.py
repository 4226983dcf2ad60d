"""Chooses the bot that a command is about."""

from __future__ import annotations

import click

from exporter.language.suggest import did_you_mean
from exporter.model import Bot, Config


def bot_named(config: Config, name: str | None) -> Bot:
    """Return the bot with a name, or the only one if it is None; raises UsageError."""
    names = [bot.name for bot in config.bots]
    if name is None and len(names) == 1:
        return config.bots[0]
    if name not in names:
        what = f"no bot is called {name!r}" if name else "there are several bots"
        advice = did_you_mean(name or "", names) or f"--bot takes one of {', '.join(names)}"
        raise click.UsageError(f"{what} ({advice})")
    return next(bot for bot in config.bots if bot.name == name)
