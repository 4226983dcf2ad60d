"""The command line: each command is a module, imported only when it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final

import click

from exporter import __version__
from exporter.cli.output import abandon_output, discard_lost_messages, encode_output, reason
from exporter.daemon import signals
from exporter.errors import ConfigError, ExporterError, WrongUsage
from exporter.language.suggest import one_of

COMMANDS: Final = {
    "run": "run",
    "check": "check",
    "count": "count",
    "explore": "explore",
    "verify": "verify",
    "conversations": "history",
    "messages": "history",
    "backfill": "backfill",
    "simulate": "simulate",
    "demo": "run",
    "dashboard": "monitoring",
    "rules": "monitoring",
    "healthcheck": "healthcheck",
}
"""Each command, and the module of this package that defines it under the same name."""


class _Commands(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            message = f"{error.message} Write the flags of a command after it."
            raise click.NoSuchOption(error.option_name, message, error.possibilities, error.ctx) from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click gives it
        return [name for name in COMMANDS if not _needs_absent_simulator(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in COMMANDS:
            advice = one_of(cmd_name, COMMANDS)
            raise click.UsageError(f"no command is called {cmd_name!r} ({advice})", ctx)
        if _needs_absent_simulator(cmd_name):
            advice = "the image has no simulator; install the package instead"
            raise WrongUsage(f"{cmd_name} needs exporter.simulator, which is not installed here ({advice})")
        module = import_module(f"exporter.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        _name_variables(command)
        return command


def _needs_absent_simulator(command: str) -> bool:
    return command in ("simulate", "demo") and find_spec("exporter.simulator") is None


def _name_variables(command: click.Command) -> None:
    """Give each flag that has no environment variable NATIVECHAT_EXPORTER_COMMAND_FLAG."""
    for option in command.params:
        if isinstance(option, click.Option) and not option.envvar:
            name = f"{command.name}_{option.opts[0].removeprefix('--')}"
            option.envvar = f"NATIVECHAT_EXPORTER_{name.replace('-', '_').upper()}"
            option.show_envvar = True


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nativechat-exporter")
def cli() -> None:
    """Counts of NativeChat conversations and messages, for Prometheus."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0 if it succeeded, 1 if it failed, 2 for a wrong configuration or usage."""
    encode_output()
    code = 1
    try:
        result = cli.main(args=argv, prog_name="nativechat-exporter", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfigError as error:
        click.echo(error, err=True)
        return 2
    except ExporterError as error:
        why, code = str(error), 2 if isinstance(error, WrongUsage) else 1
    except click.Abort:
        why = "interrupted"
    except RuntimeError as error:
        if str(error) != "can't start new thread":
            raise
        why = "the system allows too few threads (raise the limit of processes, such as a container's pids)"
    except OSError as error:
        abandon_output()
        why = f"cannot print: {reason(error)}"
    else:
        return result if isinstance(result, int) else 0
    click.echo(f"nativechat-exporter: {why}", err=True)
    return code


def script() -> None:
    """Run the command and exit with its code."""
    if sys.argv[1:2] in (["run"], ["demo"], ["simulate"]):
        signals.block()
    discard_lost_messages()
    sys.exit(main())
