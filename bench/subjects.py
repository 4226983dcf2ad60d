"""Starts what is measured and the API, each as a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.pages import Reader
from bench.processes import Subject, first_line, resident, serving, talking


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the responder answered: when it came, when its response left, its target."""

    came: float
    left: float
    target: str


@dataclass(frozen=True, slots=True)
class Responder:
    """The API, in a process of its own."""

    port: int

    @property
    def url(self) -> str:
        """The URL of the API."""
        return f"http://127.0.0.1:{self.port}/v1"

    def log(self) -> list[Request]:
        """Return the requests since this was called last."""
        with Reader(self.port) as reader:
            return [Request(*entry) for entry in json.loads(reader.read("/-/log"))]


@contextmanager
def responder(latency: float = 0.0) -> Iterator[Responder]:
    """Run an API that answers each request after `latency` seconds."""
    with talking(sys.executable, "-m", "bench.responder", str(latency)) as process:
        yield Responder(int(first_line(process)))


def ours(config: str) -> AbstractContextManager[Subject]:
    """Run the exporter."""

    def command(file: Path, port: int) -> Sequence[str]:
        address = f"--web.listen-address=127.0.0.1:{port}"
        return [sys.executable, "-m", "exporter", "run", f"--config.file={file}", address]

    return serving(command, config)


def script(config: str) -> AbstractContextManager[Subject]:
    """Run the script one would write by hand."""

    def command(file: Path, port: int) -> Sequence[str]:
        return [sys.executable, "-m", "bench.baseline", str(file), str(port)]

    return serving(command, config)


def pair(stack: ExitStack, config: str) -> dict[str, Subject]:
    """Run both with one configuration until `stack` is closed."""
    return {"ours": stack.enter_context(ours(config)), "script": stack.enter_context(script(config))}


def imports() -> float:
    """Return the memory of an interpreter that has imported the script's four packages, in bytes."""
    packages = "import requests, prometheus_client, yaml, schedule"
    with talking(sys.executable, "-c", f"{packages}; print(flush=True); input()") as process:
        first_line(process)
        return resident(process.pid)
