"""Endpoints under `/-/` that show the simulator's state, set faults, and add or delete conversations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Final
from urllib.parse import parse_qsl

from exporter.handler import Request
from exporter.model import Json
from exporter.simulator.faults import Fault
from exporter.simulator.refusal import Refused, json_object
from exporter.simulator.simulation import Simulation

_MOST_IN_A_BURST: Final = 10_000


class Control:
    """Answers requests under `/-/`; never shows a token."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._routes: dict[str, Callable[[Request], Json]] = {
            "GET /-/state": self._state,
            "PUT /-/faults": self._set_fault,
            "DELETE /-/faults": self._clear_faults,
            "POST /-/burst": self._burst,
            "POST /-/forget": self._forget,
        }

    def answer(self, request: Request) -> Json:
        """Return what a request asks for, or raise Refused."""
        route = self._routes.get(f"{request.method} {request.path}")
        if route is None:
            raise Refused(f"unknown path or method (known are {', '.join(self._routes)})", 404)
        return route(request)

    def _state(self, _: Request) -> Json:
        """Return bots, their counts and numbers of requests, and the faults that are set."""
        simulation = self._simulation
        bots: list[Json] = [
            {
                "name": bot.name,
                "id": bot.id,
                **simulation.counts(bot.name),
                "requests": simulation.requests(bot.name),
            }
            for bot in simulation.bots
        ]
        faults: list[Json] = [{"bot": bot, **asdict(fault)} for bot, fault in simulation.faults.now().items()]
        return {"bots": bots, "faults": faults}

    def _set_fault(self, request: Request) -> Json:
        """Set a fault for a bot, or for all: the fields of `Fault`, and `bot`."""
        order = _order(request, "bot", *(field.name for field in fields(Fault)))
        name = order.pop("bot", None)
        bot = None if name is None else self._named(name)[0]
        try:
            fault = Fault(**{"kind": None, **order})  # type: ignore[arg-type]
        except ValueError as error:
            raise Refused(str(error)) from error
        self._simulation.faults.set(fault, bot)
        return self._state(request)

    def _clear_faults(self, request: Request) -> Json:
        """Clear the faults of the bot in the URL's query string, or every fault."""
        wanted = dict(parse_qsl(request.query, keep_blank_values=True))
        if wanted.keys() - {"bot"}:
            raise Refused(f"unknown parameter {min(wanted.keys() - {'bot'})!r} (known is bot)")
        name = wanted.get("bot")
        self._simulation.faults.clear(None if name is None else self._named(name)[0])
        return self._state(request)

    def _burst(self, request: Request) -> Json:
        """Add conversations that end now, with the values of `fields` at dotted paths."""
        order = _order(request, "bot", "number", "fields")
        number, values = _whole(order, "number", _MOST_IN_A_BURST), order.get("fields", {})
        if not isinstance(values, dict):
            raise Refused("fields must be an object of values by dotted path")
        if self._simulation.settings.id_field in {path.partition(".")[0] for path in values}:
            raise Refused("a burst cannot choose ids")
        for bot in self._named(order.get("bot")):
            self._simulation.burst(bot, number, values)
        return self._state(request)

    def _forget(self, request: Request) -> Json:
        """Delete the conversations that `query` matches, or the `oldest` N."""
        order = _order(request, "bot", "query", "oldest")
        if ("query" in order) == ("oldest" in order):
            raise Refused("give either query or oldest")
        bots = self._named(order.get("bot"))
        if "query" in order:
            gone: dict[str, Json] = {bot: self._simulation.forget(bot, order["query"]) for bot in bots}
        else:
            oldest = _whole(order, "oldest")
            gone = {bot: self._simulation.forget_oldest(bot, oldest) for bot in bots}
        return {"forgotten": gone}

    def _named(self, name: Json) -> list[str]:
        names = [bot.name for bot in self._simulation.bots]
        if name is None:
            return names
        if name not in names:
            raise Refused(f"no bot is called {name!r} (there are {', '.join(names)})", 404)
        return [str(name)]


def _order(request: Request, *known: str) -> dict[str, Json]:
    order = json_object(request.body, "the body")
    unknown = sorted(order.keys() - set(known))
    if unknown:
        raise Refused(f"unknown key {unknown[0]!r} (known are {', '.join(known)})")
    return order


def _whole(order: dict[str, Json], name: str, most: int = 10**9) -> int:
    number = order.get(name)
    if type(number) is not int or not 1 <= number <= most:
        raise Refused(f"{name} must be a whole number from 1 to {most}")
    return number
