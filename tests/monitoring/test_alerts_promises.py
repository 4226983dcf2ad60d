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
from exporter.monitoring.choices import Choices
from exporter.monitoring.prometheus_rules import rule_file

Promtool = Callable[..., CompletedProcess[str]]

NEW = "increase(nativechat_conversations_with_errors_new_total[15m])"
WHOLE = "increase(nativechat_conversations_new_total[15m])"
ONE = "max without (instance, pod)"
BOT_DOWN = f"expr: |-\n          {ONE} (max_over_time(nativechat_up[5m])) == 0\n"
LASTED = f"          and {ONE} (last_over_time(nativechat_up[5m] offset 5m))\n"
BEGUN = f"and {ONE} (last_over_time(nativechat_conversations_new_total[11m] offset 2m))"
ANSWERED = f"unless {ONE} (max_over_time(nativechat_up[11m] offset 2m)) == 0"
LAG = f"{ONE} (min_over_time(nativechat_exporter_schedule_lag_seconds[5m])) > 30"
BUILD = "and ignoring (version, python) last_over_time(nativechat_exporter_build_info[1d])"
UP = "nativechat_exporter_query_up"
SKIPPED_COUNT = "increase(nativechat_exporter_query_skipped_total[1h])"

BURSTS = "three bursts of five errors"
SHARE = "one error of a hundred is silent"
REPLACED = "a Pod that is replaced"
FIRST = "a first start"
REPLICAS = "replicas that ask the same bot"
ONCE = "shards that hold queries of one bot"
NAMES = "two bots of one team under one name"
OUTAGE = "an API that answers 503"
RESTART = "an outage of hours"
NEVER = "a bot that never answered"
FIRST_ERRORS = "a busy bot with one error of a hundred is silent after the first start"
BUSY = "a busy bot with one error of a hundred is silent at both ends"
GONE = "a busy bot is silent at both ends of sixteen minutes without"
TOLD = "an outage of ten minutes ends no alert"
SILENT = "one failed run, a start"
ALONE = "one query that fails"
STALE = "a value that gets old without a failure"
LATE = "one run that starts late"
SKIPPED = "runs that are skipped often"
PROCESS = "an exporter that does not answer is down"
ABSENT = "Prometheus that knows no exporter"
RELOAD = "a configuration that stays refused"
MISSING = "a shard that is gone is missing"

