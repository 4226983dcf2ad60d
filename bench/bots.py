"""Measures what many bots with the shipped configuration cost Prometheus: own samples, page, scrape."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any, Final

import yaml

from bench import subjects
from bench.configs import BOT_ID
from bench.figure import Figure, Report, Sample, Target, Turns
from bench.pages import Reader
from bench.scale import Scale

_SHIPPED: Final = Path(__file__).parents[1] / "config.yaml"
_BOTS: Final = 1_000
_BOTS_OF_A_TRIAL: Final = 20
_SCRAPES: Final = 12
_LOOK: Final = 0.5
_APART: Final = 1.0
"""Seconds between scrapes, in which hundreds of values change."""

_OF_A_BOT: Final = re.compile(r'^(\w+)\{(?:[^}]*,)?bot="', re.MULTILINE)
"""The name of each sample that belongs to a bot."""


def measure(scale: Scale) -> Report:
    """Run a thousand bots, and scrape them again and again once each has all its values."""
    bots = _BOTS if scale.is_result else _BOTS_OF_A_TRIAL
    config = _configuration(bots)
    counts = {f"nativechat_{query['name']}" for query in config["queries"]}
    new = {f"{name}_new_total" for name in counts}
    turns = Turns()
    with subjects.responder() as api:
        config |= {"api": {"url": api.url}, "max_series": 100_000}
        with subjects.ours(json.dumps(config)) as exporter, Reader(exporter.port) as reader:
            exporter.until_counted(bots * _series(config), _LOOK)
            for _ in range(scale.times(_SCRAPES)):
                time.sleep(_APART)
                turns.take("scrape", reader.seconds() * 1e3)
            plain, compressed = exporter.page(), reader.read()
    own = sum(name not in counts | new for name in _OF_A_BOT.findall(plain.decode())) / bots
    what = f"page of {bots:,} bots, shipped configuration"
    return Report(
        (
            Figure("own samples per bot, shipped configuration", "", Sample((own,)), Target(60.0, "ours")),
            Figure(what, " MB", Sample((len(plain) / 1e6,)), Target(6.7, "ours")),
            Figure("the same page with gzip", " MB", Sample((len(compressed) / 1e6,)), Target(0.6, "ours")),
            Figure(f"scrape of {bots:,} bots, gzip", " ms", turns["scrape"], Target(200.0, "ours")),
        )
    )


def _configuration(bots: int) -> dict[str, Any]:
    """Return the shipped configuration with so many bots; JSON is YAML."""
    config: dict[str, Any] = yaml.safe_load(_SHIPPED.read_text("utf-8"))
    config["bots"] = [
        {"name": f"bot_{number}", "id": f"{int(BOT_ID, 16) + number:024x}", "token": {"env": "BENCH_TOKEN"}}
        for number in range(bots)
    ]
    return config


def _series(config: dict[str, Any]) -> int:
    """Return how many counts a bot has: one for each value of a query's one label."""
    labels = (query.get("labels", {}).values() for query in config["queries"])
    return sum(sum(map(len, values)) or 1 for values in labels)
