"""Shows what prometheus-client's own collectors tell of the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, Metric, PlatformCollector, ProcessCollector

from exporter.exposition.family import Family
from exporter.exposition.sheet import Sheet

LOOK_SERVES: Final = 1.0
"""Seconds for which one look serves every scrape: it costs more than the rest of a page of 1,000 series."""


class Process:
    """The metrics `process_*` and `python_*` on a sheet, written by `take`."""

    def __init__(self, sheet: Sheet, steady: Callable[[], float]) -> None:
        self._sheet = sheet
        self._steady = steady
        self._serves_until = float("-inf")
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, GCCollector, PlatformCollector):
            collector(registry=self._registry)
        self._families: dict[str, Family] = {}

    def take(self) -> None:
        """Show the process as it is, at most a second ago.

        What cannot be found out, as without a descriptor, is absent.
        """
        if self._steady() < self._serves_until:
            return
        self._serves_until = self._steady() + LOOK_SERVES
        found = {metric.name: metric for metric in self._registry.collect()}
        for name, metric in found.items():
            family = self._families.get(name)
            if family is None:
                family = self._families[name] = Family(self._sheet, _blank(metric))
            family.set_all([sample.value for sample in metric.samples])
        for name in self._families.keys() - found.keys():
            self._families[name].clear()


def _blank(metric: Metric) -> Metric:
    like = Metric(metric.name, metric.documentation, metric.type)
    for sample in metric.samples:
        like.add_sample(sample.name, sample.labels, 0)
    return like
