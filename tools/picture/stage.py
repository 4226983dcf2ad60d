"""What a dashboard is drawn over: a simulated NativeChat, an exporter, and a Prometheus that scrapes it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import yaml

from tools.processes import exporter, running, shown, text

SCRAPE_SECONDS = 1
BOTS = 3
EVERY = "5s"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything runs: the simulator and Prometheus by their URLs, the bots by their names."""

    simulator: str
    prometheus: str
    bots: tuple[str, ...]
    config: Path

    def dashboard(self) -> Path:
        """Write the dashboard of the exporter's configuration, and return its file."""
        return printed(self.config.parent, "dashboard")

    def tell(self, method: str, path: str, **body: object) -> None:
        """Tell the simulator how to misbehave, or how its data grows and shrinks."""
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
def staged(home: Path, config: Path) -> Iterator[Stage]:
    """Run all three in `home` while the context lasts; the exporter with the queries of a configuration."""
    with ExitStack() as stack:
        flags = ("--web.listen-address=127.0.0.1:0", f"--bots={BOTS}", "--history=600", "--growth=1.5")
        simulated = stack.enter_context(exporter(home, "simulate", *flags))
        url = shown(simulated, r"api\.url +(\S+)")
        bots = re.findall(r"^(\w+) +id (\w+) +token (\w+)", text(simulated), re.MULTILINE)
        queries = quickened(yaml.safe_load(config.read_text("utf-8")), url, [bot[:2] for bot in bots])
        # JSON is YAML.
        asked = home / "config.yaml"
        asked.write_text(json.dumps(queries), "utf-8")
        tokens = {f"TOKEN_{name}": token for name, _, token in bots}
        run = stack.enter_context(exporter(home, "run", "--web.listen-address=127.0.0.1:0", **tokens))
        address = shown(run, r"msg=listening address=(\S+)")
        prometheus = stack.enter_context(scraping(home, address))
        yield Stage(url.removesuffix("/v1"), prometheus, tuple(name for name, *_ in bots), asked)


def quickened(config: dict[str, Any], url: str, bots: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a configuration with its queries asked every few seconds, of the simulated bots."""
    queries = [
        {key: value for key, value in query.items() if key not in {"at", "bots", "stale_after"}}
        | {"every": EVERY}
        for query in config["queries"]
    ]
    asked = [{"name": name, "id": id_, "token": {"env": f"TOKEN_{name}"}} for name, id_ in bots]
    return {"api": {"url": url}, "bots": asked, "queries": queries}


@contextmanager
def scraping(home: Path, address: str) -> Iterator[str]:
    """Run a Prometheus that scrapes one address, with the alert rules of `home`; gives its URL."""
    rules = printed(home, "rules").rename(home / "rules.yml")
    job = {"job_name": "nativechat", "static_configs": [{"targets": [address]}]}
    interval = f"{SCRAPE_SECONDS}s"
    settings = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(rules)],
        "scrape_configs": [job],
    }
    (home / "prometheus.yml").write_text(json.dumps(settings), "utf-8")
    # Held, so that nobody else is given the port; whoever also says SO_REUSEADDR may listen on it.
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{held.getsockname()[1]}"
        arguments = (
            "prometheus",
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address={listen}",
        )
        with running(home / "prometheus.log", arguments) as log:
            shown(log, "Server is ready to receive web requests")
            yield f"http://{listen}"
