"""How much of a core one count costs, from its URL to its number."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import requests
from requests.adapters import HTTPAdapter

from bench.figure import Figure, Target, interleaved
from bench.processes import ENVIRON, responder
from exporter.clock import SystemClock
from exporter.config.secrets import TokenReader
from exporter.model import Api, Bot, TokenSource
from exporter.nativechat.client import Client

_BUDGET: Final = 10.0
_PREDICATE: Final = '{"Data.channel.ProviderName":"viber"}'


def measure(repetitions: int) -> Figure:
    """Measure the CPU of Client.count, beside that of sending the same request by requests' adapter."""
    with responder() as url, _counting(url) as ours, _sending(url) as theirs:
        pair = interleaved(lambda: _microseconds(ours), lambda: _microseconds(theirs), repetitions)
    return Figure("CPU per count", " µs", pair[0], "HTTPAdapter.send", pair[1], Target(1.6, "ratio"))


@contextmanager
def _counting(url: str) -> Iterator[Callable[[], object]]:
    source = TokenSource(env="BENCH_TOKEN")
    bot = Bot("main", ENVIRON["BENCH_ID"], source, api=Api(url=url))
    client = Client(bot, TokenReader(source, ENVIRON), SystemClock())
    at = client.count_url("conversations", _PREDICATE)
    yield lambda: client.count(at, "conversations", _BUDGET)
    client.close()


@contextmanager
def _sending(url: str) -> Iterator[Callable[[], object]]:
    headers = {
        "Authorization": f"Bot-Server-Access-Token {ENVIRON['BENCH_TOKEN']}",
        "Content-Type": "application/json",
    }
    at = f"{url}/bots/{ENVIRON['BENCH_ID']}/conversations/_count"
    request = requests.Request("GET", at, headers, params={"query": _PREDICATE}).prepare()
    with closing(HTTPAdapter()) as adapter:
        yield lambda: adapter.send(request, timeout=_BUDGET).content


def _microseconds(ask: Callable[[], object]) -> float:
    times = 500
    began = time.process_time()
    for _ in range(times):
        ask()
    return (time.process_time() - began) / times * 1e6
