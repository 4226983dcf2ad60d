"""Flags in Prometheus's style, each with an environment variable of the same name."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

import exporter
from exporter.errors import ConfigError, Place, Problem
from exporter.language import durations

Command = TypeVar("Command", bound=Callable[..., Any])


def flag(name: str, parameter: str, *, scope: str = "", **settings: Any) -> Callable[[Command], Command]:
    """Add the flag `--NAME`, also read from NATIVECHAT_EXPORTER_NAME, as `parameter`.

    `scope` is put before the name in the variable, for flags that are not the exporter's own.
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
            self.fail(f"{value!r} is shorter than a second", param, ctx)
        return seconds


class TelemetryPath(click.ParamType[str]):
    """The path of a URL, other than those of the exporter's other pages."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"/(?!-/)[^?#{}\s]*", value):
            self.fail(f"{value!r} must start with / but not with /-/ (such as /metrics)", param, ctx)
        return str(value)


def shipped() -> Path:
    """Return the path of the shipped config.yaml: in an installed package, or in a checkout."""
    package = Path(exporter.__file__).parent
    installed = package / "config.yaml"
    return installed if installed.exists() else package.parent / "config.yaml"


def _is_missing(ctx: click.Context, param: click.Parameter, file: Path) -> bool:
    """Return whether no configuration was named, and the default file does not exist."""
    unsaid = ctx.get_parameter_source(param.name or "") is ParameterSource.DEFAULT
    return unsaid and not file.exists()


def _here(ctx: click.Context, param: click.Parameter, file: Path) -> Path:
    if _is_missing(ctx, param, file):
        advice = f"name one with --config.file, or begin with a copy of the shipped one: {shipped()}"
        raise ConfigError([Problem(Place(str(file)), "", f"there is no such file in {Path.cwd()}", advice)])
    return file


def _here_or_shipped(ctx: click.Context, param: click.Parameter, file: Path) -> Path:
    return shipped() if _is_missing(ctx, param, file) else file


_config_file = partial(
    flag,
    "config.file",
    "config_file",
    type=click.Path(path_type=Path),
    default="config.yaml",
    help="The configuration file.",
)
config_file = _config_file(callback=_here)
config_file_or_shipped = _config_file(callback=_here_or_shipped)


def logging_flags(command: Command) -> Command:
    """Add `--log.level` and `--log.format`."""
    level = click.Choice(["debug", "info", "warn", "error"])
    log_format = click.Choice(["logfmt", "json"])
    command = flag(
        "log.format", "log_format", type=log_format, default="logfmt", help="The format of log lines."
    )(command)
    return flag("log.level", "log_level", type=level, default="info", help="Log this level and above.")(
        command
    )


def web_flags(command: Command) -> Command:
    """Add the flags of the web server, for `run` and `demo`."""
    for add in (
        flag(
            "web.enable-lifecycle",
            "enable_lifecycle",
            is_flag=True,
            help="Reload the configuration at POST /-/reload.",
        ),
        flag(
            "web.config.file",
            "web_config_file",
            type=click.Path(path_type=Path),
            help="TLS and basic auth, in the format of Prometheus's exporter-toolkit.",
        ),
        flag(
            "web.telemetry-path",
            "telemetry_path",
            type=TelemetryPath(),
            default="/metrics",
            help="The path of the metrics page.",
        ),
        flag(
            "web.listen-address",
            "listen_addresses",
            multiple=True,
            default=[":10054"],
            help="The address to listen on; may be repeated. 127.0.0.1:0 picks a free port.",
        ),
    ):
        command = add(command)
    return command
