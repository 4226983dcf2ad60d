"""`simulate`: serves a simulated NativeChat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from exporter.cli.flags import Parsed, flag, logging_flags
from exporter.clock import Clock, SystemClock
from exporter.daemon import signals
from exporter.model import Secret
from exporter.web.server import Server, address_of, listen

_Bot: TypeAlias = tuple[str, str, Secret]
"""A simulated bot: its name, id and token."""


def _number_or_none(text: str) -> float | None:
    try:
        return None if text == "none" else float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is neither a number nor none") from error


SCOPE: Final = "simulate_"
"""Part of each environment variable's name: the simulator's address is not the exporter's."""


@contextmanager
def simulated(
    address: str, clock: Clock, *, bots: int = 1, shape: str = "documented", **settings: Any
) -> Iterator[tuple[str, list[_Bot]]]:
    """Serve a simulated NativeChat during the block; yields the API's URL and the bots.

    `settings` are those that differ from the shape's; raises UsageError if one is wrong.
    """
    from exporter.simulator.api import app
    from exporter.simulator.bots import simulated_bots
    from exporter.simulator.settings import SHAPES
    from exporter.simulator.simulation import Simulation

    try:
        chosen = replace(SHAPES[shape], **settings)
    except ValueError as error:
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
    """Add `--shape`, and a flag for every setting of the simulator, as the setting declares it."""
    from exporter.simulator.settings import SHAPES, Settings

    hints = get_type_hints(Settings, include_extras=True)
    for setting in reversed(fields(Settings)):
        hint, text = get_args(hints[setting.name])
        kind: Any = hint if hint in (int, str) else float
        if get_origin(hint) is Literal:
            kind = click.Choice(get_args(hint))
        elif type(None) in get_args(hint):
            kind = Parsed(_number_or_none, "number or none")
        add = flag(
            setting.name.replace("_", "-"),
            scope=SCOPE,
            type=kind,
            default=setting.default,
            help=f"{text[0].upper()}{text[1:]}.",
        )
        command = add(command)
    add_shape = flag(
        "shape",
        scope=SCOPE,
        type=click.Choice(list(SHAPES)),
        default="documented",
        help="The shape of the API and its data: it sets many of the flags below, which take precedence.",
    )
    return add_shape(command)


@click.command()
@flag(
    "web.listen-address", "address", scope=SCOPE, default="127.0.0.1:10055", help="The address to listen on."
)
@flag("bots", scope=SCOPE, type=click.IntRange(1, 10_000), default=2, help="The number of bots.")
@settings_flags
@logging_flags
def simulate(address: str, bots: int, shape: str, **settings: Any) -> int:
    """Serve a simulated NativeChat.

    It makes up bots from a seed, and their conversations grow with time. Flags change what the API's
    documentation leaves open. PUT /-/faults sets a fault, POST /-/burst adds data, POST /-/forget deletes it.
    """
    signals.block()
    source = click.get_current_context().get_parameter_source
    chosen = {name: value for name, value in settings.items() if source(name) is not ParameterSource.DEFAULT}
    with simulated(address, SystemClock(), bots=bots, shape=shape, **chosen) as (url, running):
        click.echo(f"api.url  {url}")
        for name, bot_id, token in running:
            click.echo(f"{name}  id {bot_id}  token {token.reveal()}")
        signals.wait()
    return 0
