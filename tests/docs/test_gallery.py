"""Laws of docs/gallery.md: each query works, counts something simulated, and says what it assumes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from exporter.cli import cli
from exporter.config.load import parse
from exporter.language import predicate
from exporter.model import Plan
from exporter.plan import make_plan
from exporter.simulator.bots import simulated_bots
from exporter.simulator.settings import Settings
from exporter.simulator.simulation import Simulation
from tests.clock import FakeClock

if TYPE_CHECKING:
    from tests.docs.conftest import Manual

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
UNSEEN = (
    {"Status": "success", "Errors": 1},
    {"Messages.user": 0},
    {"Messages.bot": 0},
)
"""Conversations that the simulator never makes up by itself."""


@pytest.fixture(scope="module")
def queries(manual: Manual) -> dict[str, Any]:
    """Every query of the gallery by name; one that is shown twice, as it is shown first."""
    found: dict[str, Any] = {}
    for example in manual.of("configuration"):
        if example.page == "gallery.md":
            for query in yaml.safe_load(example.text)["queries"]:
                found.setdefault(query["name"], query)
    return found


@pytest.fixture(scope="module")
def config_file(queries: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with all of them."""
    file = tmp_path_factory.mktemp("gallery") / "config.yaml"
    bot = {"name": "support", "id": {"env": "BOT_ID"}, "token": {"env": "TOKEN"}}
    file.write_text(json.dumps({"bots": [bot], "queries": list(queries.values())}), "utf-8")
    return file


@pytest.fixture(scope="module")
def plan(config_file: Path) -> Plan:
    return make_plan(parse(config_file.read_bytes(), config_file, {"BOT_ID": "a", "TOKEN": "a-token"}).config)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    """Two weeks of simulated conversations, and a few that are rare."""
    settings = Settings(history=3000, history_days=15)
    made = Simulation(settings, simulated_bots(1, settings.seed), FakeClock(wall=NOW.timestamp()))
    for fields in UNSEEN:
        made.burst(made.bots[0].name, 1, fields)
    return made


def test_all_of_them_together_pass_a_strict_check(config_file: Path) -> None:
    words = ["check", "--strict", "--config.file", str(config_file)]
    done = CliRunner().invoke(cli, words, env={"BOT_ID": "5990b7b5d57ae86c1b2dfd6e", "TOKEN": "a-token"})
    assert (done.exit_code, done.stderr) == (0, "")


def test_each_counts_something_in_simulated_data(plan: Plan, simulation: Simulation) -> None:
    counted = {}
    for poll in plan.polls:
        counted[poll.query.name] = sum(
            simulation.count(
                simulation.bots[0].name,
                poll.query.collection,
                json.loads(predicate.write(series.predicate, NOW, plan.zone, "iso") or "{}"),
            )
            for series in poll.series
        )
    assert [name for name, count in counted.items() if not count] == []


def test_there_are_twenty_and_each_says_what_it_is_for_and_what_it_assumes(manual: Manual) -> None:
    sections = re.split(r"^### ", manual.pages["gallery.md"], flags=re.MULTILINE)[1:]
    assert len(sections) >= 20
    for section in sections:
        assert re.match(r"\d+\. .+\n\n\S.+\.\n(.+\.\n)?\n<!-- part of a configuration -->\n", section), (
            section
        )
        assert len(re.findall(r"^\*Assumes\* ", section, re.MULTILINE)) == 1, section
