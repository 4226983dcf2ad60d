"""`simulate`: a simulated NativeChat to try things against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields as fields_of
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

import click

from exporter.cli.absent import simulator_imported
from exporter.cli.flags import flag, logging_flags
from exporter.clock import Clock, SystemClock
from exporter.daemon import signals
from exporter.logs import LogFormat, set_up
from exporter.model import Secret
from exporter.web.server import Server, address_of, listen

Made: TypeAlias = tuple[str, str, Secret]
"""A simulated bot: its name, its id and its token."""


class NumberOrNone(click.ParamType[float | None]):
    """A number, or the word none."""

    name = "number or none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        return None if value == "none" else click.FLOAT.convert(value, param, ctx)


SCOPE: Final = "simulate."
"""Before the names of the variables: a rate or an address of the simulation is not the exporter's."""


@contextmanager
def simulated(
    address: str, clock: Clock, *, bots: int = 1, **settings: Any
) -> Iterator[tuple[str, list[Made]]]:
    """Serve a simulated NativeChat while the context lasts; give its API's URL and its bots."""
    with simulator_imported():
        from exporter.simulator.api import app
        from exporter.simulator.bots import simulated_bots
        from exporter.simulator.settings import SettingError, Settings
        from exporter.simulator.simulation import Simulation

    try:
        chosen = Settings(**settings)
    except SettingError as error:
        raise click.UsageError(str(error)) from error
    simulation = Simulation(chosen, simulated_bots(bots, chosen.seed), clock)
    listener = listen(address)
    server = Server(app(simulation), [listener], name="simulated-nativechat", reads_bodies=True)
    server.start()
    try:
        yield f"http://{address_of(listener)}/v1", [(bot.name, bot.id, bot.token) for bot in simulation.bots]
    finally:
        server.stop(1.0)


def settings_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for every switch of the simulation, from its own declaration."""
    from exporter.simulator.settings import Settings

    hints = get_type_hints(Settings)
    for switch in reversed(fields_of(Settings)):
        hint = hints[switch.name]
        kind: Any = int if hint is int else float
        if get_origin(hint) is Literal:
            kind = click.Choice(get_args(hint))
        elif type(None) in get_args(hint):
            kind = NumberOrNone()
        add = flag(
            switch.name.replace("_", "-"),
            switch.name,
            scope=SCOPE,
            type=kind,
            default=switch.default,
            help=f"{switch.metadata['help'][0].upper()}{switch.metadata['help'][1:]}.",
        )
        command = add(command)
    return command


@click.command()
@flag("web.listen-address", "address", scope=SCOPE, default="127.0.0.1:10055", help="Where to listen.")
@flag("bots", "bots", scope=SCOPE, type=click.IntRange(1, 10_000), default=2, help="How many bots there are.")
@settings_flags
@logging_flags
def simulate(address: str, bots: int, log_level: str, log_format: LogFormat, **settings: Any) -> int:
    """Serve a simulated NativeChat to try things against.

    Its bots are believable, made up from a seed, and their conversations grow. What the API's
    documentation leaves open is assumed, and can be switched. With PUT /-/faults it can be told to
    misbehave, with POST /-/burst and /-/forget its data grows and shrinks at once.
    """
    set_up(log_level, log_format)
    with signals.held(), simulated(address, SystemClock(), bots=bots, **settings) as (url, made):
        click.echo(f"api.url  {url}")
        for name, bot_id, token in made:
            click.echo(f"{name}  id {bot_id}  token {token.reveal()}")
        signals.wait()
    return 0
