"""What rules do over time, by promtool: the shipped tests pass, and they test each part of each rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from exporter.config.load import load
from exporter.language import yaml_text
from exporter.monitoring.alerts import groups
from exporter.monitoring.prometheus_rules import rule_file

Promtool = Callable[..., CompletedProcess[str]]

ROSE = (
    "last_over_time(nativechat_conversations_with_errors[10m])"
    " - min_over_time(nativechat_conversations_with_errors[10m])"
)
FAILURES = "(nativechat_exporter_query_failures_total) > 0"
RELOADED = "nativechat_exporter_config_last_reload_success_timestamp_seconds"
LAST_SUCCESS = "nativechat_exporter_query_last_success_timestamp_seconds"
RISES = "a count that rises fires"
DOWN = "a bot that answers nothing is down"
RESTART = "a restart does not end what fires"
PROCESS = "an exporter that does not answer is down"
STALE = "a value that gets old without a failure"
SKIPPED = "runs that are skipped often"
MISSING = "a shard that is gone is missing"

PARTS = [
    (">= 1", ">= 2", RISES),
    (f"or {ROSE}", "", RISES),
    ("min_over_time(nativechat_conversations_with_errors[10m])", "(nativechat_messages offset 10m)", RISES),
    ("[1d] offset 10m", "[5m] offset 10m", "an error that comes in a gap longer"),
    ("avg_over_time(up[5m]) < 0.5", "up == 0", PROCESS),
    ("and up\n", "\n", PROCESS),
    ("and ignoring (version, python) last_over_time(nativechat_exporter_build_info[1d])", "", PROCESS),
    (f"max_over_time({LAST_SUCCESS}[1h])", LAST_SUCCESS, RESTART),
    (f"+ ignoring (bot, query) group_left () {RELOADED}", "", "a start after the exporter was gone"),
    ("> 30 + 2 * min", "> 30 + 1 * min", DOWN),
    ("min without (query)", "max without (query)", DOWN),
    ("and nativechat_up == 0", "", "one query that fails"),
    (f"and sum without (query, reason) {FAILURES}", "", RESTART),
    ("(30 + 2 *", "(30 + 1 *", DOWN),
    ("and nativechat_exporter_query_up == 0", "", STALE),
    (f"and sum without (reason) {FAILURES}", "", RESTART),
    ("(60 + 3 *", "(60 + 1 *", STALE),
    ("unless (", "and (", STALE),
    ("> 0.25", "> 0.01", SKIPPED),
    ("skipped_total[1h]) > 2.5", "skipped_total[1h]) > 1.5", SKIPPED),
    ("last_over_time(nativechat_exporter_shard_ordinal[10m])", "nativechat_exporter_shard_ordinal", MISSING),
    ("and nativechat_exporter_shard_total > 1", "", "two exporters with one ordinal"),
    ("(cluster, namespace, job)", "()", MISSING),
    ("for: 2m", "for: 0s", PROCESS),
    ("for: 5m", "for: 30s", "a configuration that stays refused"),
    ("for: 10m", "for: 1m", "Prometheus that knows no exporter"),
    ("for: 15m", "for: 1m", SKIPPED),
]
"""Parts of the shipped rules, a replacement for each, and the promise that the replacement breaks."""


@pytest.fixture(scope="module")
def shipped(root: Path) -> list[dict[str, Any]]:
    """The shipped rule tests."""
    document: dict[str, Any] = yaml.safe_load((root / "prometheus/rules_test.yml").read_text("utf-8"))
    found: list[dict[str, Any]] = document["tests"]
    return found


def test_the_shipped_rules_keep_their_promises(root: Path, promtool: Promtool) -> None:
    kept = promtool("test", "rules", root / "prometheus/rules_test.yml")
    assert kept.returncode == 0, kept.stdout + kept.stderr


def test_rules_on_values_and_shares_keep_promises(levels: Path, tmp_path: Path, promtool: Promtool) -> None:
    made = groups(load(levels, {}, secrets="optional").config, "https://runbook.example/alerting")
    (tmp_path / "rules.yml").write_text(yaml_text.write(rule_file(made), ""), "utf-8")
    promises = tmp_path / "promises.yml"
    promises.write_text(levels.with_name("levels_test.yml").read_text("utf-8"), "utf-8")
    kept = promtool("test", "rules", promises)
    assert kept.returncode == 0, kept.stdout + kept.stderr


@pytest.mark.parametrize(("part", "instead", "promise"), PARTS, ids=[part for part, *_ in PARTS])
def test_a_rule_without_one_of_its_parts_breaks_a_promise(
    root: Path,
    shipped: list[dict[str, Any]],
    tmp_path: Path,
    promtool: Promtool,
    *,
    part: str,
    instead: str,
    promise: str,
) -> None:
    rules = (root / "prometheus/rules.yml").read_text("utf-8")
    assert part in rules, "the rules have no such part any more"
    [test] = [each for each in shipped if each["name"].startswith(promise)]
    promises = tmp_path / "promises.yml"
    promises.write_text(
        json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [test]}), "utf-8"
    )
    # The test above shows that the unchanged rules keep it.
    (tmp_path / "rules.yml").write_text(rules.replace(part, instead), "utf-8")
    judged = promtool("test", "rules", promises)
    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "got:" in judged.stdout + judged.stderr, "the promise is broken, the rules can be read"


def test_every_shipped_alert_fires_in_one_promise_and_is_silent_in_another(
    root: Path, shipped: list[dict[str, Any]]
) -> None:
    rules = yaml.safe_load((root / "prometheus/rules.yml").read_text("utf-8"))
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    asked = [each for test in shipped for each in test["promql_expr_test"]]
    fires = {
        name
        for each in asked
        for sample in each.get("exp_samples", ())
        for name in names
        if name in sample["labels"] + each["expr"]
    }
    silent = {
        name
        for each in asked
        if not each.get("exp_samples")
        for name in names
        if name in each["expr"] or "alertname!=" in each["expr"]
    }
    assert fires == silent == names


def test_promtool_accepts_the_example_of_prometheus_configuration(root: Path, promtool: Promtool) -> None:
    checked = promtool("check", "config", root / "prometheus/prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
