"""Laws of `check`: problems or a plan, and no requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

ROOT = Path(__file__).parents[2]

Typed = Callable[..., CompletedProcess[str]]

PLAN = """\
BOT    REQUESTS  AT MOST  API
slow   4.0/m     30/m     https://api.nativechat.com/v1
quick  2.0/m     10/s     https://api.nativechat.com/v1

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
  - {name: slow, id: {env: SLOW}, token: {env: TOKEN}, api: {rate: 30/m}}
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


def test_the_plan_lists_bots_queries_and_requests(typed: Typed, config: Path) -> None:
    done = typed("check", "--config.file", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PLAN.format(config=config)


def test_the_shipped_configuration_is_valid_without_its_secrets(typed: Typed) -> None:
    done = typed("check", "--config.file", ROOT / "config.yaml")
    assert done.returncode == 0
    assert "series: 9, requests per minute: 10.0" in done.stdout
    assert "bots[0].token: warning: environment variable NATIVECHAT_TOKEN is not set" in done.stderr


def test_a_warning_is_printed_with_the_plan(
    typed: Typed, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKEN")
    done = typed("check", "--config.file", config)
    plan = PLAN.format(config=config).replace("per minute: 6.0", "per minute: 6.0, warnings: 2")
    assert (done.returncode, done.stdout) == (0, plan)
    assert [line.partition(": warning: ")[2] for line in done.stderr.splitlines()] == [
        "environment variable TOKEN is not set (set it before the exporter runs)"
    ] * 2


def test_a_warning_is_exit_code_1_only_with_strict(
    typed: Typed, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert typed("check", "--strict", "--config.file", config).returncode == 0
    monkeypatch.delenv("TOKEN")
    assert typed("check", "--strict", "--config.file", config).returncode == 1


def test_every_problem_is_a_line_with_its_place(typed: Typed) -> None:
    file = ROOT / "tests/config/five_faults.yaml"
    expected = re.findall(r"^# expect: (.*)$", file.read_text("utf-8"), re.MULTILINE)
    done = typed("check", "--config.file", file)
    assert done.returncode == 2
    assert done.stderr.endswith(f"{file}: problems: 5, warnings: 2\n")
    errors = [problem for problem in expected if " warning: " not in problem]
    assert done.stdout.splitlines() == [f"{file}:{problem}" for problem in errors]


ALL_SHARDS = """\
SHARD  BOTS  SERIES  REQUESTS
0      1     3       2.0/m
1      0     0       0.0/m
2      1     3       4.0/m

{config}: bots: 2, queries: 3, series: 6, requests per minute: 6.0
"""

ONE_SHARD = """\
BOT    REQUESTS  AT MOST  API
quick  2.0/m     10/s     https://api.nativechat.com/v1

METRIC                  COLLECTION     EVERY        STALE AFTER  BOTS  SERIES
nativechat_by_channel   conversations  1m           5m           1     2
nativechat_long_stored  conversations  1d at 00:05  5d           1     1

{config}: shard 0 of 3: bots: 1, queries: 2, series: 3, requests per minute: 2.0
"""


def test_with_a_total_alone_the_plan_lists_every_shard(typed: Typed, config: Path) -> None:
    done = typed("check", "--config.file", config, "--shard.total=3")
    whole = PLAN.partition("{config}")[0]
    assert (done.returncode, done.stdout) == (0, whole + ALL_SHARDS.format(config=config))


def test_with_an_ordinal_the_plan_is_that_of_the_shard(typed: Typed, config: Path) -> None:
    done = typed("check", "--config.file", config, "--shard.total=3", "--shard.ordinal=0")
    assert (done.returncode, done.stdout) == (0, ONE_SHARD.format(config=config))


def test_a_shard_without_queries_says_so(typed: Typed, config: Path) -> None:
    done = typed("check", "--config.file", config, "--shard.total=3", "--shard.ordinal=1")
    assert done.returncode == 0
    assert done.stdout.startswith("This shard has no queries.\n")
    assert done.stdout.endswith("shard 1 of 3: bots: 0, queries: 0, series: 0, requests per minute: 0.0\n")


def test_sharded_by_query_the_plan_warns_that_the_rate_is_per_shard(typed: Typed, config: Path) -> None:
    text = config.read_text("utf-8").replace("rate: 30/m", "rate: 1/m")
    config.write_text(f"shard_by: query\n{text}", "utf-8")
    plan = typed("check", "--config.file", config, "--shard.total=3").stdout
    assert "so NativeChat may see up to 3 times that rate\n" in plan
    assert "that rate" not in typed("check", "--config.file", config).stdout
    # Two shards make two of the four requests per minute each, above the rate of 1/m.
    assert "runs will be skipped" in plan
    config.write_text(config.read_text("utf-8").replace("rate: 1/m", "rate: 2/m"), "utf-8")
    assert "runs will be skipped" in typed("check", "--config.file", config).stdout
    assert "runs will be skipped" not in typed("check", "--config.file", config, "--shard.total=3").stdout
