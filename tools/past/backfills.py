"""Backfills 90 days by the hour into a real Prometheus, and compares each step with the documents."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from exporter.clock import SystemClock
from exporter.model import DateFormat
from exporter.simulator.api import app
from exporter.simulator.bots import simulated_bots
from exporter.simulator.settings import Settings
from exporter.simulator.simulation import Simulation
from tools.past.child import Child
from tools.past.documents import Documents, configure, served
from tools.processes import prometheus

HOUR = 3600
DAY = 24 * HOUR
CHANNEL = "Data.channel.ProviderName"
QUERIES: list[dict[str, Any]] = [
    {"name": "conversations", "collection": "conversations"},
    {
        "name": "by_channel",
        "collection": "conversations",
        "labels": {"channel": ["facebook", "viber", {"other": "rest"}]},
        "query": {CHANNEL: "{channel}"},
    },
    {
        "name": "by_outcome",
        "collection": "conversations",
        "labels": {"channel": ["facebook", "viber"], "outcome": ["success", "failed"]},
        "query": {CHANNEL: "{channel}", "Status": "{outcome}"},
    },
    {"name": "messages", "collection": "messages"},
]

Labels = tuple[tuple[str, str], ...]
Values = dict[Labels, dict[int, float]]
"""The value at each step, by labels other than those of the exporter."""


def check_backfills(home: Path, random: Random, dates: DateFormat) -> Iterator[tuple[str, bool]]:
    """Yield each result with dates stored in one way, and whether it is right."""
    settings = Settings(dates=dates, growth=0.0, history=400, history_days=95.0, seed=random.randrange(1000))
    simulation = Simulation(settings, simulated_bots(1), SystemClock())
    bot = simulation.bots[0]
    end = int(simulation.wall()) - 4 * HOUR
    steps = range(-(-(end - 90 * DAY) // HOUR) * HOUR, end, HOUR)
    begin, until = (datetime.fromtimestamp(at, UTC).isoformat() for at in (end - 90 * DAY, end))
    words = ["backfill", "--since", begin, "--until", until, "--date-field", "messages=SentAt"]
    words += ["--label", "job=nativechat", "--label", "instance=localhost:10054", "--to"]
    with served(app(simulation)) as url:
        configure(home, url, bot=bot.id, token=bot.token.reveal(), queries=QUERIES)
        whole = Child(home, *words, "whole.om")
        assert whole.code == 0, whole.log
        requests = simulation.requests(bot.name)
        yield from _interrupted(home, words, simulation, requests, random)
    expected = {query["name"]: _expected(simulation, query, steps) for query in QUERIES}
    series = sum(map(len, expected.values()))
    most = series * len(steps)
    found = f"{series} series of {len(steps):,} steps are {most:,} counts, and took {requests:,} requests"
    yield f"{dates}: {found}", requests < most + 12
    yield from _in_prometheus(home, dates, whole.log.splitlines()[-1], expected, steps)


def _interrupted(
    home: Path, words: list[str], simulation: Simulation, requests: int, random: Random
) -> Iterator[tuple[str, bool]]:
    bot = simulation.bots[0].name
    stops = sorted(random.sample(range(10, requests), 3))
    more: list[str] = []
    for stop in stops:
        at = requests + stop
        child = Child(home, *words, "past.om", *more, when=lambda: simulation.requests(bot) >= at)  # noqa: B023 - called at once
        assert "go on with --resume" in child.log, child.log
        more = ["--resume"]
    child = Child(home, *words, "past.om", *more)
    assert child.code == 0, child.log
    same = (home / "past.om").read_bytes() == (home / "whole.om").read_bytes()
    again = simulation.requests(bot) - requests
    yield f"interrupted after {stops} requests: the same bytes, after {again:,} requests", same


def _expected(simulation: Simulation, query: dict[str, Any], steps: range) -> Values:
    """Return what the documents themselves give for a query."""
    rows: list[dict[str, Any]] = simulation.page("support", query["collection"], limit=10**9)
    dates = [
        datetime.fromisoformat(row["SentAt" if query["name"] == "messages" else "StartedAt"]).timestamp()
        for row in rows
    ]
    values = query.get("labels", {})
    series = product(*([(name, _name(value)) for value in values[name]] for name in values))
    return {
        labels: {
            step: float(sum(date < step for date, row in zip(dates, rows, strict=True) if _has(row, labels)))
            for step in steps
        }
        for labels in series
    }


def _name(value: Any) -> str:
    return str(value["other"] if isinstance(value, dict) else value)


def _has(row: dict[str, Any], labels: Labels) -> bool:
    channel = row["Data"].get("channel", {}).get("ProviderName") if labels else None
    known = channel if channel in ("facebook", "viber", None) else "rest"
    return all(value == (known if name == "channel" else row.get("Status")) for name, value in labels)


def _in_prometheus(
    home: Path, dates: str, promtool: str, expected: dict[str, Values], steps: range
) -> Iterator[tuple[str, bool]]:
    shutil.rmtree(home / "data", ignore_errors=True)
    done = subprocess.run(shlex.split(promtool), cwd=home, check=False, capture_output=True, encoding="utf-8")
    yield f"promtool takes it: {promtool}", done.returncode == 0
    with prometheus(home, {}, "--storage.tsdb.retention.time=1y") as address:
        for name, values in expected.items():
            for metric in (f"nativechat_{name}", f"nativechat_{name}_new_total"):
                found = _ranged(address, metric, steps)
                compared = sum(map(len, values.values()))
                yield f"{dates}: {metric} at {compared:,} steps is what the documents give", found == values


def _ranged(address: str, metric: str, steps: range) -> Values:
    asked = {"query": metric, "start": steps[0], "end": steps[-1], "step": HOUR}
    with urlopen(f"http://{address}/api/v1/query_range?{urlencode(asked)}", timeout=30) as answer:
        result = json.load(answer)["data"]["result"]
    return {_labels(one["metric"]): {at: float(value) for at, value in one["values"]} for one in result}


def _labels(metric: dict[str, str]) -> Labels:
    known = {"bot": "main", "job": "nativechat", "instance": "localhost:10054"}
    assert known.items() <= metric.items(), metric
    return tuple(sorted((name, text) for name, text in metric.items() if name not in {*known, "__name__"}))


def check_memory(home: Path) -> Iterator[tuple[str, bool]]:
    """Yield the peak memory for ranges of a day, 90 days and two years, each step with a count of its own."""
    now = int(SystemClock().wall())
    api = Documents([1000 * second for second in range(now - 731 * DAY, now, HOUR // 3)])
    peaks: list[float] = []
    with served(api) as url:
        configure(home, url)
        for days in (1, 90, 730):
            before = api.requests
            child = Child(home, "backfill", "--since", f"{days}d", "--to", f"{days}.om")
            assert child.code == 0, child.log
            peaks.append(child.peak)
            size = (home / f"{days}.om").stat().st_size / 1e6
            found = f"{size:.1f} MB from {api.requests - before:,} requests"
            yield f"{days} days by the hour: {child.peak:.1f} MiB, for {found}", child.peak < peaks[0] + 4
