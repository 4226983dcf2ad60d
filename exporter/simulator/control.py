"""Lets a person with curl look into the simulator, break it, fill it and empty it: `/-/…`.

    curl localhost:PORT/-/state
    curl -X PUT localhost:PORT/-/faults -d '{"bot": "support", "kind": "status", "status": 503, "times": 3}'
    curl -X DELETE localhost:PORT/-/faults
    curl localhost:PORT/-/burst -d '{"bot": "support", "number": 50, "fields": {"Errors": 2}}'
    curl localhost:PORT/-/forget -d '{"bot": "support", "oldest": 100}'
    curl localhost:PORT/-/forget -d '{"query": {"Status": "success"}}'

Without a bot, each of them means all bots.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.model import Json
from exporter.simulator.dates import BadRequest
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import Simulation

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "kind": (str,),
    "status": (int,),
    "retry_after": (str, int),
    "seconds": (int, float),
    "times": (int,),
}


def control_routes(simulation: Simulation) -> list[Route]:
    """Return the routes under `/-/`; none of them shows a token."""
    control = _Control(simulation)
    return [
        Route("/-/state", control.state, methods=["GET"]),
        Route("/-/faults", control.set_fault, methods=["PUT"]),
        Route("/-/faults", control.clear_faults, methods=["DELETE"]),
        Route("/-/burst", control.burst, methods=["POST"]),
        Route("/-/forget", control.forget, methods=["POST"]),
    ]


class _Control:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    async def state(self, _: Request) -> Response:
        """Answer with bots, their counts and requests, and the faults now set."""
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
        return JSONResponse({"bots": bots, "faults": faults})

    async def set_fault(self, request: Request) -> Response:
        """Set a fault for a bot, or for all: the fields of `Fault`, and `bot`."""
        order = await _order(request, "bot", *(field.name for field in fields(Fault)))
        bot = order.pop("bot", None)
        if bot is not None:
            (bot,) = self._named(bot)
        self._simulation.faults.set(_fault(order), bot)
        return await self.state(request)

    async def clear_faults(self, request: Request) -> Response:
        """Clear the faults of the bot in the URL's query string, or every fault."""
        self._simulation.faults.clear(request.query_params.get("bot"))
        return await self.state(request)

    async def burst(self, request: Request) -> Response:
        """Add conversations at once, with the given values at dotted paths."""
        order = await _order(request, "bot", "number", "fields")
        number, values = _whole(order, "number"), order.get("fields", {})
        if not isinstance(values, dict):
            raise BadRequest("fields must be an object of values by dotted path")
        for bot in self._named(order.get("bot")):
            self._simulation.burst(bot, number, values)
        return await self.state(request)

    async def forget(self, request: Request) -> Response:
        """Delete conversations: those a `query` matches, or some of the `oldest`."""
        order = await _order(request, "bot", "query", "oldest")
        if ("query" in order) == ("oldest" in order):
            raise BadRequest("give either query or oldest")
        bots = self._named(order.get("bot"))
        if "query" in order:
            gone = {bot: self._simulation.forget(bot, order["query"]) for bot in bots}
        else:
            oldest = _whole(order, "oldest")
            gone = {bot: self._simulation.forget_oldest(bot, oldest) for bot in bots}
        return JSONResponse({"forgotten": gone})

    def _named(self, name: Json) -> list[str]:
        names = [bot.name for bot in self._simulation.bots]
        if name is None:
            return names
        if name not in names:
            raise HTTPException(404, f"no bot is called {name!r} (there are {', '.join(names)})")
        return [str(name)]


async def _order(request: Request, *known: str) -> dict[str, Json]:
    try:
        order = await request.json()
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not valid JSON") from error
    if not isinstance(order, dict):
        raise BadRequest("the body must be a JSON object")
    unknown = sorted(order.keys() - set(known))
    if unknown:
        raise BadRequest(f"unknown key {unknown[0]!r} (known are {', '.join(known)})")
    return order


def _whole(order: dict[str, Json], name: str) -> int:
    number = order.get(name)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise BadRequest(f"{name} must be a whole number from 1")
    return number


def _fault(order: dict[str, Json]) -> Fault:
    if "kind" not in order:
        raise BadRequest("kind is missing")
    for name, value in order.items():
        if isinstance(value, bool) or not isinstance(value, _KINDS[name]):
            raise BadRequest(f"{name} must be {'text' if str in _KINDS[name] else 'a number'}")
    if "retry_after" in order:
        order["retry_after"] = str(order["retry_after"])
    try:
        return Fault(**order)  # type: ignore[arg-type]
    except ValueError as error:
        raise BadRequest(str(error)) from error
