"""How near a round of counts comes to what an API with a latency allows at most."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from bench import configs, subjects
from bench.configs import BOT_ID, Group
from bench.figure import Figure, Report, Sample, Target, Turns
from bench.processes import PATIENCE
from bench.scale import Peers, Scale
from bench.subjects import Request, Responder

_REPETITIONS: Final = 4
_LATENCY: Final = 0.05
_CONCURRENCY: Final = 32
_EVERY: Final = 4


def measure(scale: Scale, peers: Peers) -> Report:  # noqa: ARG001 - the peers ask one after the other
    """Take the time of rounds from the API's log, beside bare sockets that ask as often, as many at once."""
    counts, every = (1_000, _EVERY) if scale.repetitions else (100, 1)
    config = Group("rounds", 1, counts, f"{every}s")
    turns = Turns()
    with (
        subjects.responder(_LATENCY) as api,
        subjects.ours(configs.exporter(api.api, config, concurrency=_CONCURRENCY)) as exporter,
    ):
        exporter.until_counted(counts)
        _next_round(api, counts)
        for _ in range(scale.times(_REPETITIONS)):
            cpu = exporter.cpu()
            turns.take("ours", counts / _length(_next_round(api, counts)))
            turns.take("cpu", (exporter.cpu() - cpu) / counts * 1e6)
            # The exporter rests meanwhile, until its next round.
            asyncio.run(_ask_all(api, counts))
            turns.take("sockets", counts / _length(api.log()))
    ideal = Sample((_CONCURRENCY / _LATENCY,) * len(turns["ours"].values))
    what = f"counts a second, {counts:,} at 50 ms, {_CONCURRENCY} at once"
    return Report(
        (
            Figure(what, "", turns["ours"], "the latency alone", ideal, Target(0.92, "ratio", least=True)),
            Figure(what, "", turns["ours"], "bare sockets", turns["sockets"]),
            Figure("CPU of each of these counts", " µs", turns["cpu"]),
        )
    )


def _next_round(api: Responder, counts: int) -> list[Request]:
    """Wait for a round that begins after this is called, and return it."""
    api.log()
    asked: list[Request] = []
    limit = time.monotonic() + PATIENCE
    while len(asked) < counts and time.monotonic() < limit:
        # To look costs the API time: once the round has begun, not before it can be over.
        time.sleep((counts - len(asked)) / _CONCURRENCY * _LATENCY if asked else _LATENCY)
        asked += api.log()
    return asked


def _length(asked: list[Request]) -> float:
    return max(request.left for request in asked) - min(request.came for request in asked)


async def _ask_all(api: Responder, counts: int) -> None:
    target = f"/v1/bots/{BOT_ID}/conversations/_count"
    request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    left = iter(range(counts))

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        for _ in left:
            writer.write(request)
            await reader.readuntil(b"}")
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(ask() for _ in range(_CONCURRENCY)))
