"""The documented HTTP endpoints: lists of conversations and messages, and their counts."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from email.utils import formatdate
from random import Random
from typing import Final, cast
from urllib.parse import parse_qsl

from exporter.handler import Handler, Request, Response
from exporter.model import Collection, Json
from exporter.simulator.bots import SimulatedBot
from exporter.simulator.control import Control, Refused
from exporter.simulator.dates import BadRequest
from exporter.simulator.misbehaviour import Misbehaving
from exporter.simulator.parameters import Parameters, read_parameters
from exporter.simulator.settings import CountShape
from exporter.simulator.simulation import Simulation

_PATH: Final = re.compile(r"/v1/bots/([^/]+)/(conversations|messages)(/_count)?")


def app(simulation: Simulation) -> Handler:
    """Return the handler that serves a simulation; results and errors are JSON.

    Serve it with `web.Server(reads_bodies=True)`.

    Assumed: 401 for a missing or wrong token, 404 for an unknown bot, 429 over the rate, 400 for wrong
    parameters, and the bodies of all of them.
    """
    return Misbehaving(_Api(simulation), simulation.faults, simulation.bot_of_path)


class _Api:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._settings = simulation.settings
        self._random = Random(self._settings.seed)  # noqa: S311 - only varies latencies
        self._control = Control(simulation)

    async def __call__(self, request: Request) -> Response:
        try:
            return _json(200, await self._answer(request))
        except BadRequest as error:
            return _json(400, {"error": str(error)})
        except Refused as refused:
            return _json(refused.status, {"error": refused.reason}, refused.headers)

    async def _answer(self, request: Request) -> Json:
        if found := _PATH.fullmatch(request.path):
            if request.method != "GET":
                raise Refused(405, "history can only be read")
            bot_id, collection, count = found.groups()
            answer = self._count if count else self._rows
            return answer(*await self._admit(request, bot_id, cast("Collection", collection)))
        return self._control.answer(request)

    def _count(self, bot: SimulatedBot, collection: Collection, parameters: Parameters) -> Json:
        """Return a number; `limit`, `skip` and `sort` are checked, but change nothing (assumed)."""
        number = self._simulation.count(bot.name, collection, parameters.query)
        return _shaped(number, self._settings.count_shape)

    def _rows(self, bot: SimulatedBot, collection: Collection, parameters: Parameters) -> Json:
        """Return a page of rows; that it is a JSON array is assumed."""
        page = self._simulation.page(
            bot.name,
            collection,
            parameters.query,
            sort=parameters.sort,
            skip=parameters.skip,
            limit=parameters.limit,
        )
        return cast("Json", page)

    async def _admit(
        self, request: Request, bot_id: str, collection: Collection
    ) -> tuple[SimulatedBot, Collection, Parameters]:
        """Check bot, token, rate and parameters of a request, and return what it asks for."""
        try:
            bot = self._simulation.bot_with_id(bot_id)
        except KeyError:
            raise Refused(404, "no bot has this id") from None
        _authenticate(request, bot)
        wait = self._simulation.admit(bot.name)
        if self._settings.throttle and self._random.random() < self._settings.throttle:
            wait = max(wait, 1)
        await asyncio.sleep(self._settings.latency + self._random.uniform(0.0, self._settings.jitter))
        if wait:
            raise Refused(429, "too many requests", (("Retry-After", self._retry_after(wait)),))
        items = parse_qsl(request.query, keep_blank_values=True)
        return bot, collection, read_parameters(items, self._settings)

    def _retry_after(self, seconds: int) -> str:
        if self._settings.retry_after == "seconds":
            return str(seconds)
        return formatdate(self._simulation.wall() + seconds, usegmt=True)


def _authenticate(request: Request, bot: SimulatedBot) -> None:
    sent = request.headers.get("Authorization", "").encode("latin-1")
    if not hmac.compare_digest(sent, f"Bot-Server-Access-Token {bot.token.reveal()}".encode()):
        raise Refused(401, "the Authorization header does not have this bot's token")


def _shaped(number: int, shape: CountShape) -> Json:
    return number if shape == "bare" else {shape: number}


def _json(status: int, content: Json, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, (("Content-Type", "application/json"), *headers))
