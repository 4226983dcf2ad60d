"""The documented endpoints over HTTP: lists of conversations and messages, and their counts."""

from __future__ import annotations

import asyncio
import hmac
from email.utils import formatdate
from random import Random
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from exporter.model import COLLECTIONS, Collection, Json
from exporter.simulator.bots import SimulatedBot
from exporter.simulator.control import control_routes
from exporter.simulator.dates import BadRequest
from exporter.simulator.misbehaviour import Misbehaving
from exporter.simulator.parameters import Parameters, read_parameters
from exporter.simulator.settings import CountShape
from exporter.simulator.simulation import Simulation


def app(simulation: Simulation) -> ASGIApp:
    """Return the application that serves a simulation; answers and errors alike are JSON.

    Serve it with our own server, and nothing around it: see `misbehaviour`.

    Assumed: 401 for a missing or wrong token, 404 for an unknown bot, 429 over the rate, 400 for
    parameters that make no sense, and the bodies of all of them.
    """
    api = _Api(simulation)
    routes = [
        route
        for collection in COLLECTIONS
        for route in (
            Route(f"/v1/bots/{{bot_id}}/{collection}", api.rows, name=collection),
            Route(f"/v1/bots/{{bot_id}}/{collection}/_count", api.count, name=collection),
        )
    ]
    for route in routes:
        route.methods = {"GET"}
    well_behaved = Starlette(
        routes=[*routes, *control_routes(simulation)],
        exception_handlers={HTTPException: _http_error, BadRequest: _bad_request},
    )
    return Misbehaving(well_behaved, simulation.faults, simulation.bot_of_path)


class _Api:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._settings = simulation.settings
        self._random = Random(self._settings.seed)  # noqa: S311 - only spreads latencies

    async def count(self, request: Request) -> Response:
        """Answer with a number; `limit`, `skip` and `sort` are read, and change nothing (assumed)."""
        bot, collection, asked = await self._admit(request)
        return JSONResponse(
            _shaped(self._simulation.count(bot.name, collection, asked.query), self._settings.count_shape)
        )

    async def rows(self, request: Request) -> Response:
        """Answer with a page of rows, as a JSON array (assumed)."""
        bot, collection, asked = await self._admit(request)
        return JSONResponse(
            self._simulation.page(
                bot.name, collection, asked.query, sort=asked.sort, skip=asked.skip, limit=asked.limit
            )
        )

    async def _admit(self, request: Request) -> tuple[SimulatedBot, Collection, Parameters]:
        """Return who asks for what, once bot, token, rate and parameters are in order."""
        try:
            bot = self._simulation.bot_with_id(request.path_params["bot_id"])
        except KeyError:
            raise HTTPException(404, "no bot has this id") from None
        _authenticate(request, bot)
        wait = self._simulation.admit(bot.name)
        await asyncio.sleep(self._settings.latency + self._random.uniform(0.0, self._settings.jitter))
        if wait:
            raise HTTPException(429, "too many requests", {"Retry-After": self._retry_after(wait)})
        collection = cast("Collection", request.scope["route"].name)
        return bot, collection, read_parameters(request.query_params.multi_items(), self._settings)

    def _retry_after(self, seconds: int) -> str:
        if self._settings.retry_after == "seconds":
            return str(seconds)
        return formatdate(self._simulation.wall() + seconds, usegmt=True)


def _authenticate(request: Request, bot: SimulatedBot) -> None:
    given = request.headers.get("Authorization", "").encode("latin-1")
    if not hmac.compare_digest(given, f"Bot-Server-Access-Token {bot.token.reveal()}".encode()):
        raise HTTPException(401, "the Authorization header does not fit this bot")


def _shaped(number: int, shape: CountShape) -> Json:
    return number if shape == "bare" else {shape: number}


async def _http_error(_: Request, error: Exception) -> Response:
    refusal = cast("HTTPException", error)
    return JSONResponse({"error": refusal.detail}, refusal.status_code, refusal.headers)


async def _bad_request(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)