PARTS = [
    (f"floor({ONE} ({NEW})) >= 1", f"floor({ONE} ({NEW})) >= 6", BURSTS),
    (f"floor({ONE} ({NEW})) >= 1", f"{NEW} >= 1", REPLICAS),
    (f"{ONE} ({NEW})", f"sum ({NEW})", BURSTS),
    (f"and {ONE} ({NEW})", f"and sum without (instance, pod) ({NEW})", REPLICAS),
    (f"{ONE} ({WHOLE})", f"sum without (instance, pod) ({WHOLE})", REPLICAS),
    (f"{ONE} ({WHOLE})", f"min without (instance, pod) ({WHOLE})", REPLICAS),
    ("floor(", "(", "what is new is a whole number"),
    ("errors_new_total[15m]", "errors_new_total[10m]", BURSTS),
    ("errors_new_total[15m]", "errors_new_total[20m]", BURSTS),
    (NEW, "nativechat_conversations_with_errors_new_total", FIRST),
    (NEW, "delta(nativechat_conversations_with_errors_new_total[15m])", "a restart or four missing minutes"),
    (f"and {ONE} ({NEW})\n            > 0.05 * {ONE} ({WHOLE})", "", SHARE),
    ("> 0.05 *", "> 0.1 *", SHARE),
    ("> 0.05 *", ">= 0.05 *", "a share of exactly 5 %"),
    (f"{ONE} ({WHOLE})", f"({ONE} ({WHOLE}) > 0)", "an error in an older conversation"),
    (WHOLE, "nativechat_conversations", "a bot of which each new conversation fails"),
    ("avg_over_time(up[5m]) < 0.5", "up == 0", PROCESS),
    ("and up\n", "\n", PROCESS),
    (BUILD, "", PROCESS),
    ("unless on () (", "unless on () (up > 1 and ", ABSENT),
    (BEGUN, "", FIRST_ERRORS),
    ("total[11m] offset 2m", "total[11m] offset 1m", FIRST_ERRORS),
    ("total[11m] offset 2m", "total[15m] offset 2m", GONE),
    ("total[11m] offset 2m", "total[1m] offset 2m", "an error before thirty missing minutes"),
    (ANSWERED, "", BUSY),
    (ANSWERED, ANSWERED.replace(ONE, ""), BUSY),
    (ANSWERED, ANSWERED.replace(ONE, "max by (bot)"), BUSY),
    (ANSWERED, ANSWERED.replace(ONE, "min without (instance, pod)"), TOLD),
    ("nativechat_up[11m] offset 2m", "nativechat_up[15m] offset 2m", BUSY),
    ("nativechat_up[11m] offset 2m", "nativechat_up[11m]", BUSY),
    ("nativechat_up[11m] offset 2m", "nativechat_up[1m] offset 2m", TOLD),
    (BOT_DOWN, f"expr: |-\n          {ONE} (nativechat_up) == 0\n", RESTART),
    (BOT_DOWN + LASTED, "expr: max_over_time(nativechat_up[5m]) == 0\n", RESTART),
    (BOT_DOWN + LASTED, BOT_DOWN, NEVER),
    (f"{ONE} (last_over_time(nativechat_up[5m] offset 5m))", f"{ONE} (nativechat_up offset 5m)", RESTART),
    ("(max_over_time(nativechat_up[5m]))", "(min_over_time(nativechat_up[5m]))", SILENT),
    (f"{ONE} (max_over_time(nativechat_up[5m]))", "max by (bot) (max_over_time(nativechat_up[5m]))", OUTAGE),
    (f"{ONE} (max_over_time({UP}[5m]))", f"max_over_time({UP}[5m])", SILENT),
    (f"max_over_time({UP}[5m])", f"min_over_time({UP}[5m])", ALONE),
    (f"{ONE} (max_over_time({UP}[5m]))", f"max by (bot, query) (max_over_time({UP}[5m]))", ALONE),
    ("unless ignoring (query) (", "unless ignoring (query) (0 > ", RESTART),
    ("60 + 3 *", "60 + 1 *", STALE),
    (f"and {ONE} ({UP}) == 1", "", STALE),
    (f"unless ignoring (bot, query) (\n            {LAG}\n          )", "", STALE),
    ("min_over_time(nativechat_exporter_schedule", "max_over_time(nativechat_exporter_schedule", LATE),
    ("[5m])) > 30", "[5m])) > 400", STALE),
    ("> 0.25 *", "> 0.01 *", SKIPPED),
    (f"{SKIPPED_COUNT} >= 3", f"{SKIPPED_COUNT} >= 1", SKIPPED),
    ("unless ignoring (query) (", "unless ignoring (query) (0 > ", SKIPPED),
    ("unless (\n", "unless (0 > ", SKIPPED),
    ("min without (instance, pod) (nativechat_exporter_config", f"{ONE} (nativechat_exporter_config", RELOAD),
    ("internal_errors_total[1h])) >= 1", "internal_errors_total[1h])) >= 0", RELOAD),
    ("count without (key) (count without (instance, pod)", "count without (key) (count without (pod)", NAMES),
    ("count without (key) (count without (instance, pod)", "count by (bot) (count without (pod)", ONCE),
    ("(nativechat_bot_info)) > 1", "(nativechat_bot_info)) > 2", NAMES),
    ("unless ignoring (bot, key) nativechat_exporter_shard_total > 1", "", ONCE),
    (") > 1\n        for: 15m", ") > 3\n        for: 15m", REPLICAS),
    ("last_over_time(nativechat_exporter_shard_ordinal[10m])", "nativechat_exporter_shard_ordinal", MISSING),
    ("unless on (cluster, namespace, job) (", "unless on (cluster, namespace, job) (up > 1 and ", MISSING),
    ("and nativechat_exporter_shard_total > 1", "", "two exporters with one ordinal"),
    ("max by (cluster, namespace, job)", "max by (cluster)", MISSING),
    ("for: 1m", "for: 0s", SILENT),
    ("for: 2m", "for: 0s", PROCESS),
    ("for: 5m", "for: 30s", RELOAD),
    ("for: 10m", "for: 30s", ABSENT),
    (f"          {BUILD}\n          )\n        for: 10m", "          )\n        for: 10m", ABSENT),
    (f"          {BUILD}\n          )\n        for: 5m", "          )\n        for: 5m", MISSING),
    ("for: 1m\n", "for: 0s\n", STALE),
    (f"unless (\n            {ONE} (max_over_time({UP}", f"unless (0 > {ONE} (max_over_time({UP}", SKIPPED),
    ("for: 10m", "for: 30s", NAMES),
    ("for: 10m", "for: 30s", OUTAGE),
    ("[20m]) > 0", "[1h]) > 0", SKIPPED),
    ("for: 30m", "for: 15m", SKIPPED),
    ("for: 15m", "for: 1m", ONCE),
]
"""Parts of the shipped rules, a replacement for each, and the promise that the replacement breaks."""


