"""Works out from what was measured when json_exporter, which asks anew at each scrape, costs more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from bench.figure import number
from exporter.cli.output import columns
from exporter.language import durations

JSON_EXPORTER_PROBE: Final = 272.0
"""Microseconds of CPU of one probe, measured once on two cores, beside a responder as ours."""

JSON_EXPORTER_MEMORY: Final = 20.0
"""MB that it held then."""

_SERVERS: Final = (1, 2, 3, 4)
_EVERY: Final = (15, 30, 60, 300)


def table(costs: Mapping[str, float]) -> str:
    """Return up to which scrape interval ours costs less, for so many Prometheus servers.

    `costs` are the µs of a `count`, the µs of a `line` of a scraped page, and the MB of `memory`. For one
    series and second, ours takes count / every + servers * line / interval, and json_exporter takes
    servers * probe / interval.
    """
    saved = JSON_EXPORTER_PROBE - costs["line"]
    head = ("LESS CPU THAN JSON_EXPORTER", *(f"every: {durations.write(every)}" for every in _EVERY))
    rows = [
        (
            f"{servers} Prometheus server{'s' * (servers > 1)}, scraping every",
            *(f"{number(servers * saved * every / costs['count'])} s" for every in _EVERY),
        )
        for servers in _SERVERS
    ]
    return f"{columns(head, rows, right=range(1, len(head)))}\n\n{_explained(costs, costs['count'] / saved)}"


def _explained(costs: Mapping[str, float], servers: float) -> str:
    probe, memory, count, line, ours = (
        number(value)
        for value in (
            JSON_EXPORTER_PROBE,
            JSON_EXPORTER_MEMORY,
            costs["count"],
            costs["line"],
            costs["memory"],
        )
    )
    return (
        "Each cell is the longest scrape interval at which ours costs less CPU. json_exporter was\n"
        f"measured to take {probe} µs for each series at each scrape, and {memory} MB. Ours takes\n"
        f"{count} µs for each count, {line} µs for each series at a scrape, and {ours} MB. Where it asks\n"
        f"as often as one server scrapes, it costs less from {math.floor(servers) + 1} servers on."
    )
