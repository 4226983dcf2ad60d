"""Flags in Prometheus's style, each with an environment variable of the same name."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

import exporter
from exporter.errors import ConfigError, Place, Problem
from exporter.language import durations
from exporter.logs import LEVELS, LogFormat, set_up

Command = TypeVar("Command", bound=Callable[..., Any])


def flag(name: str, parameter: str, *, scope: str = "", **settings: Any) -> Callable[[Command], Command]:
    """Return a decorator that adds the flag `--NAME` to a command, as its argument `parameter`.

    The environment variable NATIVECHAT_EXPORTER_NAME is the default of the flag. The variables of the
    simulator's flags have `scope` before the name.
    """
    variable = re.sub(r"[.-]", "_", f"NATIVECHAT_EXPORTER_{scope}{name}").upper()
    return click.option(
        f"--{name}", parameter, envvar=variable, show_envvar=True, show_default=True, **settings
    )


class Duration(click.ParamType[float]):
    """A Prometheus duration of at least a second, converted to seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = durations.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds < 1:
            self.fail(f"{value!r} is shorter than a second (write at least 1s)", param, ctx)
        return seconds


class NewFile(click.Path):
    """The path of a file to write; not empty, as that of an unset variable is."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail("the name of a file is empty", param, ctx)
        return super().convert(value, param, ctx)


class TelemetryPath(click.ParamType[str]):
    """The path of a URL, other than those of the exporter's other pages."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"/(?!-/)[^?#{}\s]*", value):
            self.fail(f"{value!r} must start with / but not with /-/ (such as /metrics)", param, ctx)
        return str(value)


def sendable(text: str) -> str:
    """Return a text of the command line; raises BadParameter if it has bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter("not valid Unicode, such as half of an emoji") from error
    return text


def shipped() -> Path:
    """Return the path of the shipped config.yaml: in an installed package, or in a checkout."""
    package = Path(exporter.__file__).parent
    installed = package / "config.yaml"
    return installed if installed.exists() else package.parent / "config.yaml"


def _config_file(*, may_be_shipped: bool) -> Callable[[Command], Command]:
    """Return the flag `--config.file`; without it and without a config.yaml, the shipped file may be used."""

    def existing(ctx: click.Context, param: click.Parameter, file: Path) -> Path:
        is_default = ctx.get_parameter_source(param.name or "") is ParameterSource.DEFAULT
        if not is_default or file.exists():
            return file
        if may_be_shipped:
            return shipped()
        advice = f"name one with --config.file, or begin with a copy of the shipped one: {shipped()}"
        raise ConfigError([Problem(Place(str(file)), "", f"there is no such file in {Path.cwd()}", advice)])

    return flag(
        "config.file",
        "config_file",
        type=click.Path(path_type=Path),
        default="config.yaml",
        callback=existing,
        help="The configuration file.",
    )


config_file = _config_file(may_be_shipped=False)
config_file_or_shipped = _config_file(may_be_shipped=True)


def logging_flags(command: Callable[..., int]) -> Callable[..., int]:
    """Add `--log.level` and `--log.format`, and set up logging before the command."""

    @wraps(command)
    def logging_command(*, log_level: str, log_format: LogFormat, **others: Any) -> int:
        set_up(log_level, log_format)
        return command(**others)

    level = click.Choice(list(LEVELS))
    form = click.Choice(["logfmt", "json"])
    add_level = flag("log.level", "log_level", type=level, default="info", help="Log this level and above.")
    add_format = flag(
        "log.format", "log_format", type=form, default="logfmt", help="The format of log lines."
    )
    return add_level(add_format(logging_command))
