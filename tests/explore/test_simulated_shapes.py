"""Laws of `explore` and `verify` for each simulated shape: right counts, and nothing personal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest

from exporter.clock import SystemClock
from exporter.config.load import load
from exporter.explore.explore import most_requests
from exporter.handler import Handler
from exporter.model import COLLECTIONS
from exporter.plan import make_plan
from exporter.simulator.api import app
from exporter.simulator.bots import simulated_bots
from exporter.simulator.settings import SHAPES
from exporter.simulator.simulation import Simulation
from tests.explore.conftest import Document
from tests.explore.evaluation import holds, shown_of

Typed = Callable[..., CompletedProcess[str]]
Serve = Callable[[Handler], str]

LISTS = {"limit", "skip", "sort", "page"}
KINDS = {"success", "error", "abandoned", "facebook", "viber", "darvin", "user", "bot"}
UNTIDY = {"ad", "mail", *"01235"}
"""Values that may be shown: kinds of things, and numbers that are text."""

ALWAYS = {
    "conversations",
    "messages",
    "conversations_by_channel",
    "conversations_by_outcome",
    "conversations_with_errors",
    "conversations_engaged",
}
WINDOWS = {
    "conversations_last_hour",
    "conversations_last_day",
    "messages_last_hour",
    "messages_last_day",
}
SENDER, FIELD = {"messages_by_sender"}, {"conversations_by_field"}
QUERIES = {
    "documented": ALWAYS | WINDOWS,
    "flat": ALWAYS | WINDOWS | SENDER,
    "extended": ALWAYS | WINDOWS,
    "untidy": ALWAYS | WINDOWS | SENDER | FIELD,
    "unordered": ALWAYS | WINDOWS | SENDER | FIELD,
    "delivered": ALWAYS | WINDOWS | SENDER,
}


class Explored(NamedTuple):
    name: str
    simulation: Simulation
    config: Path
    output: str
    requests: int


@pytest.fixture(params=SHAPES)
def explored(
    request: pytest.FixtureRequest,
    typed: Typed,
    serve: Serve,
    tmp_path: Path,
    plain_environment: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Explored:
    shape = SHAPES[request.param]
    settings = replace(shape, growth=0, history=250, throttle=shape.throttle / 4)
    simulation = Simulation(settings, simulated_bots(1), SystemClock())
    [bot] = simulation.bots
    monkeypatch.setenv("NATIVECHAT_BOT_ID", bot.id)
    monkeypatch.setenv("NATIVECHAT_TOKEN", bot.token.reveal())
    before, after = tmp_path / "before.yaml", tmp_path / "config.yaml"
    before.write_text(
        f"api: {{url: '{serve(app(simulation))}', rate: none, retries: 5}}\n"
        "bots: [{name: main, id: {env: NATIVECHAT_BOT_ID}, token: {env: NATIVECHAT_TOKEN}}]\n"
        "queries: [{name: conversations, collection: conversations}]\n"
    )
    words = ("explore", "--config.file", before, "--bot", "main")
    table = typed(*words, "--write", after)
    requests = simulation.requests(bot.name)
    assert table.returncode == 0, table.stderr
    data = typed(*words, "--output", "json")
    output = "\n".join((table.stdout, table.stderr, data.stdout, data.stderr, after.read_text("utf-8")))
    return Explored(request.param, simulation, after, output, requests)


def stored(simulation: Simulation) -> dict[str, list[Document]]:
    [service] = simulation._services.values()
    return {collection: list(service.data.rows(collection)) for collection in COLLECTIONS}


def test_a_simulated_shape_is_verified_and_counted_and_shows_nothing_personal(
    explored: Explored, typed: Typed
) -> None:
    assert_nothing_personal_is_shown(explored)
    assert explored.requests <= 1.2 * most_requests(500)  # with what was throttled
    assert typed("check", "--strict", "--config.file", explored.config).returncode == 0
    config = load(explored.config, {}, secrets="optional").config
    assert {query.name for query in config.queries} == QUERIES[explored.name]
    verified = typed("verify", "--output", "json", "--config.file", explored.config)
    differs = {each["finding"] for each in json.loads(verified.stdout) if each["result"] == "differs"}
    assert differs <= LISTS
    before = datetime.now(UTC), stored(explored.simulation)
    done = typed("count", "--output", "json", "--config.file", explored.config)
    after = datetime.now(UTC), stored(explored.simulation)
    counts: dict[Any, int] = {
        (each["query"], tuple(sorted(each["labels"].items()))): each["count"]
        for each in json.loads(done.stdout)
    }
    for poll in make_plan(config).polls:
        for series in poll.series:
            predicate = json.loads(series.predicate.text or "{}")
            most, least = (  # meanwhile documents may be delivered, or leave the last hour
                sum(holds(document, predicate, now) for document in documents[poll.query.collection])
                for now, documents in (before, after)
            )
            assert least <= counts[poll.query.name, series.labels] <= most, series


def assert_nothing_personal_is_shown(explored: Explored) -> None:
    rows = [row for rows in stored(explored.simulation).values() for row in rows]
    assert len(rows) > 300
    assert shown_of(iter(rows), explored.output) <= KINDS | UNTIDY
    [bot] = explored.simulation.bots
    assert bot.token.reveal() not in explored.output
