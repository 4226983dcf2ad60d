"""One exporter's life with every fault at once: sick from the start, well, sick again, and well."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.flow.faults.peer import Peer
from tests.flow.faults.row import KEPT

if TYPE_CHECKING:
    from tests.flow.conftest import Metrics, Running

TOKEN: Final = "t0ken-that-nobody-may-see"
STALE_AFTER: Final = 5
LONGEST_SICKNESS: Final = 30.0
LONGEST_RECOVERY: Final = 15.0
SEEN_EACH: Final = 0.05
PATHS: Final = ("/", "/-/healthy", "/-/ready", "/-/reload", "/nowhere", "/metrics")
OPEN_METRICS: Final = {"Accept": "application/openmetrics-text; version=1.0.0"}


def value(metrics: Metrics, bot: str) -> float | None:
    return metrics.value("nativechat_conversations", bot=bot)


def failures(metrics: Metrics, bot: str) -> dict[str, float]:
    return metrics.by("reason", "nativechat_exporter_query_failures_total", bot=bot)


def config(peers: Mapping[str, Peer], ca_file: Path, **api: object) -> dict[str, Any]:
    """Return a configuration that asks each peer as a bot of its own, each second."""
    return {
        "api": {"timeout": "2500ms", "retries": 1, "concurrency": 2, "ca_file": str(ca_file), **api},
        "bots": [
            {"name": name, "id": name, "token": {"env": "TOKEN"}, "api": {"url": peer.url}}
            for name, peer in peers.items()
        ],
        "queries": [
            {
                "name": "conversations",
                "help": "Counted.",
                "collection": "conversations",
                "every": "1s",
                "stale_after": f"{STALE_AFTER}s",
            }
        ],
    }


@dataclass
class Phase:
    """What was seen of one sickness, scrape by scrape, and of the recovery from it.

    `back` says after how many seconds of health a bot's value was there.
    """

    during: list[Metrics] = field(default_factory=list)
    scrape_seconds: list[float] = field(default_factory=list)
    back: dict[str, float] = field(default_factory=dict)
    after: Metrics | None = None


class Story:
    """The exporter, the peers it asks, and what was seen of it; `served` is all that it answered."""

    def __init__(self, running: Running, peers: Mapping[str, Peer], ca_file: Path) -> None:
        self.exporter = running
        self.phases: list[Phase] = []
        self.page = ""
        self.served: list[str] = []
        self.process: dict[str, str] = {}
        self._turns: dict[str, list[dict[str, str]]] = {}
        self._peers = peers
        self._ca_file = ca_file
        self._faults = {name: peer.fault for name, peer in peers.items() if peer.fault}

    def tell(self) -> None:
        """Live through it all."""
        self.exporter.ask("/-/healthy")  # it serves: from here on a scrape's time is its own
        self._live_sick()
        self._recover()
        self._set(sick=True)
        self._live_sick()
        for path in PATHS:
            self.served.append(self.exporter.ask(path, headers=OPEN_METRICS).text)
        self.page = self.exporter.ask("/").text
        self.process = process(self.exporter.process.pid)
        self._recover()
        # Lines are written a moment after they happened: each spell has ended, so wait for its end.
        self.exporter.told("query works again", len(self.exporter.log("query fails")))
        turns = ("query fails", "query fails for another reason", "query works again")
        self._turns = {msg: self.exporter.log(msg) for msg in turns}

    def turns(self, msg: str, bot: str) -> list[dict[str, str]]:
        """Return the log lines with which a bot's query began to fail, or works again."""
        return [line for line in self._turns[msg] if line["bot"] == bot]

    def number(self, bot: str) -> int:
        """Return the count that a bot's API gives while it is well."""
        return self._peers[bot].number

    @property
    def heads(self) -> list[bytes]:
        """Every whole request that reached a peer."""
        return [head for peer in self._peers.values() for head in peer.heads if head.endswith(b"\r\n")]

    def _set(self, *, sick: bool) -> None:
        for peer in self._peers.values():
            if sick:
                peer.sicken()
            else:
                peer.heal()
        text = json.dumps(config(self._peers, self._ca_file))
        (self.exporter.home / "config.yaml").write_text(text, "utf-8")
        self.exporter.process.send_signal(signal.SIGHUP)

    def _live_sick(self) -> None:
        phase = Phase()
        self.phases.append(phase)
        failed = dict.fromkeys(self._faults, 0.0)
        if len(self.phases) > 1:
            before = self.phases[-2].after
            assert before
            failed = {bot: sum(failures(before, bot).values()) for bot in self._faults}
        deadline = time.monotonic() + LONGEST_SICKNESS
        while time.monotonic() < deadline:
            metrics = self._scrape(phase)
            if all(self._shows(metrics, bot, failed[bot]) for bot in self._faults):
                return
            time.sleep(SEEN_EACH)

    def _shows(self, metrics: Metrics, bot: str, failed_before: float) -> bool:
        """Tell whether a bot's fault has had all the effect it may have."""
        fault = self._faults[bot]
        failed = sum(failures(metrics, bot).values()) - failed_before > 1
        if fault.exposed == KEPT:
            return value(metrics, bot) is not None and (failed or not fault.reason)
        return value(metrics, bot) is None and failed

    def _recover(self) -> None:
        phase = self.phases[-1]
        self._set(sick=False)
        began = time.monotonic()
        while time.monotonic() - began < LONGEST_RECOVERY:
            phase.after = self._scrape(phase, is_sick=False)
            for bot in self._faults.keys() - phase.back.keys():
                if phase.after.value("nativechat_exporter_query_up", bot=bot) and value(phase.after, bot):
                    phase.back[bot] = time.monotonic() - began
            if len(phase.back) == len(self._faults):
                return
            time.sleep(SEEN_EACH)

    def _scrape(self, phase: Phase, *, is_sick: bool = True) -> Metrics:
        began = time.monotonic()
        text = self.exporter.ask("/metrics").text
        phase.scrape_seconds.append(time.monotonic() - began)
        self.served.append(text)
        metrics = self.exporter.parse(text)
        if is_sick:
            phase.during.append(metrics)
        return metrics


def process(pid: int) -> dict[str, str]:
    """Return what the system tells anybody of a process: its title, its threads' names, its children."""
    home = Path(f"/proc/{pid}")
    tasks: Sequence[Path] = list((home / "task").iterdir())
    return {
        "command line": (home / "cmdline").read_text("utf-8"),
        "titles": " ".join(sorted({(task / "comm").read_text("utf-8").strip() for task in tasks})),
        "children": " ".join(child for task in tasks for child in (task / "children").read_text().split()),
        "status": (home / "status").read_text("utf-8"),
    }