HIGH = "a value fires where it is above"
RARE = "a value that is gone fires nothing"
OF_ALL = "a share is that of the same bot"
OF_PARTS = "a share of labelled series"
LESS = "less than asked for is silent"
NEW_PARTS = "what is new is a share of what is new"
QUIET = "a bot that nobody writes to"
PODS = "of Pods that follow each other"
KEPT = "nobody is said to be silent while no run succeeds"

COMMON = "nativechat_by_channel_and_outcome"
ALWAYS = "scalar(count_over_time(vector(1)[2h:1m]))"
STEPS = "count_over_time((max without (instance, pod) (nativechat_messages_at_all))[2h:1m])"
FAILS = (
    'unless ignoring (query, team) {} (max_over_time(nativechat_exporter_query_up{{query="{}"}}[5m])) == 0'
)

LEVEL_PARTS = [
    ("(nativechat_messages[5m])) > 100", "(nativechat_messages[5m])) >= 100", HIGH),
    ("last_over_time(nativechat_messages[5m])", "nativechat_messages", HIGH),
    ("last_over_time(nativechat_messages[5m])", "last_over_time(nativechat_messages[30m])", RARE),
    ("(nativechat_messages_rarely[2h])) < 1", "(nativechat_messages_rarely[2h])) <= 1", RARE),
    ("nativechat_messages_rarely[2h]", "nativechat_messages_rarely[5m]", RARE),
    ("> 0.5\n", ">= 0.5\n", OF_ALL),
    (
        f"{ONE} (last_over_time(nativechat_by_channel[5m]))\n",
        "last_over_time(nativechat_by_channel[5m])\n",
        OF_ALL,
    ),
    (
        f"{ONE} (last_over_time(nativechat_conversations[5m]))",
        "max (last_over_time(nativechat_conversations[5m]))",
        OF_ALL,
    ),
    ("last_over_time(nativechat_by_channel[5m])", "nativechat_by_channel", OF_ALL),
    ("for: 2m", "for: 1m", OF_ALL),
    ("/ ignoring (channel) group_left ()", "/", OF_ALL),
    ("/ ignoring (outcome) group_left ()", "/", OF_PARTS),
    (
        "(last_over_time(nativechat_by_channel[5m])) > 0)",
        "(last_over_time(nativechat_by_channel[5m])))",
        OF_PARTS,
    ),
    ("(nativechat_bot_down_new_total[5m]))) >= 3", "(nativechat_bot_down_new_total[5m]))) >= 2", LESS),
    ("nativechat_bot_down_new_total[5m]", "nativechat_bot_down_new_total[4m]", LESS),
    ("nativechat_bot_down_new_total[5m]", "nativechat_bot_down_new_total[10m]", LESS),
    (f"{COMMON}_new_total[10m]))) >= 2", f"{COMMON}_new_total[10m]))) >= 4", NEW_PARTS),
    (f"{COMMON}_new_total[10m]))) >= 2", f"{COMMON}_new_total[10m]))) >= 1", NEW_PARTS),
    (
        f"{ONE} (increase({COMMON}_new_total[10m]))",
        f"sum without (instance, pod) (increase({COMMON}_new_total[10m]))",
        NEW_PARTS,
    ),
    ("> ignoring (outcome) group_left () 0.2 *", "> ignoring (outcome) group_left () 0.01 *", NEW_PARTS),
    ("> ignoring (outcome) group_left () 0.2 *", "> 0.2 *", NEW_PARTS),
    ("and ignoring (outcome)", "and", NEW_PARTS),
    ("unless ignoring (team, channel, outcome)", "unless", NEW_PARTS),
    (
        "(increase(nativechat_conversations_new_total[2h]))) < 2",
        "(increase(nativechat_conversations_new_total[2h]))) < 1",
        QUIET,
    ),
    (
        "(increase(nativechat_conversations_new_total[2h]))) < 2",
        "(increase(nativechat_conversations_new_total[2h]))) <= 2",
        QUIET,
    ),
    (
        "increase(nativechat_conversations_new_total[2h])",
        "increase(nativechat_conversations_new_total[1h])",
        QUIET,
    ),
    (f"(nativechat_conversations[2h:1m])) == {ALWAYS}", "(nativechat_conversations[2h:1m])) >= 119", QUIET),
    (
        "count_over_time(nativechat_conversations[2h:1m])",
        "count_over_time(nativechat_conversations[3h:1m])",
        QUIET,
    ),
    (
        f"{ONE} (count_over_time(nativechat_conversations[2h:1m])) ==",
        "sum without (instance, pod) (count_over_time(nativechat_conversations[2h:1m])) >=",
        PODS,
    ),
    (STEPS, f"{ONE} (count_over_time(nativechat_messages_at_all[2h:1m]))", PODS),
    (
        "(increase(nativechat_messages_at_all_new_total[2h]))) < 1",
        "(increase(nativechat_messages_at_all_new_total[2h]))) < 2",
        PODS,
    ),
    (f"{STEPS} == {ALWAYS}", f"{STEPS} >= 120", PODS),
    (FAILS.format(ONE, "messages_at_all"), "", KEPT),
    (FAILS.format(ONE, "conversations"), "", KEPT),
    ('{query="messages_at_all"}[5m]', '{query="messages_at_all"}[1s]', KEPT),
    (FAILS.format(ONE, "messages_at_all"), FAILS.format("", "messages_at_all"), KEPT),
]
"""The same for rules on levels.yaml, of alerts of every kind."""


