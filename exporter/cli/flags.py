"""Flags in Prometheus's style, each with an environment variable of the same name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import click
from click.core import ParameterSource

import exporter
from exporter.cli.output import reason
from exporter.errors import ConfigError, Place, Problem
from exporter.language import datemath, durations
from exporter.language.labels import added_name_problem
from exporter.logs import LEVELS, LogFormat, set_up

Command = TypeVar("Command", bound=Callable[..., Any])
Value = TypeVar("Value")


def flag(name: str, parameter: str = "", *, scope: str = "", **settings: Any) -> Callable[[Command], Command]:
    """Return a decorator that adds the flag `--NAME` to a command, as its argument `parameter`.

    Without `parameter`, the argument is NAME with underscores. The environment variable
    NATIVECHAT_EXPORTER_NAME is the default of the flag; `scope` is before NAME in it.
    """
    identifier = re.sub(r"[.-]", "_", name)
    variable = f"NATIVECHAT_EXPORTER_{scope}{identifier}".upper()
    return click.option(
        f"--{name}", parameter or identifier, envvar=variable, show_envvar=True, show_default=True, **settings
    )


def together(*flags: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds several flags; `--help` shows them in this order."""

    def decorate(command: Command) -> Command:
        for add in reversed(flags):
            command = add(command)
        return command

    return decorate


class Parsed(click.ParamType[Value]):
    """Text that a function converts; its ValueError says what is wrong. Text that is no UTF-8 is refused.

    A flag whose default is the empty text may be empty.
    """

    def __init__(self, parse: Callable[[str], Value], name: str = "text") -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        if not isinstance(value, str) or (not value and param is not None and param.default == ""):
            return cast("Value", value)  # a default
        try:
            value.encode()
            return self._parse(value)
        except UnicodeEncodeError:
            self.fail("not valid Unicode, such as half of an emoji", param, ctx)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def seconds(text: str) -> float:
    """Return the seconds of a Prometheus duration of at least a second; raises ValueError."""
    found = durations.parse(text)
    if found < 1:
        raise ValueError(f"{text!r} is shorter than a second (write at least 1s)")
    return found


def date(text: str) -> str:
    """Return date math or an instant; a duration is that long ago. Raises ValueError."""
    try:
        return f"now-{int(durations.parse(text))}s"
    except ValueError:
        pass
    try:
        datemath.check(text)
    except ValueError as error:
        raise ValueError(f"{error}, or a duration, such as 90d") from error
    return text


def new_file(text: str) -> Path:
    """Return the path of a file to write; raises ValueError for a path of something else.

    So nobody is advised to remove a device. An empty text is that of an unset variable.
    """
    if not text:
        raise ValueError("the name of a file is empty")
    path = Path(text)
    try:
        is_other = path.exists() and not path.is_file()
    except OSError as error:
        raise ValueError(f"{text!r} cannot be written: {reason(error)}") from error
    if is_other:
        raise ValueError(f"{text!r} is not a regular file (name another)")
    return path


to_file = together(
    click.option("--to", type=Parsed(new_file, "file"), help="Write to this file."),
    click.option("--resume", is_flag=True, help="Continue a command that was interrupted; needs --to."),
)
"""The flags `--to`, None if it is not given, and `--resume`."""


def output_flag(*formats: str) -> Callable[[Command], Command]:
    """Return a decorator that adds `--output`; the first format is the default."""
    return click.option(
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="The output format.",
    )


def pair(
    form: str, value: str = ".+", problem: Callable[[str], str | None] = lambda _: None
) -> Parsed[tuple[str, str]]:
    """Return the type of a name and a value, which matches a pattern, in a `form` such as NAME=VALUE.

    `problem` returns what is wrong with a name, or None.
    """
    pattern = re.compile(f"([^=]+)=({value})")

    def parse(text: str) -> tuple[str, str]:
        if not (found := pattern.fullmatch(text)):
            raise ValueError(f"{text!r} is not {form}")
        if wrong := problem(found[1]):
            raise ValueError(wrong)
        return found[1], found[2]

    return Parsed(parse, form)


label: Final = pair("NAME=VALUE", problem=added_name_problem)
"""The type of a label that may be added to series."""


def by_name(_ctx: click.Context, _param: click.Parameter, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the values of a flag's pairs by their names; raises BadParameter for a name that comes twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise click.BadParameter(f"{name} is there twice (write it once)")
        found[name] = value
    return found


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
    add_level = flag("log.level", type=level, default="info", help="Log this level and above.")
    add_format = flag("log.format", type=form, default="logfmt", help="The format of log lines.")
    return together(add_level, add_format)(logging_command)
