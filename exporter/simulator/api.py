"""The documented HTTP endpoints: lists of conversations and messages, and their counts."""

from __future__ import annotations

import asyncio
import json
import re
from email.utils import formatdate
from random import Random
from typing import Final, cast
from urllib.parse import parse_qsl

from exporter.handler import Handler, Request, Response
from exporter.model import Collection, Json
from exporter.simulator.bots import SimulatedBot
from exporter.simulator.control import Control
from exporter.simulator.faults import misbehave
from exporter.simulator.parameters import read_parameters
from exporter.simulator.refusal import Refused
from exporter.simulator.simulation import Simulation

_PATH: Final = re.compile(r"/v1/bots/([^/]+)/(conversations|messages)(/_count)?")


def app(simulation: Simulation) -> Handler:
    """Return the handler that serves a simulation; results and errors are JSON.

    Serve it with `web.Server(reads_bodies=True)`.

    Assumed: 401 for a missing or wrong token, 404 for an unknown bot, 429 over the rate, 400 for wrong
    parameters, and the bodies of all of them.
    """
    return _Api(simulation)


class _Api:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._settings = simulation.settings
        self._random = Random(self._settings.seed)
        self._control = Control(simulation)
        self._bots = {bot.id: bot for bot in simulation.bots}

    async def __call__(self, request: Request) -> Response | None:
        found = _PATH.fullmatch(request.path)
        bot = self._bots.get(found[1]) if found else None
        if bot and (fault := self._simulation.faults.take(bot.name)):
            return await misbehave(fault, request)
        try:
            content = await self._answer(request, bot, found) if found else self._control.answer(request)
            return _json(200, content)
        except Refused as refused:
            return _json(refused.status, {"error": str(refused)}, refused.headers)

    async def _answer(self, request: Request, bot: SimulatedBot | None, path: re.Match[str]) -> Json:
        """Return a page of rows, or a number; that a page is a JSON array is assumed.

        `limit`, `skip` and `sort` of a count are checked, but change nothing (assumed).
        """
        if request.method != "GET":
            raise Refused("history can only be read", 405)
        if bot is None:
            raise Refused("no bot has this id", 404)
        await self._admit(request, bot)
        wanted = read_parameters(parse_qsl(request.query, keep_blank_values=True), self._settings)
        collection = cast("Collection", path[2])
        if path[3]:
            number = self._simulation.count(bot.name, collection, wanted.query)
            shape = self._settings.count_shape
            return number if shape == "bare" else {shape: number}
        page = self._simulation.page(
            bot.name, collection, wanted.query, sort=wanted.sort, skip=wanted.skip, limit=wanted.limit
        )
        return cast("Json", page)

    async def _admit(self, request: Request, bot: SimulatedBot) -> None:
        """Check the token of a request, let it take its time, and refuse what exceeds the rate."""
        if request.headers.get("Authorization") != f"Bot-Server-Access-Token {bot.token.reveal()}":
            raise Refused("the Authorization header does not have this bot's token", 401)
        settings = self._settings
        wait = self._simulation.admit(bot.name)
        if settings.throttle and self._random.random() < settings.throttle:
            wait = max(wait, 1)
        await asyncio.sleep(settings.latency + self._random.uniform(0.0, settings.jitter))
        if wait:
            until = formatdate(self._simulation.wall() + wait, usegmt=True)
            text = str(wait) if settings.retry_after == "seconds" else until
            raise Refused("too many requests", 429, (("Retry-After", text),))


def _json(status: int, content: Json, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")
    return Response(status, body, (("Content-Type", "application/json"), *headers))
