"""Endpoints under `/-/` that show the simulator's state, set faults, and add or delete conversations.

    curl localhost:PORT/-/state
    curl -X PUT localhost:PORT/-/faults -d '{"bot": "support", "kind": "status", "status": 503, "times": 3}'
    curl -X DELETE localhost:PORT/-/faults
    curl localhost:PORT/-/burst -d '{"bot": "support", "number": 50, "fields": {"Errors": 2}}'
    curl localhost:PORT/-/forget -d '{"bot": "support", "oldest": 100}'
    curl localhost:PORT/-/forget -d '{"query": {"Status": "success"}}'

Without `bot`, each applies to all bots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Final
from urllib.parse import parse_qs

from exporter.handler import Request
from exporter.model import Json
from exporter.simulator.faults import Fault
from exporter.simulator.refusal import Refused, json_object
from exporter.simulator.simulation import Simulation

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "kind": (str,),
    "status": (int,),
    "retry_after": (str, int),
    "seconds": (int, float),
    "times": (int,),
}


class Control:
    """Answers requests under `/-/`; never shows a token."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._routes: dict[str, dict[str, Callable[[Request], Json]]] = {
            "/-/state": {"GET": self._state},
            "/-/faults": {"PUT": self._set_fault, "DELETE": self._clear_faults},
            "/-/burst": {"POST": self._burst},
            "/-/forget": {"POST": self._forget},
        }

    def answer(self, request: Request) -> Json:
        """Return what a request asks for, or raise Refused."""
        methods = self._routes.get(request.path)
        if methods is None:
            raise Refused("unknown path", 404)
        if request.method not in methods:
            raise Refused(f"{request.method} is not allowed here (use {', '.join(methods)})", 405)
        return methods[request.method](request)

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
        bot = order.pop("bot", None)
        if bot is not None:
            (bot,) = self._named(bot)
        self._simulation.faults.set(_fault(order), bot)
        return self._state(request)

    def _clear_faults(self, request: Request) -> Json:
        """Clear the faults of the bot in the URL's query string, or every fault."""
        (bot,) = parse_qs(request.query).get("bot", [None])[:1]
        self._simulation.faults.clear(bot)
        return self._state(request)

    def _burst(self, request: Request) -> Json:
        """Add conversations that end now, with the values of `fields` at dotted paths."""
        order = _order(request, "bot", "number", "fields")
        number, values = _whole(order, "number"), order.get("fields", {})
        if not isinstance(values, dict):
            raise Refused("fields must be an object of values by dotted path")
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


def _whole(order: dict[str, Json], name: str) -> int:
    number = order.get(name)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise Refused(f"{name} must be a whole number from 1")
    return number


def _fault(order: dict[str, Json]) -> Fault:
    if "kind" not in order:
        raise Refused("kind is missing")
    for name, value in order.items():
        if isinstance(value, bool) or not isinstance(value, _KINDS[name]):
            raise Refused(f"{name} must be {'text' if str in _KINDS[name] else 'a number'}")
    if "retry_after" in order:
        order["retry_after"] = str(order["retry_after"])
    try:
        return Fault(**order)  # type: ignore[arg-type]
    except ValueError as error:
        raise Refused(str(error)) from error
