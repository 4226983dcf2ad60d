"""Writes the configurations of what is measured: the same work, in the words of each exporter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BOT_ID: Final = "5990b7b5d57ae86c1b2dfd6e"
TOKEN: Final = "made-up-token"
ENVIRON: Final = {"BENCH_ID": BOT_ID, "BENCH_TOKEN": TOKEN}
AUTHORIZATION: Final = f"Bot-Server-Access-Token {TOKEN}"

_LABELS: Final = ("channel", "status", "step")


@dataclass(frozen=True, slots=True)
class Group:
    """So many queries alike, each of so many series; `every` in Prometheus's words.

    The group's name and the query's number are in every predicate, so that the API's log can be read. Above
    10 series, their number is a digit and zeros: labels of ten values are multiplied.
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


def exporter(api: str, *groups: Group, concurrency: int = 8) -> str:
    """Return a configuration for ours, which the baseline reads too."""
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


def es_exporter(queries: int, every: int) -> str:
    """Return a configuration of prometheus-es-exporter; each query makes two lines of metrics."""
    return "\n".join(
        f"[query_nativechat_query_{number}]\n"
        f"QueryIntervalSecs = {every}\n"
        "QueryIndices = conversations\n"
        f'QueryJson = {{"size": 0, "query": {{"term": {{"channel": "channel-{number}"}}}}}}'
        for number in range(queries)
    )


def query_exporter(database: Path, queries: int, every: int) -> str:
    """Return a configuration of query-exporter; each query gives ten rows, which make ten series."""
    name = "nativechat_query_{}"
    numbers = range(queries)
    metric = {"type": "gauge", "description": "Conversations by channel.", "labels": ["channel"]}
    config = {
        "databases": {"history": {"dsn": f"sqlite:///{database}"}},
        "metrics": {name.format(number): metric for number in numbers},
        "queries": {
            f"query_{number}": {
                "interval": every,
                "databases": ["history"],
                "metrics": [name.format(number)],
                "sql": f"SELECT channel, count(*) AS {name.format(number)} FROM conversations GROUP BY 1",
            }
            for number in numbers
        },
    }
    return json.dumps(config)  # which is YAML
