"""What a real Prometheus answers to every panel of a dashboard, over a simulated NativeChat."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from exporter.config.load import parse
from exporter.monitoring.dashboard import dashboard
from tests.flow.prometheus import asked
from tests.flow.prometheus import prometheus as scraping
from tests.grafana import substitution
from tests.grafana.configurations import SHAPES
from tests.grafana.substitution import Prometheus

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

ROOT = Path(__file__).parents[2]
SHIPPED = "shipped"
TWICE = "two exporters"
SETTLED = 120.0
"""Seconds within which all is scraped, and every expression has what it looks back on."""


def shipped() -> list[dict[str, Any]]:
    """Return the shipped queries, asked each second; an alert's time is shortened with it."""
    document = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    quickened: list[dict[str, Any]] = [{**query, "every": "1s"} for query in document["queries"]]
    for query in quickened:
        if "alert" in query:
            query["alert"] = {**query["alert"], "within": "10s"}
    return quickened


@pytest.fixture(scope="module")
def chat(nativechat: Callable[..., Chat]) -> Chat:
    return nativechat(bots=10)


@pytest.fixture(scope="module")
def documents(chat: Chat) -> dict[str, dict[str, Any]]:
    """The configuration of each exporter."""
    api = {"url": chat.url, "rate": "none"}
    made = {name: shape.document(api=api) for name, shape in SHAPES.items()}
    return {**made, SHIPPED: {**made["one bot"], "queries": shipped()}}


@pytest.fixture(scope="module")
def running(chat: Chat, documents: dict[str, dict[str, Any]], exporter: StartExporter) -> dict[str, Running]:
    """An exporter for each configuration."""
    return {name: exporter(document, env=chat.environ) for name, document in documents.items()}


@pytest.fixture(scope="module")
def targets(running: dict[str, Running]) -> dict[str, list[str]]:
    """What Prometheus scrapes for each job: the exporter of each configuration, one of them also as two."""
    addresses = {name: one.address for name, one in running.items()}
    twice = addresses["one bot"]
    return {name: [one] for name, one in addresses.items()} | {
        TWICE: [twice, twice.replace("127.0.0.1", "localhost")]
    }


@pytest.fixture(scope="module")
def prometheus(
    targets: dict[str, list[str]],
    installed: Callable[[str, str], str],
    eventually: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """A Prometheus that has scraped all of them."""
    program = installed("prometheus", "prometheus")
    number = sum(map(len, targets.values()))
    with scraping(program, targets, tmp_path_factory.mktemp("prometheus")) as address:
        eventually(lambda: len(asked(address, "up == 1", by=("job", "instance"))) == number, SETTLED)
        yield Prometheus(address)


def drawn(document: dict[str, Any], chat: Chat) -> dict[str, Any]:
    """Return the dashboard of a configuration."""
    config = parse(json.dumps(document).encode(), Path("config.yaml"), chat.environ).config
    return dict(json.loads(dashboard(config, "https://example.com/runbook")))


def chosen(made: dict[str, Any], prometheus: Prometheus, job: str) -> dict[str, str]:
    """Return the values of a dashboard's variables when one job is chosen, and else All."""
    return substitution.chosen(made, prometheus, {"job": substitution.several([job])})


@pytest.mark.parametrize("name", [*SHAPES, SHIPPED])
def test_every_expression_returns_data(
    name: str,
    documents: dict[str, dict[str, Any]],
    chat: Chat,
    prometheus: Prometheus,
    eventually: Callable[..., Any],
) -> None:
    made = drawn(documents[name], chat)
    missing = list(substitution.expressions(made))
    assert missing

    def all_there() -> bool:
        # A share of what is new needs something new.
        chat.simulation.burst(chat.names[0], 1)
        values = chosen(made, prometheus, name)
        missing[:] = [one for one in missing if not numbers(prometheus, one.expr, values)]
        return not missing

    try:
        eventually(all_there, SETTLED)
    except AssertionError:
        pytest.fail(f"nothing from {missing}")


def numbers(prometheus: Prometheus, expr: str, values: dict[str, str]) -> list[float]:
    """Return an expression's values that are numbers."""
    found = prometheus.query(substitution.substituted(expr, values))
    return [number for one in found if not math.isnan(number := float(one["value"][1]))]


def expression(made: dict[str, Any], row: str, title: str, target: int = 0) -> str:
    """Return the expression of a row's panel."""
    panels = list(substitution.panels(made))
    titles = [panel["title"] for panel in panels]
    panel = next(one for one in panels[titles.index(row) :] if one["title"] == title)
    return str(panel["targets"][target]["expr"])


def test_two_exporters_that_show_the_same_count_once(
    documents: dict[str, dict[str, Any]], chat: Chat, prometheus: Prometheus, eventually: Callable[..., Any]
) -> None:
    made = drawn(documents["one bot"], chat)
    conversations = expression(made, "Trends", "Totals")
    bots, exporters = (expression(made, "At a glance", "Up", target) for target in (0, 2))

    def shown() -> list[list[float]]:
        values = chosen(made, prometheus, TWICE)
        return [numbers(prometheus, expr, values) for expr in (conversations, bots, exporters)]

    count = chat.simulation.counts(chat.names[0])["conversations"]
    assert eventually(lambda: shown() == [[count], [1], [2]])


def test_what_is_new_is_told_though_history_is_deleted_meanwhile(
    documents: dict[str, dict[str, Any]], chat: Chat, prometheus: Prometheus, eventually: Callable[..., Any]
) -> None:
    made = drawn(documents["only messages"], chat)
    values = chosen(made, prometheus, "only messages") | {"__range": "10s"}
    new = expression(made, "At a glance", "New")
    now = substitution.substituted(expression(made, "Trends", "Bots"), values)
    bot = chat.names[0]

    def reached() -> bool:
        counted = chat.simulation.counts(bot)["messages"]
        return [float(one["value"][1]) for one in prometheus.query(now)] == [counted]

    assert eventually(reached)
    assert eventually(lambda: numbers(prometheus, new, values) == [0])
    before = chat.simulation.counts(bot)["messages"]
    chat.simulation.burst(bot, 7)
    more = chat.simulation.counts(bot)["messages"] - before
    assert eventually(reached)
    chat.simulation.forget_oldest(bot, 5)
    assert eventually(reached)
    # Prometheus extrapolates to the edges of the time shown, which are at most a scrape away.
    assert eventually(lambda: more <= sum(numbers(prometheus, new, values)) <= 1.2 * more)


def test_a_restart_and_a_reload_are_marked_at_their_times(
    documents: dict[str, dict[str, Any]],
    chat: Chat,
    running: dict[str, Running],
    prometheus: Prometheus,
    eventually: Callable[..., Any],
) -> None:
    made = drawn(documents["one bot"], chat)
    values = chosen(made, prometheus, "one bot")

    def marked(name: str) -> list[float]:
        """Return the times of marks, in seconds."""
        [expr] = [one["expr"] for one in made["annotations"]["list"] if one["name"] == name]
        return [at / 1000 for at in numbers(prometheus, expr, values)]

    [started] = marked("Restarts")
    assert time.time() - 600 < started <= time.time()
    assert marked("Reloads") == []
    # What is loaded within half a minute of a start belongs to the start.
    eventually(lambda: time.time() > started + 31, SETTLED)
    before = time.time()
    running["one bot"].process.send_signal(signal.SIGHUP)
    [reloaded] = eventually(lambda: marked("Reloads"))
    assert before <= reloaded <= time.time()
