"""How late requests are made, by the API's own log."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Target, Turns, percentile
from bench.scale import Peers, Scale
from bench.subjects import Request

_REPETITIONS: Final = 3
_WINDOW: Final = 3.0
_A_SECOND: Final = 500
_SETTLING: Final = 1.5
_EVERY: Final = 1.0
_NAME: Final = "lag"


def lateness(requests: Iterable[Request]) -> list[tuple[float, float]]:
    """Return when each request came, and how late, for requests that are due once a second each.

    What is asked is due at its own moment of each second: the moment it came at when it was least late.
    A second that is left out makes all that follow a second late.
    """
    came: dict[str, list[float]] = {}
    for request in requests:
        came.setdefault(request.target, []).append(request.came)
    found = []
    for times in came.values():
        moments = [at - number * _EVERY for number, at in enumerate(sorted(times))]
        due = min(moments)
        found += [(at, moment - due) for at, moment in zip(sorted(times), moments, strict=True)]
    return found


def late_on_the_beat(requests: Iterable[Request]) -> list[float]:
    """Return how late ours made each request, all against one beat.

    It spreads queries over the second by their names, so each one's moment is known but for what is common to
    all: when the least late of them came. What waits behind another each second is late each second.
    """
    phases = [request.came - _phase(request.target) for request in requests]
    ahead = [(phase - phases[0] + _EVERY / 2) % _EVERY for phase in phases]
    return [phase - min(ahead) for phase in ahead]


def _phase(target: str) -> float:
    found = re.search(rf"{_NAME}-(\d+)", target)
    assert found, target
    return zlib.crc32(f"main/query_{_NAME}_{found[1]}".encode()) / 2**32 * _EVERY


def measure(scale: Scale, peers: Peers) -> Report:  # noqa: ARG001 - 500 queries a second are beyond them
    """Let the exporter make 500 counts a second, each a query of its own."""
    queries = _A_SECOND if scale.repetitions else 50
    turns = Turns()
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        config = configs.exporter(api.api, Group(_NAME, queries, 1, f"{_EVERY:.0f}s"))
        exporter = stack.enter_context(subjects.ours(config))
        exporter.until_counted(queries)
        time.sleep(scale.window(_SETTLING))
        for _ in range(scale.times(_REPETITIONS)):
            api.log()
            time.sleep(scale.window(_WINDOW))
            late = late_on_the_beat(api.log())
            turns.take("median", percentile(late, 0.5) * 1e3)
            turns.take("worst", percentile(late, 0.999) * 1e3)
    rows = (("median", "median", 10.0), ("99.9th percentile", "worst", 250.0))
    return Report(
        tuple(
            Figure(
                f"lag at {queries} counts a second, {what}",
                " ms",
                turns[name],
                target=Target(limit, "ours"),
            )
            for what, name, limit in rows
        )
    )
