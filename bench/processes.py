"""Starts what is measured from outside: the responder, a daemon, a bare interpreter."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

BARE: Final = "import requests, prometheus_client, yaml, schedule"
"""What any exporter written with the four packages of the card begins with."""

ENVIRON: Final = {"BENCH_ID": "5990b7b5d57ae86c1b2dfd6e", "BENCH_TOKEN": "made-up-token"}

_PATIENCE: Final = 60.0


@contextmanager
def responder() -> Iterator[str]:
    """Run the responder in a process of its own; gives the URL of its API."""
    with _ended(
        subprocess.Popen([sys.executable, "-m", "bench.responder"], stdout=subprocess.PIPE)
    ) as process:
        yield f"http://127.0.0.1:{int(_first_line(process))}/v1"


def configuration(url: str, queries: int, values: int) -> str:
    """Return a configuration with so many queries of so many series, each asked every second."""
    lines = [
        f"api: {{url: {url}, rate: none}}",
        "max_series: 100000",
        "bots: [{name: main, id: {env: BENCH_ID}, token: {env: BENCH_TOKEN}}]",
        "defaults: {every: 1s, stale_after: 1d}",
        "queries:",
    ]
    labels = ", ".join(f"value_{number}" for number in range(values))
    for number in range(queries):
        lines += [
            f"  - name: query_{number}",
            "    collection: conversations",
            f"    labels: {{channel: [{labels}]}}",
            '    query: {Data.channel.ProviderName: "{channel}"}',
        ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that listens."""

    pid: int
    address: str

    def get(self, path: str) -> tuple[int, bytes]:
        """Return the status and body of one answer."""
        connection = http.client.HTTPConnection(self.address, timeout=_PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def until_ready(self) -> None:
        """Wait until every query has been asked; raise TimeoutError where that takes too long."""
        limit = time.monotonic() + _PATIENCE
        while (answer := self.get("/-/ready"))[0] != 200:
            if time.monotonic() > limit:
                raise TimeoutError(answer[1].decode())
            time.sleep(0.1)


@contextmanager
def daemon(config: str) -> Iterator[Running]:
    """Run the daemon with a configuration; gives it as soon as it listens."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(config, "utf-8")
        command = [sys.executable, "-m", "exporter", "run", f"--config.file={file}"]
        process = subprocess.Popen(
            [*command, "--web.listen-address=127.0.0.1:0", "--log.format=json"],
            stderr=subprocess.PIPE,
            env={**os.environ, **ENVIRON},
        )
        with _ended(process):
            assert process.stderr is not None
            events = (json.loads(line) for line in process.stderr)
            address = next(event["address"] for event in events if event["msg"] == "listening")
            yield Running(process.pid, address)


@contextmanager
def bare() -> Iterator[int]:
    """Run an interpreter that has imported the four packages and waits; gives its process id."""
    script = f"{BARE}; print(flush=True); input()"
    pipe = subprocess.PIPE
    with _ended(subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe)) as process:
        _first_line(process)
        yield process.pid


def resident(pid: int) -> float:
    """Return the memory a process holds, in MB of 1,000,000 bytes."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE)
