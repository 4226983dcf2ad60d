"""A simulation on a clock that stands still, served over real HTTP on a free port."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from exporter.simulator.api import app
from exporter.simulator.bots import SimulatedBot, simulated_bots
from exporter.simulator.settings import Settings
from exporter.simulator.simulation import Simulation
from exporter.web.server import Server, listen
from tests.clock import FakeClock

TIME_LIMIT = 20.0


@dataclass(frozen=True)
class Answer:
    """A response over HTTP."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A simulation, and the port it answers on."""

    simulation: Simulation
    clock: FakeClock
    port: int

    @property
    def bot(self) -> SimulatedBot:
        return self.simulation.bots[0]

    def send(self, method: str, path: str, headers: dict[str, str], body: str | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIME_LIMIT)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def path(self, tail: str, **parameters: object) -> str:
        texts = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()
        }
        return f"/v1/bots/{self.bot.id}/{tail}" + (f"?{urlencode(texts)}" if texts else "")

    def get(self, tail: str, **parameters: object) -> Answer:
        """Ask as the first bot, with the documented headers; values that are no text go as JSON."""
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bot-Server-Access-Token {self.bot.token.reveal()}",
        }
        return self.send("GET", self.path(tail, **parameters), headers)

    def control(self, request_line: str, order: object = None) -> Answer:
        """Send an order, such as "PUT faults", to the simulator itself."""
        method, path = request_line.split()
        return self.send(method, f"/-/{path}", {}, None if order is None else json.dumps(order))

    def rows(self, collection: Any) -> list[dict[str, Any]]:
        """Every row as answers show it, past the API."""
        return self.simulation.page(self.bot.name, collection, limit=10**9)


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(bots: int = 1, **switches: Any) -> Served:
            clock = FakeClock()
            simulation = Simulation(Settings(**switches), simulated_bots(bots), clock)
            listener = listen("127.0.0.1:0")
            server = Server(app(simulation), [listener], name="simulator", reads_bodies=True)
            server.start()
            stack.callback(server.stop, 2.0)
            return Served(simulation, clock, listener.getsockname()[1])

        yield start


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()
