"""Polls and exports with the same four packages, as one would by hand: ours is compared with this script.

It reads the same configuration, as far as a script would: one bot, durations in whole seconds, labels by
list. It keeps one session and one connection, makes its gauges once, and sleeps until the next job is due.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import requests
import schedule
import yaml
from prometheus_client import Gauge, start_http_server

TIMEOUT = 10.0


class Query:
    """One query of the configuration: a gauge, and a predicate for each combination of labels."""

    def __init__(self, section: dict[str, Any], defaults: dict[str, Any], api: str, bot: str) -> None:
        labels: dict[str, list[str]] = section["labels"]
        self.bot = bot
        self.url = f"{api}/{section['collection']}/_count"
        self.every = seconds(section.get("every", defaults["every"]))
        self.gauge = Gauge(f"nativechat_{section['name']}", section["help"], ["bot", *labels])
        self.asked = [
            (combination, predicate(section["query"], dict(zip(labels, combination, strict=True))))
            for combination in itertools.product(*labels.values())
        ]

    def ask(self, session: requests.Session) -> None:
        """Set the gauge to the counts of the API; a value stays if its request fails."""
        for labels, query in self.asked:
            try:
                response = session.get(self.url, params={"query": query}, timeout=TIMEOUT)
                response.raise_for_status()
                self.gauge.labels(self.bot, *labels).set(response.json()["count"])
            except (requests.RequestException, KeyError, ValueError):
                logging.exception("cannot count %s", query)


def predicate(template: dict[str, str], labels: dict[str, str]) -> str:
    """Return the predicate as JSON, with label values in their places."""
    return json.dumps({field: labels.get(value.strip("{}"), value) for field, value in template.items()})


def seconds(duration: str) -> int:
    """Return the seconds of "30s", "1m" or "1d"."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "d": 86_400}[duration[-1]]


def main() -> None:
    """Run each query once, then at its interval, and serve the counts."""
    file, port = sys.argv[1:]
    config = yaml.safe_load(Path(file).read_text("utf-8"))
    [bot] = config["bots"]
    api = f"{config['api']['url']}/bots/{os.environ[bot['id']['env']]}"
    session = requests.Session()
    session.headers["Authorization"] = f"Bot-Server-Access-Token {os.environ[bot['token']['env']]}"
    session.headers["Content-Type"] = "application/json"
    for section in config["queries"]:
        query = Query(section, config["defaults"], api, bot["name"])
        schedule.every(query.every).seconds.do(query.ask, session)
    start_http_server(int(port), "127.0.0.1")
    schedule.run_all()
    while True:
        schedule.run_pending()
        time.sleep(max(0.0, schedule.idle_seconds() or 0.0))


if __name__ == "__main__":
    main()
