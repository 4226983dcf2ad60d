"""A compressed week: a real daemon under random faults, reloads and clock steps, watched by an oracle.

Every count that the fault server gives is a number of its own, given only once. So for each value on
/metrics the oracle knows which bot and predicate it was given for, and when; a number from a faulty
answer must never be seen at all. Run with `make soak`, or `python tools/soak.py --seconds 300`.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import itertools
import json
import multiprocessing
import os
import random
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client.parser import text_string_to_metric_families

from exporter.clock import SystemClock
from exporter.daemon.hall import Daemon, Options
from exporter.daemon.service import WebOptions, serve
from exporter.logs import set_up

BOTS = 6
QUERIES = 12
LABEL_VALUES = 4
STALE_AFTER = 4.0
SLACK = 0.5
"""Seconds between the moment a value is given or scraped and the moment the oracle notes it."""

TOKEN = "soak-token-that-must-never-be-seen"  # noqa: S105 - made up


@dataclass(frozen=True)
class Given:
    """A count that the API gave, for what and when; `good` unless the answer was a faulty one."""

    bot: str
    predicate: str
    when: float
    good: bool


@dataclass
class Oracle:
    """Knows every number that was ever given."""

    given: dict[int, Given] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def give(self, bot: str, predicate: str, *, good: bool) -> int:
        """Return a number that was never given before."""
        number = next(self.numbers)
        self.given[number] = Given(bot, predicate, time.monotonic(), good)
        return number

    def fault_of(self, value: float, bot: str, predicate: str, now: float) -> str:
        """Return what is wrong with an exposed value; nothing, if it is right."""
        given = self.given.get(int(value))
        if given is None or value != int(value):
            return "was never given"
        if not given.good:
            return "is from a faulty answer"
        if (given.bot, given.predicate) != (bot, predicate):
            return f"was given for {given.bot} and {given.predicate}"
        if now - given.when > STALE_AFTER + SLACK:
            return f"is {now - given.when:.1f} s old"
        return ""


# The API: each connection on a thread of its own, each answer good or one of many faults.


class Api:
    """A fault server on a free port; `trouble` is the share of requests that go wrong."""

    def __init__(self, oracle: Oracle, seed: int) -> None:
        self.trouble = 0.3
        self.answers = 0
        self._oracle = oracle
        self._random = random.Random(seed)  # noqa: S311 - faults, not secrets
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = "http://127.0.0.1:%d/v1" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while line := reader.readline():
                    while reader.readline() not in {b"\r\n", b""}:
                        pass
                    if not self._answer(connection, line.decode().split()[1]):
                        return
            except OSError:
                return

    def _answer(self, connection: socket.socket, target: str) -> bool:
        """Answer one request; return whether the connection is good for another."""
        self.answers += 1
        url = urlsplit(target)
        bot = url.path.split("/")[3]
        predicate = parse_qs(url.query).get("query", [""])[0]
        good = self._random.random() >= self.trouble
        number = self._oracle.give(bot, predicate, good=good)
        if good:
            connection.sendall(_answer(b'{"count": %d}' % number))
            return True
        fault = self._random.choice(FAULTS)
        fault(connection, number)
        return False


def _answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _sending(make: Callable[[int], bytes]) -> Callable[[socket.socket, int], None]:
    return lambda connection, number: connection.sendall(make(number))


def _status(status: str, *headers: str) -> Callable[[socket.socket, int], None]:
    return _sending(lambda number: _answer(b'{"count": %d}' % number, status, *headers))


def _body(template: str) -> Callable[[socket.socket, int], None]:
    return _sending(lambda number: _answer(template.replace("N", str(number)).encode()))


def _hang(connection: socket.socket, number: int) -> None:  # noqa: ARG001 - it says nothing
    time.sleep(2.0)


def _drip(connection: socket.socket, number: int) -> None:
    for byte in _answer(b'{"count": %d}' % number):
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def _reset(connection: socket.socket, number: int) -> None:
    connection.sendall(_answer(b'{"count": %d}' % number)[:-3])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _endless(connection: socket.socket, number: int) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"count": %d' % number)
    for _ in range(100):
        connection.sendall(b" " * 4096)


FAULTS: tuple[Callable[[socket.socket, int], None], ...] = (
    *map(_status, ("401 No", "403 No", "404 No", "400 No", "429 Slow", "500 No", "502 No", "503 No")),
    _status("429 Slow", "Retry-After: 1"),
    _status("302 Found", "Location: http://127.0.0.1:9/"),
    _status("204 No Content"),
    *map(_body, ("", "<p>N", '{"count":-N}', '{"count":N.5}', '{"count":"N"}', '{"count":true}', "[N]")),
    *map(_body, ('{"count":N,"Result":0}', '{"count":N,"error":"x"}', '{"Count":N,"Result":[]}', "Nx")),
    _sending(lambda number: _answer(b'{"count": %d}' % number)[:-2]),
    _sending(lambda number: _answer(b'{"count": %d} ' % number * 1)[:-9] + b"                    "),
    _sending(lambda number: b"SSH-2.0-nonsense\r\n%d" % number),
    _sending(
        lambda number: _answer(
            gzip.compress(b'{"count": %d}' % number + b" " * 10_000_000), "200 OK", "Content-Encoding: gzip"
        )
    ),
    _hang,
    _drip,
    _reset,
    _endless,
)


# The daemon, in a process of its own, with a wall clock that can be set.


class SteppedClock(SystemClock):
    """The machine's clocks, the wall clock off by so many seconds."""

    def __init__(self, offset: Any) -> None:
        super().__init__()
        self._offset = offset

    def wall(self) -> float:
        return super().wall() + float(self._offset.value)


