"""Holds the daemon's reins: writes configurations, scrapes, and compares with the oracle."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import random
import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tools.soak.api import Api
from tools.soak.oracle import STALE_AFTER, Oracle
from tools.soak.subject import TOKEN, run_daemon

BOTS = 6
QUERIES = 12
LABEL_VALUES = 4


@dataclass
class Setup:
    """What the daemon is configured to do, and what each of its series must therefore mean."""

    queries: dict[str, int]
    concurrency: int = 8

    def text(self, url: str) -> str:
        """Return the configuration file."""
        return json.dumps(
            {
                "api": {
                    "url": url,
                    "timeout": "400ms",
                    "retries": 1,
                    "rate": "none",
                    "concurrency": self.concurrency,
                },
                "workers": 6,
                "bots": [{"name": f"b{n}", "id": f"{n:024x}", "token": {"env": "T"}} for n in range(BOTS)],
                "queries": [
                    {
                        "name": name,
                        "help": "Soaked.",
                        "collection": "conversations",
                        "every": "1s",
                        "stale_after": f"{STALE_AFTER:g}s",
                        "labels": {"channel": [f"c{n}" for n in range(LABEL_VALUES)]},
                        "query": {"version": version, "channel": "{channel}"},
                    }
                    for name, version in self.queries.items()
                ],
            }
        )

    def meaning(self, metric: str, labels: dict[str, str]) -> tuple[str, str] | None:
        """Return the bot id and predicate that a series stands for; None for one that must not be."""
        version = self.queries.get(metric.removeprefix("nativechat_"))
        if version is None:
            return None
        predicate = f'{{"version":{version},"channel":"{labels["channel"]}"}}'
        return f"{int(labels['bot'][1:]):024x}", predicate


@dataclass
class Toll:
    """What the soak found."""

    scrapes: int = 0
    compared: int = 0
    reloads: int = 0
    refused: int = 0
    steps: int = 0
    wrong: list[str] = field(default_factory=list)


class Driver:
    """Holds a daemon's reins."""

    def __init__(self, seed: int) -> None:
        self.toll = Toll()
        self.random = random.Random(seed)
        self.oracle = Oracle()
        self.api = Api(self.oracle, seed)
        self.setup = Setup({f"q{n}": 0 for n in range(QUERIES)})
        folder = Path(tempfile.mkdtemp(prefix="soak-"))
        self.file, self.log = folder / "config.yaml", folder / "log"
        self.file.write_text(self.setup.text(self.api.url))
        context = multiprocessing.get_context("spawn")
        self.offset = context.Value("d", 0.0)
        self.daemon = context.Process(target=run_daemon, args=(self.file, self.log, self.offset))
        self.daemon.start()
        self.port = self._port()

    def _port(self) -> int:
        for _ in range(200):
            text = self.log.read_text() if self.log.exists() else ""
            if found := re.search(r"address=127\.0\.0\.1:(\d+)", text):
                return int(found[1])
            time.sleep(0.1)
        raise SystemExit(f"the daemon did not start:\n{text}")

    def ask(self, method: str, path: str) -> tuple[int, str]:
        """Make one request of the daemon."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def scrape(self) -> int:
        """Compare every exposed count with the oracle; return how many there were."""
        _, text = self.ask("GET", "/metrics")
        now = time.monotonic()
        if TOKEN in text:
            self.toll.wrong.append("the token is in the metrics")
        before = self.toll.compared
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if "channel" not in sample.labels or family.type == "counter":
                    continue
                self.toll.compared += 1
                meant = self.setup.meaning(sample.name, sample.labels)
                fault = self.oracle.fault_of(sample.value, *meant, now) if meant else "must not be exposed"
                if fault:
                    self.toll.wrong.append(f"{sample.name}{sample.labels} = {sample.value:.0f} {fault}")
        self.toll.scrapes += 1
        return self.toll.compared - before

    def reload(self, setup: Setup) -> None:
        """Have another configuration loaded, and expect what it means from then on."""
        self.file.write_text(setup.text(self.api.url))
        status, text = self.ask("POST", "/-/reload")
        if status != 200:
            self.toll.wrong.append(f"a good configuration was refused: {text}")
            return
        self.setup = setup
        self.toll.reloads += 1

    def refuse(self) -> None:
        """Have a broken configuration refused, and expect nothing to change."""
        broken = self.setup.text(self.api.url)[: self.random.randrange(1, 400)] + "\n  every: never\n"
        self.file.write_text(broken)
        status, _ = self.ask("POST", "/-/reload")
        if status != 422:
            self.toll.wrong.append(f"a broken configuration was answered with {status}")
        self.toll.refused += 1

    def mischief(self) -> None:
        """Do something to the daemon, now and then."""
        dice = self.random.random()
        queries = dict(self.setup.queries)
        if dice < 0.10:
            queries[self.random.choice(list(queries))] = self.toll.scrapes
            self.reload(Setup(queries))
        elif dice < 0.14 and len(queries) > QUERIES // 2:
            queries.pop(self.random.choice(list(queries)))
            self.reload(Setup(queries))
        elif dice < 0.18 and len(queries) < QUERIES:
            queries |= {f"q{self.random.randrange(QUERIES)}": self.toll.scrapes}
            self.reload(Setup(queries))
        elif dice < 0.22:
            self.refuse()
        elif dice < 0.30:
            self.offset.value = self.random.choice([-3600.0, 0.0, 3600.0, 86_400.0 * 200])
            self.toll.steps += 1
        elif dice < 0.34:
            self.api.trouble = self.random.choice([0.0, 0.1, 0.3, 0.6, 1.0])

    def calm(self) -> tuple[int, int, int]:
        """Let everything recover, on one connection a bot; return threads, descriptors and RSS in kB."""
        self.api.trouble, self.offset.value = 0.0, 0.0
        self.reload(Setup({f"q{n}": self.toll.scrapes for n in range(QUERIES)}, concurrency=1))
        deadline = time.monotonic() + 60
        while self.scrape() < BOTS * QUERIES * LABEL_VALUES:
            if time.monotonic() > deadline:
                self.toll.wrong.append("not every series came back within a minute of calm")
                break
            time.sleep(0.2)
        time.sleep(3.0)
        status = Path(f"/proc/{self.daemon.pid}/status").read_text()
        threads, rss = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("Threads", "VmRSS"))  # type: ignore[index]
        return threads, len(list(Path(f"/proc/{self.daemon.pid}/fd").iterdir())), rss

    def end(self) -> None:
        """End the daemon, and look for what it must not have done."""
        started = time.monotonic()
        self.daemon.terminate()
        self.daemon.join(10)
        if self.daemon.exitcode != 0 or time.monotonic() - started > 5:
            self.toll.wrong.append(f"SIGTERM ended it with {self.daemon.exitcode}")
        if self.api.kept:
            self.toll.wrong.append(
                f"{self.api.kept} requests came on connections that should have been closed"
            )
        log = self.log.read_text()
        self.toll.wrong.extend(f"{word!r} is in the log" for word in (TOKEN, "Traceback") if word in log)
