"""Configurations of every shape, and promtool to check rules."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.config.load import load, parse
from exporter.model import Config

ROOT = Path(__file__).parents[2]

_SECRETS = "id: {env: ID}, token: {env: TOKEN}"
_BOT = f"bots: [{{name: main, {_SECRETS}}}]\n"
_CHANNELS = "labels: {channel: [facebook, viber]}, query: {Data.channel.ProviderName: '{channel}'}"

CONFIGURATIONS = {
    "one_bot": f"{_BOT}queries: [{{name: all, collection: conversations, alert: {{above: 9}}}}]",
    "ten_bots": f"""
bots: [{", ".join(f"{{name: b{n}, {_SECRETS}, labels: {{team: t{n}}}}}" for n in range(10))}]
queries: [{{name: all, collection: conversations, every: 1h, alert: {{rises_by: 5, within: 1d, for: 2h}}}}]
""",
    "two_labels": f"""{_BOT}
queries:
  - {{name: all, collection: conversations, {_CHANNELS}}}
  - name: some
    collection: conversations
    labels: {{channel: [facebook, viber], first_name: [Zoë, "O'Neill", "a\\nb"]}}
    query: {{Data.channel.ProviderName: "{{channel}}", Data.user.FirstName: "{{first_name}}"}}
    alert: {{below: 12.3%, of: all, summary: "{{{{ $labels.first_name }}}} ${{HOME}}"}}
""",
    "only_messages": f"{_BOT}queries: [{{name: messages, collection: messages, alert: {{below: 0.5}}}}]",
    "no_alerts": f"{_BOT}queries: [{{name: all, collection: conversations}}]",
    "names_that_meet": f"""{_BOT}
queries:
  - {{name: a_b1, collection: messages, alert: {{above: 1}}}}
  - {{name: a_b_1, collection: messages, alert: {{above: 1000000000000000}}}}
  - {{name: bot_down, collection: messages, alert: {{above: 0}}}}
""",
}


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def levels() -> Path:
    """A configuration with alerts of every kind; levels_test.yml tests its rules."""
    return Path(__file__).parent / "levels.yaml"


@pytest.fixture(params=[*CONFIGURATIONS, "shipped", "levels"])
def config(request: pytest.FixtureRequest, levels: Path) -> Config:
    """Each of the configurations."""
    if text := CONFIGURATIONS.get(request.param):
        return parse(text.encode(), Path("config.yaml"), {}, secrets="optional").config
    path = levels if request.param == "levels" else ROOT / "config.yaml"
    return load(path, {}, secrets="optional").config


@pytest.fixture(scope="session")
def promtool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run promtool."""
    program = shutil.which("promtool")
    assert program, "promtool is missing: install Debian's package prometheus (make test does)"

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [program, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return run