@pytest.fixture(scope="module")
def promised(root: Path, levels: Path) -> dict[str, dict[str, Any]]:
    """The rule tests of both."""
    files = {"shipped": root / "prometheus/rules_test.yml", "levels": levels.with_name("levels_test.yml")}
    return {name: yaml.safe_load(file.read_text("utf-8")) for name, file in files.items()}


def test_the_shipped_rules_keep_their_promises(root: Path, promtool: Promtool) -> None:
    kept = promtool("test", "rules", root / "prometheus/rules_test.yml")
    assert kept.returncode == 0, kept.stdout + kept.stderr


@pytest.fixture(scope="module")
def level_rules(levels: Path) -> str:
    """The rules of levels.yaml."""
    choices = Choices(runbook="https://runbook.example/alerting")
    made = groups(load(levels, {}, secrets="optional").config, choices)
    return yaml_text.write(rule_file(made), "")


def test_rules_on_values_and_shares_keep_promises(
    levels: Path, level_rules: str, tmp_path: Path, promtool: Promtool
) -> None:
    (tmp_path / "rules.yml").write_text(level_rules, "utf-8")
    promises = tmp_path / "promises.yml"
    promises.write_text(levels.with_name("levels_test.yml").read_text("utf-8"), "utf-8")
    kept = promtool("test", "rules", promises)
    assert kept.returncode == 0, kept.stdout + kept.stderr


