"""One exporter with every fault at once: from the start, then none, then all again, then none."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.flow.faults.peer import Peer
from tests.flow.faults.row import KEPT
from tests.flow.stopwatch import Stopwatch

if TYPE_CHECKING:
    from tests.flow.conftest import Metrics, Running

TOKEN: Final = "t0ken-that-nobody-may-see"
STALE_AFTER: Final = 4
TIMEOUT: Final = 2.0
LONGEST: Final = 120.0
SEEN_EACH: Final = 0.25
PATHS: Final = ("/", "/-/healthy", "/-/ready", "/-/config", "/-/reload", "/nowhere", "/metrics")
BOT_LINES: Final = ("bot is down", "bot is up again")
QUERY_LINES: Final = ("query fails", "query works again")
OPEN_METRICS: Final = {"Accept": "application/openmetrics-text; version=1.0.0"}


def value(metrics: Metrics, bot: str) -> float | None:
    return metrics.value("nativechat_conversations", bot=bot)


def failures(metrics: Metrics, bot: str) -> dict[str, float]:
    return metrics.by("reason", "nativechat_exporter_bot_failures_total", bot=bot)


def failed_runs(before: Metrics, after: Metrics, bot: str) -> float:
    """Return how many runs of a bot failed between two scrapes: one series, so one failure a run."""
    return sum(failures(after, bot).values()) - sum(failures(before, bot).values())


def config(peers: Mapping[str, Peer], ca_file: Path, **api: object) -> dict[str, Any]:
    """Return a configuration that polls each peer as a bot of its own, each second."""
    return {
        "api": {"timeout": f"{TIMEOUT:g}s", "retries": 1, "concurrency": 2, "ca_file": str(ca_file), **api},
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


@dataclass(frozen=True)
class Scrape:
    """What was exposed at some moment between `asked_at` and `answered_at`, in wall seconds."""

    asked_at: float
    answered_at: float
    metrics: Metrics


@dataclass(frozen=True)
class Return:
    """After how many seconds and failed runs a bot's value was back once its API was well."""

    seconds: float
    failed_runs: float


@dataclass
class Phase:
    """The scrapes during all faults, and after them.

    `before` was exposed when they began, `well` when every API had become well, `after` in the end.
    """

    before: Metrics
    during: list[Scrape] = field(default_factory=list)
    well: Metrics | None = None
    back: dict[str, Return] = field(default_factory=dict)
    after: Metrics | None = None

    @property
    def last(self) -> Metrics:
        """What was exposed when every fault had had its effect."""
        return self.during[-1].metrics


