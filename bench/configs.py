"""Writes the configuration that the exporter and the script both read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

BOT_ID: Final = "5990b7b5d57ae86c1b2dfd6e"
ENVIRON: Final = {"BENCH_ID": BOT_ID, "BENCH_TOKEN": "made-up-token"}

_LABELS: Final = ("channel", "status", "step")


@dataclass(frozen=True, slots=True)
class Group:
    """So many queries of so many series each; `every` is a Prometheus duration.

    The group's name and the query's number are in every predicate, so that the API's log can be read. Above
    10, the number of series is a digit and zeros: labels of ten values are multiplied.
    """

    name: str
    queries: int
    series: int
    every: str

    @property
    def labels(self) -> dict[str, list[str]]:
        """The labels of each query, and their values."""
        sizes, left = list[int](), self.series
        while left > 10:
            sizes.append(10)
            left //= 10
        return {
            label: [f"value-{number}" for number in range(size)]
            for label, size in zip(_LABELS, (*sizes, left), strict=False)
        }


def write(api: str, *groups: Group, concurrency: int = 8) -> str:
    """Return a configuration of one bot."""
    lines = [
        f"api: {{url: '{api}', rate: none, concurrency: {concurrency}}}",
        "max_series: 100000",
        "bots: [{name: main, id: {env: BENCH_ID}, token: {env: BENCH_TOKEN}}]",
        "defaults: {every: 1d, stale_after: 7d}",
        "queries:",
    ]
    for group in groups:
        labels = json.dumps(group.labels)
        places = {f"Data.{label}": f"{{{label}}}" for label in group.labels}
        for number in range(group.queries):
            query = json.dumps({"Data.query": f"{group.name}-{number}", **places})
            lines += [
                f"  - name: query_{group.name}_{number}",
                "    help: Conversations that match a predicate.",
                "    collection: conversations",
                f"    labels: {labels}",
                f"    query: {query}",
                f"    every: {group.every}",
            ]
    return "\n".join(lines)