@pytest.mark.parametrize(
    ("of", "part", "instead", "promise"),
    [*(("shipped", *each) for each in PARTS), *(("levels", *each) for each in LEVEL_PARTS)],
)
def test_a_rule_without_one_of_its_parts_breaks_a_promise(
    root: Path,
    level_rules: str,
    promised: dict[str, dict[str, Any]],
    tmp_path: Path,
    promtool: Promtool,
    *,
    of: str,
    part: str,
    instead: str,
    promise: str,
) -> None:
    rules = (root / "prometheus/rules.yml").read_text("utf-8") if of == "shipped" else level_rules
    assert part in rules, "the rules have no such part any more"
    [test] = [each for each in promised[of]["tests"] if each["name"].startswith(promise)]
    promises = tmp_path / "promises.yml"
    promises.write_text(text := json.dumps({**promised[of], "tests": [test]}), "utf-8")
    # The tests above show that the unchanged rules keep it. Rules that it does not name do not fire in it.
    changed = yaml.load(rules.replace(part, instead), yaml.CSafeLoader)
    for group, before in zip(changed["groups"], yaml.load(rules, yaml.CSafeLoader)["groups"], strict=True):
        group["rules"] = [
            rule for rule in group["rules"] if rule["alert"] in text or rule not in before["rules"]
        ]
    (tmp_path / "rules.yml").write_text(json.dumps(changed), "utf-8")
    judged = promtool("test", "rules", promises)
    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "got:" in judged.stdout + judged.stderr, "the promise is broken, the rules can be read"


def test_an_exporter_that_never_ran_is_told_where_rules_name_its_job(
    levels: Path, tmp_path: Path, promtool: Promtool
) -> None:
    choices = Choices(jobs=("one", "tw[o]", "three", "fou?r$"))
    made = groups(load(levels, {}, secrets="optional").config, choices)
    (tmp_path / "rules.yml").write_text(yaml_text.write(rule_file(made), ""), "utf-8")
    running = {
        'up{job="one", instance="a"}': "1x60",
        'nativechat_exporter_build_info{job="one", instance="a", version="1", python="3"}': "1x60",
        'up{job="two", instance="b"}': "0x60",
        'up{job="other", instance="c"}': "0x60",
    }
    asked = 'count by (alertname, job, instance) (ALERTS{alertstate="firing"})'
    expected = [
        {"labels": '{alertname="NativeChatExporterDown", job="two", instance="b"}', "value": 1},
        {"labels": '{alertname="NativeChatExporterAbsent", job="three"}', "value": 1},
        {"labels": '{alertname="NativeChatExporterAbsent", job="fou?r$"}', "value": 1},
    ]
    test = {
        "interval": "30s",
        "input_series": [{"series": series, "values": values} for series, values in running.items()],
        "promql_expr_test": [{"expr": asked, "eval_time": "15m", "exp_samples": expected}],
    }
    promises = {"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [test]}
    (tmp_path / "promises.yml").write_text(json.dumps(promises), "utf-8")
    kept = promtool("test", "rules", tmp_path / "promises.yml")
    assert kept.returncode == 0, kept.stdout + kept.stderr


def test_every_shipped_alert_fires_in_one_promise_and_is_silent_in_another(
    root: Path, promised: dict[str, dict[str, Any]]
) -> None:
    rules = yaml.safe_load((root / "prometheus/rules.yml").read_text("utf-8"))
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    asked = [each for test in promised["shipped"]["tests"] for each in test.get("promql_expr_test", ())]
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
