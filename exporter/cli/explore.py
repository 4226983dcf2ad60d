"""`explore`: finds out what a bot has, and writes a configuration that rests on it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from exporter.cli.bots import bot_named, paced_client
from exporter.cli.explore_report import as_json, as_text
from exporter.cli.flags import Parsed, config_file_or_shipped, logging_flags, new_file, output_flag
from exporter.cli.output import reason
from exporter.clock import SystemClock
from exporter.config.load import load
from exporter.config.secrets import SecretError, TokenReader
from exporter.config.words import IN_CLEAR, is_in_clear, parse_url
from exporter.errors import ApiError, ExporterError
from exporter.explore.explore import Explored, most_requests
from exporter.explore.explore import explore as explore_bot
from exporter.explore.requests import Requests
from exporter.explore.writing import configuration
from exporter.language import durations, rates
from exporter.model import Api, Bot, Json, TokenSource

_ID_VARIABLE: Final = "NATIVECHAT_BOT_ID"
_TOKEN_VARIABLE: Final = "NATIVECHAT_TOKEN"  # noqa: S105 - the name of a variable


def _checked_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", text):
        raise ValueError("not a bot's id: it has letters, digits, - and _ only")
    return text


@click.command()
@config_file_or_shipped
@click.option("--bot", "bot_name", help="Explore this bot of the configuration.")
@click.option(
    "--bot-id",
    envvar=_ID_VARIABLE,
    show_envvar=True,
    type=Parsed(_checked_id),
    help="The bot's id, from its Settings on NativeChat.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help=f"The file with the bot's token; without it, the variable {_TOKEN_VARIABLE} holds the token.",
)
@click.option(
    "--api-url",
    default=Api().url,
    show_default=True,
    type=Parsed(parse_url),
    help="The API's base URL.",
)
@click.option(
    "--sample",
    type=click.IntRange(10, 5_000),
    default=500,
    show_default=True,
    help="The number of conversations, and of messages, to look at.",
)
@click.option("--write", type=Parsed(new_file, "file"), help="Write a configuration to this file.")
@click.option("--force", is_flag=True, help="Overwrite the file of --write.")
@output_flag("table", "json")
@logging_flags
def explore(*, sample: int, write: Path | None, force: bool, output: str, **target: Any) -> int:
    """Look at one bot, and write a configuration for it.

    Tries what the API does, which fields and values there are, and how dates are stored. Shows no value that
    may be a person, a text or an id, and keeps no document.
    """
    if force and not write:
        raise click.UsageError("--force needs --write: the file to overwrite")
    if write and write.exists() and not force:
        raise click.UsageError(f"{write} exists (name another file, or overwrite it with --force)")
    source_of = click.get_current_context().get_parameter_source
    given = {name for name in target if source_of(name) is ParameterSource.COMMANDLINE}
    if target["bot_name"] is None and "config_file" in given:
        raise click.UsageError("--config.file needs --bot: the name of one of its bots")
    if target["bot_name"] is not None and given & {"bot_id", "token_file", "api_url"}:
        raise click.UsageError(
            "--bot takes these from the configuration: --bot-id, --token-file, --api-url (leave them out)"
        )
    bot, section = _target(**target)
    in_clear = is_in_clear(bot.api.url)
    if write:
        _check_writable(write)
    if in_clear:
        click.echo(f"warning: {IN_CLEAR} (write https://)", err=True)
    try:
        explored = _explored(bot, sample)
    except ApiError as error:
        click.echo(f"nativechat-exporter: {error.described}", err=True)
        return 1
    click.echo(as_text(explored) if output == "table" else as_json(explored))
    if not explored.queries:
        click.echo("no query can be proposed: the API did not count", err=True)
        return 1
    if write:
        _write(write, configuration(explored, section), force=force)
        warns = "; `check --strict` warns of its api.url" if in_clear else ""
        click.echo(f"wrote {len(explored.queries)} queries to {write}{warns}", err=True)
    return 0


def _check_writable(path: Path) -> None:
    """Raise ExporterError if a file cannot be written; leave it as it is."""
    is_new = not path.exists()
    try:
        path.open("x" if is_new else "a").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise _unwritten(path, error) from error


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write a file whole; raises ExporterError, and leaves the file as it was, if that fails."""
    try:
        before = path.read_bytes() if force and path.exists() else None
        with path.open("w" if force else "x", encoding="utf-8") as file:
            try:
                file.write(text)
                file.flush()
            except OSError:
                path.unlink() if before is None else path.write_bytes(before)
                raise
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> ExporterError:
    return ExporterError(f"cannot write {path}: {reason(error)}")


def _target(
    config_file: Path, bot_name: str | None, bot_id: str | None, token_file: Path | None, api_url: str
) -> tuple[Bot, dict[str, Json]]:
    """Return the bot to explore, and its section in a configuration."""
    if bot_name is not None:
        bot = bot_named(load(config_file, os.environ, secrets="of one bot").config, bot_name)
        written_id: Json = bot.id
    elif bot_id is None:
        advice = (
            f"set {_ID_VARIABLE} and {_TOKEN_VARIABLE}, write --bot-id, or --bot for one of a configuration"
        )
        raise click.UsageError(f"no bot is named ({advice})")
    else:
        token = TokenSource(file=token_file.absolute()) if token_file else TokenSource(env=_TOKEN_VARIABLE)
        bot = Bot("main", bot_id, token, api=Api(url=api_url))
        written_id = {"env": _ID_VARIABLE} if os.environ.get(_ID_VARIABLE) == bot_id else bot_id
    written_token: Json = {"env": bot.token.env} if bot.token.env else {"file": str(bot.token.file)}
    section: dict[str, Json] = {"name": bot.name, "id": written_id, "token": written_token}
    api = _written_api(bot.api)
    return bot, {**section, "api": api} if api else section


def _written_api(api: Api) -> dict[str, Json]:
    """Return the settings of an API that differ from the defaults, as a configuration has them."""
    written: dict[str, Json] = {
        "url": api.url,
        "timeout": durations.write(api.timeout),
        "concurrency": api.concurrency,
        "rate": rates.write(api.rate),
        "retries": api.retries,
        "ca_file": str(api.ca_file),
    }
    return {key: text for key, text in written.items() if getattr(api, key) != getattr(Api(), key)}


def _explored(bot: Bot, sample: int) -> Explored:
    if bot.fault:
        raise click.UsageError(f"{bot.fault[0]} ({bot.fault[1]})")
    try:
        TokenReader(bot.token, os.environ)()
    except SecretError as error:
        raise click.UsageError(f"{error} ({error.advice})") from error
    most = most_requests(sample)
    rate = bot.api.rate
    pace = f", which take {durations.write(round(most / rate))} at {rates.write(rate)}" if rate else ""
    click.echo(f"exploring {bot.name} with at most {most} requests{pace}", err=True)
    return explore_bot(Requests(paced_client(bot, SystemClock()), most), sample)
