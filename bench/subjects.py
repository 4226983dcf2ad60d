"""What is measured and what stands beside it, each with the command that starts it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import configs
from bench.floor import IMPORTS
from bench.pages import Reader
from bench.processes import Subject, first_line, serving, talking

_CHANNELS: Final = 10
_ES_ALSO_EXPORTS: Final = (
    "cluster-health",
    "nodes-stats",
    "indices-aliases",
    "indices-mappings",
    "indices-stats",
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the responder answered: when it came, when its answer left, what it asked."""

    came: float
    left: float
    target: str


@dataclass(frozen=True, slots=True)
class Responder:
    """The API, in a process of its own."""

    port: int

    @property
    def api(self) -> str:
        """The URL of the API."""
        return f"http://127.0.0.1:{self.port}/v1"

    def log(self) -> list[Request]:
        """Return what was asked since this was called last."""
        with Reader(self.port) as reader:
            return [Request(*entry) for entry in json.loads(reader.read("/-/log"))]


@contextmanager
def responder(latency: float = 0.0) -> Iterator[Responder]:
    """Run an API that answers each request after `latency` seconds."""
    with talking(sys.executable, "-m", "bench.responder", f"--latency={latency}") as process:
        yield Responder(int(first_line(process)))


def ours(config: str) -> AbstractContextManager[Subject]:
    """Run the exporter."""

    def command(folder: Path, port: int) -> Sequence[str]:
        file = _written(folder / "config.yaml", config)
        address = f"--web.listen-address=127.0.0.1:{port}"
        return [sys.executable, "-m", "exporter", "run", f"--config.file={file}", address]

    return serving(command)


def baseline(config: str) -> AbstractContextManager[Subject]:
    """Run the script one would write by hand."""

    def command(folder: Path, port: int) -> Sequence[str]:
        return [
            sys.executable,
            "-m",
            "bench.baseline",
            str(_written(folder / "config.yaml", config)),
            str(port),
        ]

    return serving(command)


def static(exporter: Subject) -> AbstractContextManager[Subject]:
    """Run the exporter's web server with its page of this moment and nothing else, compressed in advance."""
    page = exporter.page()
    with Reader(exporter.port) as reader:
        packed = reader.read()

    def command(folder: Path, port: int) -> Sequence[str]:
        plain, zipped = folder / "page", folder / "page.gz"
        plain.write_bytes(page)
        zipped.write_bytes(packed)
        return [sys.executable, "-m", "bench.floor", "static", str(plain), str(zipped), str(port)]

    return serving(command)


def es_exporter(
    program: Path, responder: Responder, queries: int, every: int
) -> AbstractContextManager[Subject]:
    """Run prometheus-es-exporter, with the responder as its Elasticsearch; two lines of its page a count."""

    def command(folder: Path, port: int) -> Sequence[str]:
        file = _written(folder / "es.cfg", configs.es_exporter(queries, every))
        cluster = f"--es-cluster=http://127.0.0.1:{responder.port}"
        off = [f"--{more}-disable" for more in _ES_ALSO_EXPORTS]
        return [
            str(program),
            f"--port={port}",
            cluster,
            f"--config-file={file}",
            f"--config-dir={folder}",
            "--log-level=WARNING",
            *off,
        ]

    return serving(command, lines=2)


def query_exporter(program: Path, queries: int, every: int) -> AbstractContextManager[Subject]:
    """Run query-exporter on a small SQLite database of ten channels."""

    def command(folder: Path, port: int) -> Sequence[str]:
        database = folder / "history.db"
        with closing(sqlite3.connect(database)) as history, history:
            history.execute("CREATE TABLE conversations (channel TEXT)")
            rows = [(f"channel-{number % _CHANNELS}",) for number in range(100)]
            history.executemany("INSERT INTO conversations VALUES (?)", rows)
        file = _written(folder / "config.yaml", configs.query_exporter(database, queries, every))
        return [str(program), "--host=127.0.0.1", f"--port={port}", f"--config={file}"]

    return serving(command)


@contextmanager
def bare() -> Iterator[int]:
    """Run an interpreter that has imported the four packages and waits; gives its process id."""
    with talking(sys.executable, "-c", f"{IMPORTS}; print(flush=True); input()") as process:
        first_line(process)
        yield process.pid


class Loop:
    """A bare operation that is repeated as often as it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def microseconds(self, times: int) -> float:
        """Return the CPU that one operation takes, from so many."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{times}\n")
        self._process.stdin.flush()
        return float(first_line(self._process))


@contextmanager
def loop(name: str, url: str) -> Iterator[Loop]:
    """Run one of the loops of `bench.floor`."""
    with talking(sys.executable, "-m", "bench.floor", name, url) as process:
        first_line(process)
        yield Loop(process)


def _written(file: Path, text: str) -> Path:
    file.write_text(text, "utf-8")
    return file
