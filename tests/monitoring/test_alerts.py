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

from exporter.language import templates
from exporter.model import Config
from exporter.monitoring.alerts import EXPORTER, groups
from exporter.monitoring.grafana_rules import provisioning_file
from exporter.monitoring.own_alerts import own_rules
from exporter.monitoring.prometheus_rules import custom_resource, rule_file, text
from exporter.monitoring.rule import Comparison
from tests.grafana.alerting import problems

PAGE = "https://runbook.example/alerting"


def by_name(config: Config) -> dict[str, dict[str, Any]]:
    document: Any = rule_file(groups(config, PAGE))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


def in_grafana(config: Config) -> list[dict[str, Any]]:
    document: Any = provisioning_file(groups(config, PAGE), "prom")
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_promtool_accepts_the_rules(
    config: Config, tmp_path: Path, promtool: Callable[..., CompletedProcess[str]]
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps(rule_file(groups(config, PAGE))), "utf-8")
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "duplicate" not in checked.stdout


def test_the_operator_s_resource_holds_the_same_groups(config: Config) -> None:
    resource = custom_resource(groups(config, PAGE))
    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert resource["spec"] == rule_file(groups(config, PAGE))


def test_grafana_understands_every_key_and_reference_of_its_rules(config: Config) -> None:
    assert problems(json.loads(json.dumps(provisioning_file(groups(config, PAGE), "prom")))) == []


def test_grafana_s_rules_are_those_of_prometheus_up_to_the_comparison(config: Config) -> None:
    prometheus, grafana = by_name(config), in_grafana(config)
    assert [rule["title"] for rule in grafana] == list(prometheus)
    for rule in grafana:
        query, condition = rule["data"]
        same = prometheus[rule["title"]]
        rest = same["expr"].removeprefix(query["model"]["expr"])
        assert rest != same["expr"]
        evaluator = condition["model"]["conditions"][0]["evaluator"]
        assert rest == "" or re.fullmatch(r" (>|>=|<) \S+", rest)
        operator, limit = rest.split() if rest else (">", "-1")
        assert evaluator == {
            "type": "lt" if operator == "<" else "gt",
            "params": [float(limit) - (operator == ">=")],
        }
        assert rule["for"] == same.get("for", "0s")
        assert rule["labels"] == same["labels"]


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


def test_the_exporter_s_own_alerts_are_the_same_for_every_configuration(config: Config) -> None:
    [*_, own] = groups(config, PAGE)
    assert (own.name, own.rules) == (EXPORTER, own_rules(PAGE))


def test_alert_names_that_would_be_equal_get_the_query_s_name(config: Config) -> None:
    if {query.name for query in config.queries} != {"a_b1", "a_b_1", "bot_down"}:
        return
    assert list(by_name(config))[:3] == [
        "NativeChatAB1_a_b1",
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
            ours = re.sub(r'\{\{ (\$labels\.\w+|\$values\.A\.Value( \| \w+)?|"\$") \}\}', "", told)
            assert "$" not in ours


@pytest.mark.parametrize(
    "template",
    ["{{ $labels.bot }}: {{ $value }}", "{{ $value | humanizePercentage }}", "plain } { text"],
)
def test_a_template_is_written_as_it_was_read(template: str) -> None:
    assert text(templates.parse(template)) == template


@pytest.mark.parametrize(
    ("limit", "written"), [(100.0, "> 100"), (0.123, "> 0.123"), (12.3 / 100, "> 0.123"), (1e15, "> 1e+15")]
)
def test_a_limit_is_written_as_a_person_would(limit: float, written: str) -> None:
    assert str(Comparison(">", limit)) == written
