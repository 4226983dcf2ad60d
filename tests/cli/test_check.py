"""Laws of `check`: problems or a plan, and nobody is contacted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

ROOT = Path(__file__).parents[2]

Typed = Callable[..., CompletedProcess[str]]

PLAN = """\
BOT    REQUESTS                                                 AT MOST  API
slow   4.0/m (more than its rate allows: runs will be skipped)  1/m      https://api.nativechat.com/v1
quick  2.0/m                                                    10/s     https://api.nativechat.com/v1

METRIC                  COLLECTION     EVERY        STALE AFTER  BOTS  SERIES
nativechat_by_channel   conversations  1m           5m           2     4
nativechat_messages     messages       30s          1h           1     1
nativechat_long_stored  conversations  1d at 00:05  5d           1     1

{config}: bots: 2, queries: 3, series: 6, requests per minute: 6.0
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLOW", "5990b7b5d57ae86c1b2dfd6e")
    monkeypatch.setenv("QUICK", "5990b7b5d57ae86c1b2dfd6f")
    monkeypatch.setenv("TOKEN", "made-up-token")
    path = tmp_path / "config.yaml"
    path.write_text(
        """\
bots:
  - {name: slow, id: {env: SLOW}, token: {env: TOKEN}, api: {rate: 1/m}}
  - {name: quick, id: {env: QUICK}, token: {env: TOKEN}}
queries:
  - name: by_channel
    collection: conversations
    labels: {channel: [facebook, viber]}
    query: {Data.channel.ProviderName: "{channel}"}
  - {name: messages, collection: messages, every: 30s, stale_after: 1h, bots: [slow]}
  - {name: long_stored, collection: conversations, every: 1d, at: "00:05", bots: [quick]}
""",
        "utf-8",
    )
    return path


def test_the_plan_says_who_is_asked_what_and_how_often(typed: Typed, config: Path) -> None:
    done = typed("check", "--config.file", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PLAN.format(config=config)


def test_the_shipped_configuration_is_fine_before_its_secrets_are_there(typed: Typed) -> None:
    done = typed("check", "--config.file", ROOT / "config.yaml")
    assert done.returncode == 0
    assert "series: 9, requests per minute: 10.0" in done.stdout
    assert "bots[0].token: warning: environment variable NATIVECHAT_TOKEN is not set" in done.stderr


def test_a_doubt_is_told_beside_the_plan(typed: Typed, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN")
    done = typed("check", "--config.file", config)
    assert (done.returncode, done.stdout) == (0, PLAN.format(config=config))
    assert [line.partition(": warning: ")[2] for line in done.stderr.splitlines()] == [
        "environment variable TOKEN is not set (set it before the exporter runs)"
    ] * 2


def test_five_faults_are_five_lines_of_results(typed: Typed) -> None:
    done = typed("check", "--config.file", ROOT / "tests/config/five_faults.yaml")
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 5
    assert all("five_faults.yaml:" in line for line in done.stdout.splitlines())
    assert done.stderr.endswith("five_faults.yaml: problems: 5\n")
