"""Runs a client against a server that errs on the wire, and judges each of its answers."""

from __future__ import annotations

import itertools
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final, Protocol

import trustme

from exporter.clock import SystemClock
from exporter.errors import ApiError
from exporter.model import Api, Bot, Collection, Secret, TokenSource
from exporter.nativechat.client import Client
from tools.wire.behaviours import CALM, ODD, UNTELLABLE
from tools.wire.report import FIRST, NOBODY, Report, Try
from tools.wire.server import Part, Request, Server, predicate

CONCURRENCIES: Final = (1, 8)
BUDGET: Final = 5.0


class Asker(Protocol):
    """What is tried: the client, or another that is asked like it."""

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        """Return a count, or raise ApiError."""

    def close(self) -> None:
        """Close all connections."""


def client(url: str, ca_file: Path | None, concurrency: int) -> Asker:
    """Return the exporter's own client."""
    api = Api(url=url, ca_file=ca_file, concurrency=concurrency, timeout=BUDGET, rate=None)
    return Client(Bot("b", "0" * 24, TokenSource(env="T"), api=api), lambda: Secret("t"), SystemClock())


class Trial:
    """One run: each request has a predicate and a true count of its own; what happens follows the seed."""

    def __init__(self, seed: int, *, untellable: bool = False) -> None:
        self._seed = seed
        self._odd = (*ODD, *UNTELLABLE) if untellable else ODD
        self._tries: dict[int, list[Try]] = {}
        self._said: dict[int, int | str] = {}
        self._numbers = itertools.count()

    def run(
        self,
        *,
        seconds: float = float("inf"),
        requests: float = float("inf"),
        tls: bool = False,
        connect: Callable[[str, Path | None, int], Asker] = client,
    ) -> Report:
        """Ask for so long, or so often, over as many connections as CONCURRENCIES say; return the report."""
        until = time.monotonic() + seconds
        with _serving(self._cast, tls=tls) as (url, ca_file):
            askers = [(connect(url, ca_file, width), width) for width in CONCURRENCIES]
            threads = [
                threading.Thread(target=self._ask, args=(asker, until, requests), name=f"wire asker {n}")
                for asker, width in askers
                for n in range(width)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for asker, _ in askers:
                asker.close()
        report = Report()
        for n, said in sorted(self._said.items()):
            report.add(FIRST + n, said, self._tries[n])
        return report

    def _ask(self, asker: Asker, until: float, requests: float) -> None:
        while time.monotonic() < until and (n := next(self._numbers)) < requests:
            self._tries[n] = []
            time.sleep(Random(f"{self._seed} {n}").choice((0.0, 0.0, 0.0, 0.001, 0.005, 0.03)))
            try:
                self._said[n] = asker.count(
                    "messages", json.dumps({"n": n, "asked": time.monotonic()}), BUDGET
                )
            except ApiError as error:
                self._said[n] = error.reason
            except Exception as error:  # noqa: BLE001 - whatever else it raises is a finding
                self._said[n] = repr(error)

    def _cast(self, request: Request) -> Part:
        """Choose how a request is served: half of them as if nothing could go wrong."""
        n = predicate(request.query)["n"]
        tries = self._tries[n]
        random = Random(f"{self._seed} {n} {len(tries)}")
        behaviour = random.choice(random.choice((CALM, self._odd)))
        decoy = random.choice((NOBODY + n, FIRST + random.randrange(n + 9)))
        part = Part(behaviour, FIRST + n, decoy if decoy != FIRST + n else NOBODY + n, random)
        tries.append(Try(request, part))
        return part


@contextmanager
def _serving(cast: Callable[[Request], Part], *, tls: bool) -> Iterator[tuple[str, Path | None]]:
    """Serve, and yield the URL and the file with the certificates to trust."""
    with tempfile.TemporaryDirectory() as folder:
        context, ca_file = None, None
        if tls:
            authority, ca_file = trustme.CA(), Path(folder) / "ca.pem"
            authority.cert_pem.write_to_path(str(ca_file))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(context)
        server = Server(cast, context)
        try:
            yield server.url, ca_file
        finally:
            server.stop()
