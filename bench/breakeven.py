"""Works out when json_exporter, which sends its requests at each scrape, costs more CPU."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from bench.figure import number
from exporter.cli.output import columns
from exporter.language import durations

JSON_EXPORTER_PROBE: Final = 272.0
"""Microseconds of CPU of one probe, measured once on two cores, with the same responder."""

_SERVERS: Final = (1, 2, 3, 4)
_EVERY: Final = (15, 30, 60, 300)


def table(costs: Mapping[str, float]) -> str:
    """Return the longest scrape interval at which ours costs less, by number of Prometheus servers.

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
    count, line, memory = (number(costs[name]) for name in ("count", "line", "memory"))
    least = math.floor(costs["count"] / saved) + 1
    return (
        f"{columns(head, rows, right=range(1, len(head)))}\n\n"
        f"Ours took {count} µs for each count, {line} µs for each series at a scrape, and {memory} MB.\n"
        f"If a server scrapes once per `every`, ours costs less from {least} servers on."
    )