def run_daemon(config: Path, log: Path, offset: Any) -> None:
    """Run a daemon as `run` does, logging to a file."""
    with log.open("w") as stream:
        os.dup2(stream.fileno(), sys.stderr.fileno())
    set_up("info", "logfmt")
    daemon = Daemon(Options(config, watch_interval=3600.0), {"T": TOKEN}, SteppedClock(offset))
    serve(daemon, WebOptions(("127.0.0.1:0",), enable_lifecycle=True))


# The driver: writes configurations, scrapes, compares.


@dataclass
class Setup:
    """What the daemon is configured to do, and what each of its series must therefore mean."""

    queries: dict[str, int]
    concurrency: int = 8

    def text(self, url: str) -> str:
        """Return the configuration file."""
        return json.dumps(
            {
                "api": {
                    "url": url,
                    "timeout": "400ms",
                    "retries": 1,
                    "rate": "none",
                    "concurrency": self.concurrency,
                },
                "bots": [{"name": f"b{n}", "id": f"{n:024x}", "token": {"env": "T"}} for n in range(BOTS)],
                "queries": [
                    {
                        "name": name,
                        "help": "Soaked.",
                        "collection": "conversations",
                        "every": "1s",
                        "stale_after": f"{STALE_AFTER:g}s",
                        "labels": {"channel": [f"c{n}" for n in range(LABEL_VALUES)]},
                        "query": {"version": version, "channel": "{channel}"},
                    }
                    for name, version in self.queries.items()
                ],
            }
        )

    def meaning(self, metric: str, labels: dict[str, str]) -> tuple[str, str] | None:
        """Return the bot id and predicate that a series stands for; None for one that must not be."""
        version = self.queries.get(metric.removeprefix("nativechat_"))
        if version is None:
            return None
        predicate = f'{{"version":{version},"channel":"{labels["channel"]}"}}'
        return f"{int(labels['bot'][1:]):024x}", predicate


@dataclass
class Toll:
    """What the soak found."""

    scrapes: int = 0
    compared: int = 0
    reloads: int = 0
    refused: int = 0
    steps: int = 0
    wrong: list[str] = field(default_factory=list)


