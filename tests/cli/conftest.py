"""The command line, and a simulated NativeChat to use it with."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from typing import Any, Literal
from urllib.parse import parse_qs

import pytest

from exporter.cli import main
from exporter.clock import SystemClock
from exporter.handler import Handler, Request, Response
from exporter.simulator.api import app
from exporter.simulator.bots import simulated_bots
from exporter.simulator.settings import Settings
from exporter.simulator.simulation import Simulation
from exporter.web.server import Server, listen

PATIENCE = 30.0

KeptBack = int | Literal["count"]
"""The number in a page's URL, or the count."""

QUERIES = """\
queries:
  - name: conversations
    collection: conversations
  - name: by_channel
    collection: conversations
    labels: {channel: [facebook, viber, darvin]}
    query: {Data.channel.ProviderName: "{channel}"}
  - name: messages
    collection: messages
"""


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's environment variables out of the tests."""
    for name in os.environ:
        if name.startswith("NATIVECHAT_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Restore logging: a command sends it to a standard error that is closed with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """Unblock the signals that a command has blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture
def typed(capfd: pytest.CaptureFixture[str]) -> Callable[..., CompletedProcess[str]]:
    """Run a command in this process, as `nativechat-exporter …` would."""

    def run(*words: str | Path) -> CompletedProcess[str]:
        code = main([str(word) for word in words])
        return CompletedProcess(words, code, *capfd.readouterr())

    return run


@pytest.fixture
def started() -> Iterator[Callable[..., Popen[str]]]:
    """Start a command in a process of its own."""
    with ExitStack() as stack:

        def start(*words: str | Path, stdout: int = PIPE, stderr: int = PIPE) -> Popen[str]:
            command = [sys.executable, "-m", "exporter", *map(str, words)]
            process = Popen(command, stdout=stdout, stderr=stderr, encoding="utf-8")
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], str]]:
    """Serve a handler until the test's end; gives the URL of an API there."""
    with ExitStack() as stack:

        def served(handler: Handler) -> str:
            listener = listen("127.0.0.1:0")
            server = Server(handler, [listener], name="nativechat")
            server.start()
            stack.callback(server.stop, 2.0)
            return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

        yield served


@pytest.fixture
def nativechat(
    serve: Callable[[Handler], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Simulation, Path]]:
    """Serve a simulation with fixed data; yields it, and a configuration for it.

    `wire` is `api.dates`. `around` returns the handler to serve in place of the simulation's own.
    """

    def made(
        bots: int = 1,
        wire: str = "iso",
        around: Callable[[Handler, Simulation], Handler] = lambda handler, _: handler,
        **switches: Any,
    ) -> tuple[Simulation, Path]:
        settings = Settings(**{"growth": 0, "history": 240, **switches})
        simulation = Simulation(settings, simulated_bots(bots), SystemClock())
        url = serve(around(app(simulation), simulation))
        lines = [f"api: {{url: {url}, rate: none, retries: 0, timeout: 5s, dates: {wire}}}", "bots:"]
        for bot in simulation.bots:
            variable = f"TOKEN_{bot.name.upper()}"
            monkeypatch.setenv(variable, bot.token.reveal())
            lines.append(f"  - {{name: {bot.name}, id: '{bot.id}', token: {{env: {variable}}}}}")
        return simulation, _written(tmp_path, lines)

    return made


class Pages:
    """An API with many pages; it sets `kept_back` before a certain page, and waits for `go_on`."""

    def __init__(self, pages: int, keep_back: KeptBack | None, text: str) -> None:
        self.kept_back = threading.Event()
        self.go_on = threading.Event()
        self._pages = pages
        self._keep_back = keep_back
        self._text = text

    async def __call__(self, request: Request) -> Response:
        if request.path.endswith("/_count"):
            await self._perhaps_keep_back("count")
            return Response(200, json.dumps({"count": self._pages * 100}).encode())
        (skip,) = map(int, parse_qs(request.query)["skip"])
        await self._perhaps_keep_back(skip // 100)
        rows = range(skip, min(skip + 100, self._pages * 100))
        # Escaped, as half an emoji can be sent in no other way.
        page = json.dumps([{"_id": row, "Text": self._text} for row in rows])
        return Response(200, page.encode(), (("Content-Type", "application/json"),))

    async def _perhaps_keep_back(self, asked: KeptBack) -> None:
        if asked == self._keep_back:
            self.kept_back.set()
            await asyncio.to_thread(self.go_on.wait, PATIENCE)


@pytest.fixture
def paged(
    serve: Callable[[Handler], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[threading.Event, threading.Event, Path]]]:
    """Serve pages of 100 rows; yields `kept_back`, `go_on`, and a configuration for it."""
    with ExitStack() as stack:

        def made(
            pages: int, *, keep_back: KeptBack | None = None, text: str = ""
        ) -> tuple[threading.Event, threading.Event, Path]:
            api = Pages(pages, keep_back, text)
            lines = [
                "api: {url: " + serve(api) + ", rate: none, timeout: 30s}",
                "bots: [{name: main, id: 5990b7b5d57ae86c1b2dfd6e, token: {env: TOKEN}}]",
            ]
            stack.callback(api.go_on.set)
            monkeypatch.setenv("TOKEN", "made-up-token")
            return api.kept_back, api.go_on, _written(tmp_path, lines)

        yield made


def _written(folder: Path, lines: list[str]) -> Path:
    config = folder / "config.yaml"
    config.write_text("\n".join([*lines, QUERIES]), "utf-8")
    return config
