"""Counts the attempts of requests to NativeChat, by status and by how long they took."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable
from threading import Lock
from typing import Final

from prometheus_client import Histogram, Metric

from exporter.exposition.family import Family, blank, write_value
from exporter.exposition.sheet import Sheet
from exporter.model import Collection, Labels, Plan

NO_ANSWER: Final = "none"
"""The label `code` of an attempt that got no HTTP status."""

_BOUNDS: Final = tuple(map(float, Histogram.DEFAULT_BUCKETS))
_REQUESTS: Final = "nativechat_exporter_api_requests"
_REQUESTS_HELP: Final = (
    'Attempts of requests to NativeChat by HTTP status; code "none" where there was no answer.'
)
_DURATION: Final = "nativechat_exporter_api_request_duration_seconds"
_DURATION_HELP: Final = "How long one attempt of a request to NativeChat took."

_Key = tuple[str, str]
"""A bot and a collection."""


class _Tally:
    """The attempts for one bot and collection; `buckets` do not include each other yet."""

    __slots__ = ("buckets", "codes", "seconds")

    def __init__(self) -> None:
        self.codes = {"200": 0, NO_ANSWER: 0}
        self.buckets = [0] * len(_BOUNDS)
        self.seconds = 0.0

    def values(self) -> list[float]:
        """Return the samples of the histogram, in their order."""
        inclusive = list(itertools.accumulate(self.buckets))
        return [*inclusive, inclusive[-1], self.seconds]


class Attempts:
    """Two metrics whose every label set exists from the first second of its plan.

    They are on `sheet`, up to the last `take`. `add` is safe from every thread; the rest is for one
    thread at a time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._tallies: dict[_Key, _Tally] = {}
        self._touched: set[_Key] = set()
        self._laid_out = False
        self._lay_out()

    def apply(self, plan: Plan) -> None:
        """Show the requests of the plan's bots from 0 on, and those of no other."""
        shown: dict[_Key, None] = {(poll.bot.name, str(poll.query.collection)): None for poll in plan.polls}
        with self._lock:
            self._tallies = {key: self._tallies.get(key) or _Tally() for key in shown}
            self._laid_out = False

    def add(self, bot: str, collection: Collection, status: int | None, seconds: float) -> None:
        """Count one attempt, unless a reload took the bot away while it was in flight."""
        key, code = (bot, str(collection)), NO_ANSWER if status is None else str(status)
        bucket = bisect_left(_BOUNDS, seconds)
        with self._lock:
            tally = self._tallies.get(key)
            if tally is None:
                return
            if code not in tally.codes:
                tally.codes[code] = 0
                self._laid_out = False
            tally.codes[code] += 1
            tally.buckets[bucket] += 1
            tally.seconds += seconds
            self._touched.add(key)

    def take(self) -> None:
        """Show both metrics up to now."""
        with self._lock:
            if not self._laid_out:
                self._lay_out()
            for key in self._touched:
                self._write(key)
            self._touched.clear()

    def _lay_out(self) -> None:
        """Begin a new sheet, since a metric has label sets that it had not."""
        self.sheet = Sheet()
        codes = [(key, code) for key, tally in self._tallies.items() for code in tally.codes]
        requests = blank(_REQUESTS, _REQUESTS_HELP, "counter", [(*_labels(k), ("code", c)) for k, c in codes])
        self._requests = Family(self.sheet, requests)
        self._durations = Family(self.sheet, _histogram(self._tallies))
        self._code_rows = {key: row for row, key in reversed([*enumerate(key for key, _ in codes)])}
        self._duration_rows = {key: number * (len(_BOUNDS) + 2) for number, key in enumerate(self._tallies)}
        self._touched = set(self._tallies)
        self._laid_out = True

    def _write(self, key: _Key) -> None:
        tally = self._tallies[key]
        for row, count in enumerate(tally.codes.values(), self._code_rows[key]):
            self._requests.set(row, count)
        for row, value in enumerate(tally.values(), self._duration_rows[key]):
            self._durations.set(row, value)


def _labels(key: _Key) -> Labels:
    return ("bot", key[0]), ("collection", key[1])


def _histogram(keys: Iterable[_Key]) -> Metric:
    metric = Metric(_DURATION, _DURATION_HELP, "histogram")
    for key in keys:
        labels = dict(_labels(key))
        for bound in _BOUNDS:
            metric.add_sample(f"{_DURATION}_bucket", {**labels, "le": write_value(bound)}, 0)
        metric.add_sample(f"{_DURATION}_count", labels, 0)
        metric.add_sample(f"{_DURATION}_sum", labels, 0)
    return metric
