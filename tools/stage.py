"""What tools watch: a simulated NativeChat, an exporter, and a Prometheus that scrapes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import yaml

from tools.processes import exporter, prometheus, shown, text

EVERY = "5s"


@dataclass(frozen=True, slots=True)
class Size:
    """How many bots there are, and how many conversations each gets in a second; how often is scraped."""

    bots: int
    growth: float
    scrape_seconds: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything runs: simulator, exporter and Prometheus by their URLs, the bots by their names."""

    simulator: str
    exporter: str
    prometheus: str
    bots: tuple[str, ...]
    config: Path

    def dashboard(self) -> Path:
        """Write the dashboard of the exporter's configuration, and return its file."""
        return printed(self.config.parent, "dashboard")

    def reload(self) -> None:
        """Change the configuration's file, but nothing in the configuration."""
        with self.config.open("a", encoding="utf-8") as file:
            file.write("\n")

    def control(self, method: str, path: str, **body: object) -> None:
        """Set or clear a fault of the simulator, or add or delete data."""
        request = Request(
            f"{self.simulator}/-/{path}", json.dumps(body).encode() if body else None, method=method
        )
        with urlopen(request, timeout=10):
            pass


def printed(home: Path, command: str) -> Path:
    """Write what a command prints for the configuration in `home`, and return its file."""
    words, file = [sys.executable, "-m", "exporter", command], home / command
    file.write_bytes(subprocess.run(words, cwd=home, check=True, stdout=subprocess.PIPE).stdout)
    return file


@contextmanager
def staged(
    home: Path,
    config: dict[str, Any],
    size: Size,
    *,
    managers: tuple[str, ...] = (),
    expressions: dict[str, str] | None = None,
) -> Iterator[Stage]:
    """Run all three in `home` while the context lasts; the exporter with the queries of a configuration.

    Prometheus sends alerts to the addresses `managers`. `expressions` replace those of the generated alert
    rules, by the names of the alerts.
    """
    with ExitStack() as stack:
        listen = "--web.listen-address=127.0.0.1:0"
        flags = (listen, f"--bots={size.bots}", "--history=600", f"--growth={size.growth}")
        simulated = stack.enter_context(exporter(home, "simulate", *flags))
        url = shown(simulated, r"api\.url +(\S+)")
        known = re.findall(r"^(\w+) +id (\w+) +token (\w+)", text(simulated), re.MULTILINE)
        # JSON is YAML.
        asked = home / "config.yaml"
        asked.write_text(json.dumps(quickened(config, url, [bot[:2] for bot in known])), "utf-8")
        tokens = {f"TOKEN_{name}": token for name, _, token in known}
        run = stack.enter_context(exporter(home, "run", listen, **tokens))
        address = shown(run, r"msg=listening address=(\S+)")
        rules = home / "rules.yml"
        rules.write_text(json.dumps(_rules(home, expressions or {})), "utf-8")
        scraper = stack.enter_context(_scraping(home, address, size.scrape_seconds, managers))
        names = tuple(name for name, *_ in known)
        yield Stage(url.removesuffix("/v1"), f"http://{address}", f"http://{scraper}", names, asked)


def quickened(config: dict[str, Any], url: str, bots: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a configuration with its queries asked every few seconds, of the simulated bots."""
    queries = [
        {key: value for key, value in query.items() if key not in {"at", "bots", "stale_after"}}
        | {"every": EVERY}
        for query in config["queries"]
    ]
    asked = [{"name": name, "id": id_, "token": {"env": f"TOKEN_{name}"}} for name, id_ in bots]
    return {"api": {"url": url}, "bots": asked, "queries": queries}


def _rules(home: Path, expressions: dict[str, str]) -> Any:
    """Return the alert rules of the configuration in `home`, some with other expressions."""
    rules = yaml.safe_load(printed(home, "rules").read_text("utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = expressions.get(rule["alert"], rule["expr"])
    return rules


def _scraping(
    home: Path, target: str, seconds: int, managers: tuple[str, ...]
) -> AbstractContextManager[str]:
    """Run a Prometheus that scrapes one address, with the alert rules of `home`; give its address."""
    interval = f"{seconds}s"
    settings = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(managers)}]}]},
        "scrape_configs": [{"job_name": "nativechat", "static_configs": [{"targets": [target]}]}],
    }
    return prometheus(home, settings)
