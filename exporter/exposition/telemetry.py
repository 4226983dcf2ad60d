"""Counts what the process itself does."""

from __future__ import annotations

import platform
from collections.abc import Callable
from threading import Lock

from exporter import __version__
from exporter.exposition.attempts import Attempts
from exporter.exposition.family import Family, Kind, blank
from exporter.exposition.process import Process
from exporter.exposition.sheet import Sheet
from exporter.model import Collection, Labels, Plan


class Telemetry:
    """The metrics that do not belong to a poll; each exists from the first second.

    Safe to use from every thread, but for `apply`, `take` and `sheets`, which are for one at a time.
    """

    def __init__(self, shard_ordinal: int, shard_total: int, steady: Callable[[], float]) -> None:
        self._attempts = Attempts()
        self._sheet = Sheet()
        self._lag = 0.0
        self._reload_good = False
        self._reload_time = 0.0
        self._defects = 0
        self._lock = Lock()
        self._shown_lag = self._add("schedule_lag_seconds", "gauge", "How late the latest run started.")
        self._shown_good = self._add(
            "config_last_reload_successful",
            "gauge",
            "1 if the last reload of the configuration worked, else 0.",
        )
        self._shown_time = self._add(
            "config_last_reload_success_timestamp_seconds",
            "gauge",
            "When the configuration in use was loaded, in Unix seconds.",
        )
        self._shown_defects = self._add(
            "internal_errors",
            "counter",
            "Errors that are defects of the exporter; each is in its log with a traceback.",
        )
        self._add("shard_ordinal", "gauge", "Which shard this exporter is, from 0.").set(0, shard_ordinal)
        # Of no type: Prometheus's own linter keeps names in `_total` for counters, and this counts nothing.
        self._add("shard_total", "unknown", "How many shards there are.").set(0, shard_total)
        build = (("version", __version__), ("python", platform.python_version()))
        self._add("build_info", "gauge", "1, with the exporter's version and Python's.", build).set(0, 1)
        self._process = Process(self._sheet, steady)

    def apply(self, plan: Plan) -> None:
        """Show the requests of the plan's bots from 0 on, and those of no other."""
        self._attempts.apply(plan)

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """Everything, up to the last `take`."""
        return self._attempts.sheet, self._sheet

    def take(self) -> None:
        """Show everything up to now."""
        self._shown_lag.set(0, self._lag)
        self._shown_good.set(0, self._reload_good)
        self._shown_time.set(0, self._reload_time)
        self._shown_defects.set(0, self._defects)
        self._process.take()
        self._attempts.take()

    def attempted(self, bot: str, collection: Collection, status: int | None, seconds: float) -> None:
        """Count one attempt of a request."""
        self._attempts.add(bot, collection, status, seconds)

    def lagged(self, seconds: float) -> None:
        """Note how late a run started."""
        self._lag = max(0.0, seconds)

    def reloaded(self, when: float | None) -> None:
        """Note a load of the configuration at Unix time `when`, or with None that one failed."""
        self._reload_good = when is not None
        if when is not None:
            self._reload_time = when

    def defect(self) -> None:
        """Count an internal error."""
        with self._lock:
            self._defects += 1

    def _add(self, name: str, kind: Kind, help_text: str, labels: Labels = ()) -> Family:
        return Family(self._sheet, blank(f"nativechat_exporter_{name}", help_text, kind, [labels]))