class Scenario:
    """The exporter, its peers, and what it exposed; `served` has all of its responses.

    It is `void` if this machine stood still for so long that a good request may have timed out.
    """

    def __init__(self, running: Running, peers: Mapping[str, Peer], ca_file: Path) -> None:
        self.exporter = running
        self.phases: list[Phase] = []
        self.page = ""
        self.served: list[str] = []
        self.process: dict[str, str] = {}
        self.void = False
        self._lines: dict[str, list[dict[str, str]]] = {}
        self._peers = peers
        self._ca_file = ca_file
        self._faults = {name: peer.fault for name, peer in peers.items() if peer.fault}

    def run(self) -> None:
        """Let all faults begin and end twice."""
        with Stopwatch() as stopwatch:
            self._run()
        self.void = stopwatch.longest_halt > TIMEOUT / 2

    def _run(self) -> None:
        self._run_faulty()
        self._recover()
        self._set(faulty=True)
        self._run_faulty()
        for path in PATHS:
            self.served.append(self.exporter.ask(path, headers=OPEN_METRICS).text)
        self.page = self.exporter.ask("/").text
        self.process = process(self.exporter.process.pid)
        self._recover()
        # Lines are written a moment after the event: each outage has ended, so wait for its line.
        for begins, ends in (BOT_LINES, QUERY_LINES):
            self.exporter.logged(ends, len(self.exporter.log(begins)))
        changes = (f"{begins} for another reason" for begins, _ in (BOT_LINES, QUERY_LINES))
        messages = (*BOT_LINES, *QUERY_LINES, *changes)
        self._lines = {msg: self.exporter.log(msg) for msg in messages}

    def lines(self, msg: str, bot: str) -> list[dict[str, str]]:
        """Return the log lines with this message for a bot."""
        return [line for line in self._lines[msg] if line["bot"] == bot]

    def outages(self, bot: str) -> list[str]:
        """Return the messages of all log lines about a bot and its queries."""
        return [line["msg"] for lines in self._lines.values() for line in lines if line["bot"] == bot]

    def number(self, bot: str) -> int:
        """Return the count that a bot's API gives while it is well."""
        return self._peers[bot].number

    @property
    def heads(self) -> list[bytes]:
        """Every whole request that reached a peer."""
        return [head for peer in self._peers.values() for head in peer.heads if head.endswith(b"\r\n")]

    def _set(self, *, faulty: bool) -> None:
        """Let every fault begin or end, and return after a reload."""
        for peer in self._peers.values():
            if faulty:
                peer.begin_fault()
            else:
                peer.end_fault()
        in_use = "configuration in use"
        loaded = len(self.exporter.logged(in_use))
        text = json.dumps(config(self._peers, self._ca_file))
        (self.exporter.home / "config.yaml").write_text(text, "utf-8")
        self.exporter.process.send_signal(signal.SIGHUP)
        self.exporter.logged(in_use, loaded + 1)

    def _run_faulty(self) -> None:
        phase = Phase(before=self._scrape().metrics)
        self.phases.append(phase)
        for scrape in self._scrapes():
            phase.during.append(scrape)
            if all(self._shows(phase, bot) for bot in self._faults):
                return

    def _shows(self, phase: Phase, bot: str) -> bool:
        """Return whether a bot's fault has had all of its effects."""
        fault = self._faults[bot]
        failed = failed_runs(phase.before, phase.last, bot) > 1
        if fault.exposed == KEPT:
            return value(phase.last, bot) is not None and (failed or not fault.reason)
        return value(phase.last, bot) is None and failed

    def _recover(self) -> None:
        phase = self.phases[-1]
        self._set(faulty=False)
        began = time.monotonic()
        for scrape in self._scrapes():
            phase.after = scrape.metrics
            phase.well = phase.well or phase.after
            for bot in self._faults.keys() - phase.back.keys():
                if phase.after.value("nativechat_exporter_query_up", bot=bot) and value(phase.after, bot):
                    failed = failed_runs(phase.well, phase.after, bot)
                    phase.back[bot] = Return(time.monotonic() - began, failed)
            if len(phase.back) == len(self._faults):
                return

    def _scrapes(self) -> Iterator[Scrape]:
        """Scrape repeatedly, for a long time."""
        give_up = time.monotonic() + LONGEST
        while time.monotonic() < give_up:
            yield self._scrape()
            time.sleep(SEEN_EACH)

    def _scrape(self) -> Scrape:
        asked_at = time.time()
        text = self.exporter.ask("/metrics").text
        answered_at = time.time()
        self.served.append(text)
        return Scrape(asked_at, answered_at, self.exporter.parse(text))


def process(pid: int) -> dict[str, str]:
    """Return what any user can read of a process: its title, its threads' names, its children."""
    home = Path(f"/proc/{pid}")

    def of_threads(name: str) -> str:
        texts = set()
        for task in (home / "task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # this thread has just ended
                texts.add((task / name).read_text("utf-8").strip())
        return " ".join(sorted(texts - {""}))

    return {
        "command line": (home / "cmdline").read_text("utf-8"),
        "titles": of_threads("comm"),
        "children": of_threads("children"),
        "status": (home / "status").read_text("utf-8"),
    }
