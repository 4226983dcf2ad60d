"""The metrics page over a real store, on a clock that a test moves, and readers of the page."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import prometheus_client.openmetrics.parser
import prometheus_client.parser
import pytest

from exporter.exposition.exposition import Exposition
from exporter.exposition.telemetry import Telemetry
from exporter.model import Bot, Config, Plan, Predicate, Query, TokenSource, Variant
from exporter.plan import make_plan
from exporter.store.store import Store
from tests.clock import FakeClock

TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

_PARSERS = {
    TEXT: prometheus_client.parser.text_string_to_metric_families,
    # prometheus-client leaves this one untyped
    OPENMETRICS: cast("Any", prometheus_client.openmetrics.parser.text_string_to_metric_families),
}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Page:
    """A metrics page, the store behind it, and a parser of the page."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = Store(self.clock)
        self.telemetry = Telemetry(0, 1)
        self.exposition = Exposition(self.telemetry, self.store.snapshot, self.clock.steady)

    def apply(self, plan: Plan) -> None:
        self.exposition.apply(plan, with_it=lambda: self.store.apply(plan))

    def text(self, accept: str = TEXT) -> str:
        body, _ = self.exposition.scrape(accept, "identity")
        return body.decode()

    def families(self, accept: str = TEXT) -> list[Any]:
        return list(_PARSERS[accept](self.text(accept)))

    def samples(self, accept: str = TEXT) -> Samples:
        """Return every sample; no two have the same name and labels."""
        listed = [sample for family in self.families(accept) for sample in family.samples]
        read = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in listed}
        assert len(read) == len(listed)
        return read

    def lines(self, accept: str = TEXT) -> list[str]:
        """Return the lines of the exporter's own metrics, without those of the process."""
        return [line for line in self.text(accept).split("\n") if not _of_the_process(line)]


def _of_the_process(line: str) -> bool:
    return line.removeprefix("# HELP ").removeprefix("# TYPE ").startswith(("process_", "python_"))


@contextmanager
def _meanwhile(work: Callable[[], None]) -> Iterator[None]:
    ended = threading.Event()

    def repeat() -> None:
        while not ended.is_set():
            work()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4, thread_name_prefix="meanwhile") as threads:
            repeated = [threads.submit(repeat) for _ in range(4)]
            try:
                yield
            finally:
                ended.set()
        for each in repeated:
            each.result()
    finally:
        sys.setswitchinterval(interval)


@pytest.fixture
def meanwhile() -> Callable[[Callable[[], None]], AbstractContextManager[None]]:
    """Repeat some work on four threads during a block, with thread switches as often as possible.

    So what is not locked shows. The block ends with the error of the work, if there was one.
    """
    return _meanwhile


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def make() -> Callable[..., Query]:
    """Make a query, with a variant for each value of its label `value` if any are given."""

    def made(name: str, *values: str, bots: tuple[str, ...] = ("main",), **changes: Any) -> Query:
        return Query(
            **{
                "name": name,
                "help": f"What {name} counts.",
                "collection": "conversations",
                "every": 60.0,
                "stale_after": 300.0,
                "bots": bots,
                "label_names": ("value",) if values else (),
                "variants": tuple(
                    Variant((("value", value),), Predicate(f'{{"A":{number}}}'))
                    for number, value in enumerate(values)
                )
                or (Variant(),),
                **changes,
            }
        )

    return made


@pytest.fixture
def plan_of() -> Callable[..., Plan]:
    """Make a plan of queries, with every bot that they name."""

    def made(*queries: Query, **labels: str) -> Plan:
        names = dict.fromkeys(name for query in queries for name in query.bots)
        shared = tuple(sorted(labels.items()))
        bots = tuple(Bot(name, f"id of {name}", TokenSource(env="TOKEN"), shared) for name in names)
        return make_plan(Config(bots, queries))

    return made
