"""The whole program, started as a user starts it, and a simulated NativeChat."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.clock import SystemClock
from exporter.simulator.api import app
from exporter.simulator.bots import simulated_bots
from exporter.simulator.settings import Settings
from exporter.simulator.simulation import Simulation
from exporter.web.server import Server, address_of, listen

Found = TypeVar("Found")

PATIENCE = 30.0
"""Seconds to wait for what takes one or two; less than the minute after which hanging requests time out."""

_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


class Never(AssertionError):
    """The condition did not hold in time."""


def eventually(look: Callable[[], Found | None], within: float = PATIENCE) -> Found:
    """Return the first truthy thing that `look` finds."""
    give_up = time.monotonic() + within
    while True:
        if found := look():
            return found
        if time.monotonic() > give_up:
            raise Never(f"not within {within:g} s")
        time.sleep(0.05)


class Metrics:
    """One scrape, parsed by prometheus-client."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the values of all samples with these labels, and any others."""
        return [s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the one value with these labels, None where there is no sample."""
        found = self.values(name, **labels)
        assert len(found) <= 1, (name, labels, found)
        return found[0] if found else None

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """Return the values of a metric by one of its labels."""
        found = [s for s in self.samples if s.name == name and labels.items() <= s.labels.items()]
        return {sample.labels[label]: sample.value for sample in found}


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: http.client.HTTPMessage
    text: str


class Running:
    """The command as a process of its own; its output goes to files."""

    def __init__(self, arguments: tuple[str, ...], home: Path, environ: Mapping[str, str]) -> None:
        self.home = home
        self._out, self._err = home / "stdout", home / "stderr"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "exporter", *arguments], cwd=home, env=environ, stdout=out, stderr=err
            )

    @property
    def output(self) -> str:
        """All of its standard output and standard error."""
        return self._out.read_text("utf-8") + self._err.read_text("utf-8")

    def log(self, msg: str, **fields: str) -> list[dict[str, str]]:
        """Return the log's whole lines with this message and these fields."""
        lines = [
            {name: json.loads(text) if text[:1] == '"' else text for name, text in _PAIR.findall(line)}
            for line in self._err.read_text("utf-8").splitlines(keepends=True)
            if line.endswith("\n")
        ]
        return [line for line in lines if line.get("msg") == msg and fields.items() <= line.items()]

    def logged(self, msg: str, times: int = 1, **fields: str) -> list[dict[str, str]]:
        """Wait for so many of these lines: each is written a moment after its event."""

        def enough() -> list[dict[str, str]] | None:
            lines = self.log(msg, **fields)
            return lines if len(lines) >= times else None

        return eventually(enough)

    @property
    def address(self) -> str:
        """The address at which it listens; waits until it does."""

        def listening() -> list[dict[str, str]]:
            assert self.process.poll() is None, self.output
            return self.log("listening")

        return eventually(listening)[0]["address"]

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()

    parse = Metrics

    def metrics(self) -> Metrics:
        answer = self.ask("/metrics")
        assert answer.status == 200, answer.text
        return self.parse(answer.text)

    def until(self, holds: Callable[[Metrics], object], within: float = PATIENCE) -> Metrics:
        """Return the first scrape of which `holds` is true."""
        last: list[Metrics] = []

        def look() -> Metrics | None:
            last[:] = [self.metrics()]
            return last[0] if holds(last[0]) else None

        try:
            return eventually(look, within)
        except Never as error:
            shown = "\n".join(line for line in last[0].text.splitlines() if line.startswith("nativechat"))
            raise Never(f"{error}:\n{shown}\n{self.output}") from None

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the process to end, for less than a minute, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class Chat:
    """A simulated NativeChat on a free port, and configurations for it."""

    def __init__(self, simulation: Simulation, url: str) -> None:
        self.simulation = simulation
        self.url = url
        self.names = [bot.name for bot in simulation.bots]
        self.tokens = [bot.token.reveal() for bot in simulation.bots]
        self.environ = {f"TOKEN_{bot.name}": bot.token.reveal() for bot in simulation.bots}

    def config(self, queries: list[dict[str, Any]], **api: object) -> dict[str, Any]:
        """Return a configuration with these queries for every bot, each second."""
        return {
            "api": {"url": self.url, "timeout": "10s", "rate": "none", **api},
            "bots": [
                {"name": bot.name, "id": bot.id, "token": {"env": f"TOKEN_{bot.name}"}}
                for bot in self.simulation.bots
            ],
            "defaults": {"every": "1s", "stale_after": "30s"},
            "queries": queries,
        }


class StartExporter(Protocol):
    def __call__(
        self, config: dict[str, Any] | str | Path, *flags: str, command: str = "run", env: Mapping[str, str]
    ) -> Running: ...


def query(name: str = "conversations", **keys: Any) -> dict[str, Any]:
    return {"name": name, "help": "Counted.", "collection": "conversations", **keys}


@pytest.fixture(name="query", scope="session")
def _query() -> Callable[..., dict[str, Any]]:
    """Make a query; it counts all conversations by default."""
    return query


@pytest.fixture(name="eventually", scope="session")
def _eventually() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="session")
def plain_environ() -> dict[str, str]:
    """This process's environment without variables that change the exporter."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("NATIVECHAT") and name.lower() not in proxies
    }


@pytest.fixture(scope="module")
def exporter(
    tmp_path_factory: pytest.TempPathFactory, plain_environ: dict[str, str]
) -> Iterator[StartExporter]:
    """Start `run` with a configuration, on a free port; stop it at the end of the module."""
    started: list[Running] = []

    def start(
        config: dict[str, Any] | str | Path, *flags: str, command: str = "run", env: Mapping[str, str]
    ) -> Running:
        home = tmp_path_factory.mktemp("exporter")
        file = config if isinstance(config, Path) else home / "config.yaml"
        if not isinstance(config, Path):
            # JSON is YAML, and spares the tests a second way to write it.
            file.write_text(config if isinstance(config, str) else json.dumps(config, indent=1), "utf-8")
        arguments = (command, f"--config.file={file}", "--web.listen-address=127.0.0.1:0", *flags)
        started.append(Running(arguments, home, {**plain_environ, **env}))
        return started[-1]

    yield start
    for running in started:
        running.process.terminate()
    for running in started:
        try:
            running.process.wait(PATIENCE)
        finally:
            running.process.kill()


@pytest.fixture(scope="module")
def nativechat() -> Iterator[Callable[..., Chat]]:
    """Serve a simulated NativeChat; its data does not grow by default."""
    with ExitStack() as stack:

        def start(bots: int = 1, **switches: Any) -> Chat:
            simulation = Simulation(
                Settings(**({"growth": 0.0} | switches)), simulated_bots(bots), SystemClock()
            )
            listener = listen("127.0.0.1:0")
            server = Server(app(simulation), [listener], name="simulator", reads_bodies=True)
            server.start()
            stack.callback(server.stop, 2.0)
            return Chat(simulation, f"http://{address_of(listener)}/v1")

        yield start


@pytest.fixture(scope="session")
def installed() -> Callable[[str, str], str]:
    """Find a program of a Debian package."""

    def find(program: str, package: str) -> str:
        path = shutil.which(program)
        assert path, f"{program} is missing: install Debian's package {package} (make test does)"
        return path

    return find