class Driver:
    """Holds a daemon's reins."""

    def __init__(self, seed: int) -> None:
        self.toll = Toll()
        self.random = random.Random(seed)  # noqa: S311 - mischief, not secrets
        self.oracle = Oracle()
        self.api = Api(self.oracle, seed)
        self.setup = Setup({f"q{n}": 0 for n in range(QUERIES)})
        folder = Path(tempfile.mkdtemp(prefix="soak-"))
        self.file, self.log = folder / "config.yaml", folder / "log"
        self.file.write_text(self.setup.text(self.api.url))
        context = multiprocessing.get_context("spawn")
        self.offset = context.Value("d", 0.0)
        self.daemon = context.Process(target=run_daemon, args=(self.file, self.log, self.offset))
        self.daemon.start()
        self.port = self._port()

    def _port(self) -> int:
        for _ in range(200):
            text = self.log.read_text() if self.log.exists() else ""
            if found := re.search(r"address=127\.0\.0\.1:(\d+)", text):
                return int(found[1])
            time.sleep(0.1)
        raise SystemExit(f"the daemon did not start:\n{text}")

    def ask(self, method: str, path: str) -> tuple[int, str]:
        """Make one request of the daemon."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def scrape(self) -> int:
        """Compare every exposed count with the oracle; return how many there were."""
        _, text = self.ask("GET", "/metrics")
        now = time.monotonic()
        if TOKEN in text:
            self.toll.wrong.append("the token is in the metrics")
        before = self.toll.compared
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if "channel" not in sample.labels:
                    continue
                self.toll.compared += 1
                meant = self.setup.meaning(sample.name, sample.labels)
                fault = self.oracle.fault_of(sample.value, *meant, now) if meant else "must not be exposed"
                if fault:
                    self.toll.wrong.append(f"{sample.name}{sample.labels} = {sample.value:.0f} {fault}")
        self.toll.scrapes += 1
        return self.toll.compared - before

    def reload(self, setup: Setup) -> None:
        """Have another configuration loaded, and expect what it means from then on."""
        self.file.write_text(setup.text(self.api.url))
        status, text = self.ask("POST", "/-/reload")
        if status != 200:
            self.toll.wrong.append(f"a good configuration was refused: {text}")
            return
        self.setup = setup
        self.toll.reloads += 1

    def refuse(self) -> None:
        """Have a broken configuration refused, and expect nothing to change."""
        broken = self.setup.text(self.api.url)[: self.random.randrange(1, 400)] + "\n  every: never\n"
        self.file.write_text(broken)
        status, _ = self.ask("POST", "/-/reload")
        if status != 422:
            self.toll.wrong.append(f"a broken configuration was answered with {status}")
        self.toll.refused += 1

    def mischief(self) -> None:
        """Do something to the daemon, now and then."""
        dice = self.random.random()
        queries = dict(self.setup.queries)
        if dice < 0.10:
            queries[self.random.choice(list(queries))] = self.toll.scrapes
            self.reload(Setup(queries))
        elif dice < 0.14 and len(queries) > QUERIES // 2:
            queries.pop(self.random.choice(list(queries)))
            self.reload(Setup(queries))
        elif dice < 0.18 and len(queries) < QUERIES:
            queries |= {f"q{self.random.randrange(QUERIES)}": self.toll.scrapes}
            self.reload(Setup(queries))
        elif dice < 0.22:
            self.refuse()
        elif dice < 0.30:
            self.offset.value = self.random.choice([-3600.0, 0.0, 3600.0, 86_400.0 * 200])
            self.toll.steps += 1
        elif dice < 0.34:
            self.api.trouble = self.random.choice([0.0, 0.1, 0.3, 0.6, 1.0])

    def calm(self) -> tuple[int, int, int]:
        """Let everything recover, on one connection a bot; return threads, descriptors and RSS in kB."""
        self.api.trouble, self.offset.value = 0.0, 0.0
        self.reload(Setup({f"q{n}": self.toll.scrapes for n in range(QUERIES)}, concurrency=1))
        deadline = time.monotonic() + 60
        while self.scrape() < BOTS * QUERIES * LABEL_VALUES:
            if time.monotonic() > deadline:
                self.toll.wrong.append("not every series came back within a minute of calm")
                break
            time.sleep(0.2)
        time.sleep(3.0)
        status = Path(f"/proc/{self.daemon.pid}/status").read_text()
        threads, rss = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("Threads", "VmRSS"))  # type: ignore[index]
        return threads, len(os.listdir(f"/proc/{self.daemon.pid}/fd")), rss

    def end(self) -> None:
        """End the daemon, and look for what it must not have done."""
        started = time.monotonic()
        self.daemon.terminate()
        self.daemon.join(10)
        if self.daemon.exitcode != 0 or time.monotonic() - started > 5:
            self.toll.wrong.append(f"SIGTERM ended it with {self.daemon.exitcode}")
        log = self.log.read_text()
        self.toll.wrong.extend(f"{word!r} is in the log" for word in (TOKEN, "Traceback") if word in log)


def main() -> int:
    """Soak for a while; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reloads", type=int, default=0, help="only reload so many times, instead")
    options = parser.parse_args()
    driver = Driver(options.seed)
    soak_for(driver, 15.0)
    threads, files, rss = driver.calm()
    if options.reloads:
        for _ in range(options.reloads):
            driver.reload(Setup({f"q{n}": driver.random.randrange(10_000) for n in range(QUERIES)}))
            driver.scrape()
    else:
        soak_for(driver, options.seconds)
    threads_after, files_after, rss_after = driver.calm()
    driver.end()
    toll = driver.toll
    grown = 100.0 * (rss_after - rss) / rss
    print(f"answers given       {driver.api.answers:>10,}")
    print(f"scrapes             {toll.scrapes:>10,}")
    print(f"values compared     {toll.compared:>10,}")
    print(f"wrong values        {len(toll.wrong):>10,}")
    print(f"reloads, refused    {toll.reloads:>10,}  {toll.refused:,}")
    print(f"clock steps         {toll.steps:>10,}")
    print(f"threads             {threads:>10,}  {threads_after:,}")
    print(f"descriptors         {files:>10,}  {files_after:,}")
    print(f"RSS in kB           {rss:>10,}  {rss_after:,}  ({grown:+.1f} %)")
    for wrong in toll.wrong[:20]:
        print(wrong, file=sys.stderr)
    leaked = (threads_after, files_after) != (threads, files) or grown >= 5.0
    return 1 if toll.wrong or leaked else 0


def soak_for(driver: Driver, seconds: float) -> None:
    """Scrape and make mischief for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        driver.scrape()
        driver.mischief()
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
