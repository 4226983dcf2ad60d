"""Laws of alert rules: all formats say the same and are valid, whatever the configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from exporter.alert import Level
from exporter.config.load import load
from exporter.errors import WrongUsage
from exporter.language import templates
from exporter.model import Config
from exporter.monitoring.alerts import EXPORTER, groups
from exporter.monitoring.choices import Choices
from exporter.monitoring.dashboard import dashboard
from exporter.monitoring.grafana_rules import provisioning_file
from exporter.monitoring.own_alerts import OWN_NAMES
from exporter.monitoring.prometheus_rules import custom_resource, rule_file, text
from tests.grafana import substitution
from tests.grafana.alerting import problems

CHOICES = Choices(runbook="https://runbook.example/alerting")


def by_name(config: Config) -> dict[str, dict[str, Any]]:
    document: Any = rule_file(groups(config, CHOICES))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


def in_grafana(config: Config) -> list[dict[str, Any]]:
    document: Any = provisioning_file(groups(config, CHOICES), "prom")
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_promtool_accepts_the_rules(
    config: Config, tmp_path: Path, promtool: Callable[..., CompletedProcess[str]]
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps(rule_file(groups(config, CHOICES))), "utf-8")
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "duplicate" not in checked.stdout


def test_the_operator_s_resource_holds_the_same_groups(config: Config) -> None:
    resource = custom_resource(groups(config, CHOICES))
    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert resource["spec"] == rule_file(groups(config, CHOICES))


def test_grafana_understands_every_key_and_reference_of_its_rules(config: Config) -> None:
    assert problems(json.loads(json.dumps(provisioning_file(groups(config, CHOICES), "prom")))) == []


def test_grafana_s_rules_are_those_of_prometheus(config: Config) -> None:
    prometheus, grafana = by_name(config), in_grafana(config)
    assert [rule["title"] for rule in grafana] == list(prometheus)
    for rule in grafana:
        query, condition = rule["data"]
        same = prometheus[rule["title"]]
        assert query["model"]["expr"] == same["expr"]
        # Every value is above -1, so that each series of the expression fires, as in Prometheus.
        assert condition["model"]["conditions"][0]["evaluator"] == {"type": "gt", "params": [-1]}
        assert rule["for"] == same.get("for", "0s")
        assert rule["labels"] == same["labels"]


def test_one_rule_alone_reports_that_grafana_cannot_query_prometheus(config: Config) -> None:
    states = [rule["execErrState"] for rule in in_grafana(config)]
    assert sorted(states) == ["Error", *["KeepLast"] * (len(states) - 1)]


def test_every_rule_of_grafana_leads_to_a_panel_of_the_dashboard(config: Config) -> None:
    made = json.loads(dashboard(config, ""))
    panels = {str(panel["id"]) for panel in substitution.panels(made) if panel["type"] != "row"}
    for rule in in_grafana(config):
        assert rule["annotations"]["__dashboardUid__"] == made["uid"]
        assert rule["annotations"]["__panelId__"] in panels, rule["title"]


def test_groups_are_evaluated_twice_in_each_window(config: Config) -> None:
    windows = [
        alert.when.within
        for query in config.queries
        for alert in query.alerts
        if not isinstance(alert.when, Level)
    ]
    for group in groups(config, CHOICES):
        if group.name != EXPORTER:
            assert all(group.interval <= within / 2 for within in windows)
        assert group.interval <= 30


def test_grafana_s_intervals_are_multiples_of_ten_seconds(config: Config) -> None:
    document: Any = provisioning_file(groups(config, CHOICES), "prom")
    assert {group["interval"] for group in document["groups"]} <= {"10s", "20s", "30s"}


def test_every_alert_has_a_name_and_a_uid_of_its_own_within_grafana_s_bounds(config: Config) -> None:
    rules = in_grafana(config)
    names, uids = {rule["title"] for rule in rules}, {rule["uid"] for rule in rules}
    assert len(names) == len(uids) == len(rules)
    assert all(re.fullmatch(r"[a-z0-9-]{1,40}", uid) for uid in uids)


def test_every_alert_has_a_severity_a_summary_a_description_and_a_runbook(config: Config) -> None:
    for rule in by_name(config).values():
        assert rule["labels"]["severity"]
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert rule["annotations"]["runbook_url"].startswith("https://")


def test_the_exporter_s_own_alerts_depend_on_nothing_but_how_bots_are_sharded(
    config: Config,
) -> None:
    [*_, own] = groups(config, CHOICES)
    exempt = {"NativeChatBotAskedTwice"} if config.shard_by == "query" else set()
    assert {rule.name for rule in own.rules} == set(OWN_NAMES) - exempt


def test_no_threshold_is_in_a_label_so_that_prometheus_restores_for_over_a_change(config: Config) -> None:
    changed = replace(CHOICES, thresholds={"NativeChatQueryFailing": "1h"})
    before, after = (
        {rule.name: rule for group in groups(config, choices) for rule in group.rules}[
            "NativeChatQueryFailing"
        ]
        for choices in (CHOICES, changed)
    )
    assert (before.lasting, after.lasting) == (600, 3600)
    assert (before.labels, before.severity) == (after.labels, after.severity)


def test_an_alert_that_is_left_out_explains_no_other(config: Config) -> None:
    choices = Choices(without=frozenset({"NativeChatBotDown", "NativeChatExporterDown"}))
    rules = {rule.name: rule for group in groups(config, choices) for rule in group.rules}
    assert not rules.keys() & choices.without
    assert "unless" not in rules["NativeChatQueryFailing"].expression
    assert "unless" not in rules["NativeChatExporterAbsent"].expression
    assert "nativechat_up" not in "".join(rules[name].expression for name in OWN_NAMES if name in rules)


@pytest.mark.parametrize(
    ("alert", "threshold", "written"),
    [
        ("NativeChatBotDown", "10m", "(max_over_time(nativechat_up[10m]))"),
        ("NativeChatPollsSkipped", "2.5%", "> 0.025 *"),
        ("NativeChatScheduleLag", "120", "> 120"),
        ("NativeChatValueStale", "5", "60 + 5 *"),
        ("NativeChatInternalError", "3", ">= 3"),
    ],
)
def test_a_threshold_is_in_the_expression(config: Config, alert: str, threshold: str, written: str) -> None:
    choices = Choices(thresholds={alert: threshold})
    rules = {rule.name: rule for group in groups(config, choices) for rule in group.rules}
    assert written in rules[alert].expression
    assert "THRESHOLD" not in json.dumps(rule_file(groups(config, choices)))


@pytest.mark.parametrize(
    ("choices", "problem"),
    [
        (Choices(without=frozenset({"NativeChatBotDwn"})), r'--without: .*"NativeChatBotDwn" \(did you mean'),
        (Choices(severities={"NativeChatX": "info"}), r'--severity: no alert has the name "NativeChatX"'),
        (Choices(thresholds={"NativeChatX": "5m"}), r"--threshold: no alert"),
        (
            Choices(thresholds={"NativeChatMessages": "5"}),
            "--threshold: NativeChatMessages is the alert of a query .* in the configuration",
        ),
        (Choices(thresholds={"NativeChatBotDown": "5"}), r"--threshold NativeChatBotDown=5: .* such as 5m"),
        (Choices(thresholds={"NativeChatPollsSkipped": "5"}), "such as 25%"),
        (Choices(thresholds={"NativeChatInternalError": "5m"}), "such as 1"),
        (Choices(labels={"team": "x"}), "--label team: alerts may have this label already"),
        (Choices(labels={"channel": "x"}), "--label channel: alerts may have"),
        (Choices(labels={"severity": "x"}), "--label severity: alerts may have"),
        *(
            (Choices(labels={name: "x"}), f"--label {name}: alerts may have this label already")
            for name in (
                "alertstate",
                "cluster",
                "namespace",
                "job",
                "instance",
                "pod",
                "query",
                "key",
                "ordinal",
            )
        ),
        (Choices(thresholds={"NativeChatInternalError": "0"}), "such as 1"),
        (Choices(thresholds={"NativeChatPollsSkipped": "0.0%"}), "such as 25%"),
        (Choices(thresholds={"NativeChatPollsSkipped": "100%"}), "such as 25%"),
        (Choices(thresholds={"NativeChatQueryFailing": "99999w"}), "such as 10m"),
        (Choices(labels={"zone": "{{ foo"}), r"--label zone: .* template"),
        (Choices(runbook="https://x.example/{{ y"), r"--runbook-url: .* template"),
        (Choices(thresholds={"NativeChatBotDown": "119s"}), r"--threshold .*=119s: .* \(write 2m or more"),
        (Choices(jobs=("(",)), r"--job \(: not a regular expression"),
        *(
            (Choices(jobs=(job,)), r"--job .*: Prometheus has no lookarounds")
            for job in ("(?=chat)x", "x(?<!y)", r"(a)\1", "(?P<a>x)(?P=a)", "a*+", "(?>a)", r"a\Z", "(?x)a")
        ),
        *(
            (Choices(jobs=(job,)), r"--job .*: Prometheus has no .*, repeats above 1000 and the like")
            for job in ("a{1001}", "a{1001,}", "a{1,1001}", "a{1000,10000}")
        ),
    ],
)
def test_a_choice_that_cannot_be_kept_is_refused(levels: Path, choices: Choices, problem: str) -> None:
    config = load(levels, {}, secrets="optional").config
    with pytest.raises(WrongUsage, match=problem):
        groups(config, choices)


def test_promtool_reads_every_regular_expression_of_a_job_that_is_accepted(
    levels: Path, tmp_path: Path, promtool: Callable[..., CompletedProcess[str]]
) -> None:
    jobs = (
        *("chat", "(?i:chat)", "(?:a|b)+?", "(?P<name>x)", r"a\+\\", "[*+]+[]+]", r"\d{2,3}\.x", "é "),
        *("a{1000}", "a{1000,}", "a{12,1000}", "a{1000,1000}", r"\{1001}", "[a{1001}]"),
    )
    file = tmp_path / "rules.yml"
    config = load(levels, {}, secrets="optional").config
    file.write_text(json.dumps(rule_file(groups(config, Choices(jobs=jobs)))), "utf-8")
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alert_names_that_would_be_equal_get_the_query_s_name(config: Config) -> None:
    if {query.name for query in config.queries} != {"a_b1", "a", "a_b_1", "bot_down"}:
        return
    assert list(by_name(config))[:4] == [
        "NativeChatAB1_a_b1",
        "NativeChatAB1_a-b1",
        "NativeChatAB1_a_b_1",
        "NativeChatBotDown_bot_down",
    ]


def test_a_uid_outlives_a_change_of_everything_but_the_query_s_name(config: Config) -> None:
    changed = replace(config, queries=tuple(replace(each, help="Else.") for each in reversed(config.queries)))
    assert {rule["title"]: rule["uid"] for rule in in_grafana(config)} == {
        rule["title"]: rule["uid"] for rule in in_grafana(changed)
    }


def test_no_literal_dollar_reaches_grafana_which_might_expand_it(config: Config) -> None:
    for rule in in_grafana(config):
        for told in rule["annotations"].values():
            ours = re.sub(r'\{\{ (\$labels\.\w+|\$values\.A\.Value( \| [\w "%.]+?)?|"\$") \}\}', "", told)
            assert "$" not in ours


@pytest.mark.parametrize(
    "template",
    ["{{ $labels.bot }}: {{ $value }}", "{{ $value | humanizePercentage }}", "plain } { text"],
)
def test_a_template_is_written_as_it_was_read(template: str) -> None:
    assert text(templates.parse(template)) == template


def test_the_example_of_notifications_sends_critical_alerts_to_a_contact_point_it_has(root: Path) -> None:
    document = yaml.safe_load(
        (root / "grafana/provisioning/alerting/notifications.yaml.example").read_text("utf-8")
    )
    points = {point["name"] for point in document["contactPoints"]}
    [policy] = document["policies"]
    [route] = policy["routes"]
    assert {policy["receiver"], route["receiver"]} == points
    assert route["object_matchers"] == [["severity", "=", "critical"]]
