"""Scrapes are answered while other clients keep connections and never finish."""

from __future__ import annotations

import csv
import http.client
import json
import resource
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.flow.stopwatch import Stopwatch

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

HALF_OPEN = 2000
SILENT = 200
SCRAPES = 100
LONGEST = 10.0
"""Seconds: the default of Prometheus for a scrape. Time in which the machine stood still is not counted."""

PATIENCE = 30.0

DESCRIPTORS = HALF_OPEN + 500
ATTACKS = {
    "slow headers": ("-H",),
    "slow bodies": ("-B", "-s", "4096"),
    "slow reading": ("-X", "-w", "10", "-y", "20", "-n", "1", "-z", "5", "-k", "5"),
}


@pytest.fixture(autouse=True, scope="module")
def descriptors() -> Iterator[None]:
    """Allow this process, and those it starts, a descriptor for each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= DESCRIPTORS
    assert enough, f"{HALF_OPEN} connections need more descriptors: raise ulimit -Hn to {DESCRIPTORS}"
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, DESCRIPTORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def start(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Callable[..., dict[str, Any]],
) -> Callable[..., Running]:
    def start(*flags: str) -> Running:
        chat = nativechat()
        return exporter(chat.config([query()]), *flags, env=chat.environ)

    return start


def where(running: Running) -> tuple[str, int]:
    host, port = running.address.split(":")
    return host, int(port)


def scrape(running: Running, tls: ssl.SSLContext | None = None) -> float:
    """Scrape over a connection of its own; return the seconds it took."""
    began = time.monotonic()
    host, port = where(running)
    connection = (
        http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=tls)
        if tls
        else http.client.HTTPConnection(host, port, timeout=PATIENCE)
    )
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        assert b"\nnativechat_up{" in answer.read()
    finally:
        connection.close()
    return time.monotonic() - began


def hold(stack: ExitStack, running: Running, number: int, said: bytes) -> None:
    """Open so many connections, and send the same on each, but no more."""
    for _ in range(number):
        client = stack.enter_context(socket.create_connection(where(running), timeout=PATIENCE))
        client.sendall(said)


def tell(figure: str) -> None:
    print(figure)  # noqa: T201 - pytest -s shows what it came to on this machine


def slowest(what: str, running: Running, tls: ssl.SSLContext | None = None) -> float:
    with Stopwatch() as stopwatch:
        took = sorted(scrape(running, tls) for _ in range(SCRAPES))
    tell(f"{SCRAPES} scrapes beside {what}: median {took[SCRAPES // 2]:.3f} s, slowest {took[-1]:.3f} s")
    return took[-1] - stopwatch.longest_halt


def test_two_thousand_half_open_connections_leave_scrapes_answering(start: Callable[..., Running]) -> None:
    running = start()
    with ExitStack() as stack:
        hold(stack, running, HALF_OPEN, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert slowest(f"{HALF_OPEN} half-open connections", running) < LONGEST
    assert running.end() == 0


def test_two_hundred_silent_tls_connections_leave_scrapes_answering(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    file = tmp_path / "web.yaml"
    file.write_text(json.dumps({"tls_server_config": {"cert_file": "both.pem", "key_file": "both.pem"}}))
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    running = start(f"--web.config.file={file}")
    with ExitStack() as stack:
        hold(stack, running, SILENT, b"")
        assert slowest(f"{SILENT} silent TLS connections", running, tls) < LONGEST
    assert running.end() == 0


def test_slowhttptest_finds_the_service_available_throughout_all_its_attacks_at_once(
    start: Callable[..., Running], installed: Callable[[str, str], str], tmp_path: Path
) -> None:
    program = installed("slowhttptest", "slowhttptest")
    running = start()
    common = ["-c", "400", "-r", "200", "-l", "6", "-i", "1", "-p", "3", "-v", "1"]
    common += ["-u", f"http://{running.address}/metrics", "-g", "-o"]
    took = []
    with Stopwatch() as stopwatch:
        attackers = {
            name: subprocess.Popen(
                [program, *flags, *common, str(tmp_path / name)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for name, flags in ATTACKS.items()
        }
        while any(attacker.poll() is None for attacker in attackers.values()):
            took.append(scrape(running))
            time.sleep(0.05)
        said = {name: attacker.communicate()[0] for name, attacker in attackers.items()}
    tell(f"{len(took)} scrapes beside all attacks: slowest {max(took):.3f} s")
    assert max(took) - stopwatch.longest_halt < LONGEST
    for name in ATTACKS:
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            seconds = list(csv.DictReader(file))
        assert seconds, said[name]
        unavailable = sum(int(second["Service Available"]) == 0 for second in seconds)
        assert unavailable <= round(stopwatch.longest_halt), said[name]
        assert max(int(second["Connected"]) for second in seconds) > 0, seconds
    assert running.end() == 0
