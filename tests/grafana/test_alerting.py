"""Laws of the check of alert rules for Grafana: a file as documented passes, and a planted mistake fails."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.grafana.alerting import problems

Rule = dict[str, Any]


def expression(name: str, kind: str, asked: str, **keys: Any) -> dict[str, Any]:
    model = {
        "refId": name,
        "type": kind,
        "expression": asked,
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        **keys,
    }
    return {"refId": name, "datasourceUid": "__expr__", "model": model}


RULE: Rule = {
    "uid": "nativechat-errors",
    "title": "Conversations with errors",
    "condition": "D",
    "data": [
        {
            "refId": "A",
            "relativeTimeRange": {"from": 600, "to": 0},
            "datasourceUid": "prometheus",
            "model": {
                "refId": "A",
                "expr": "nativechat_conversations_with_errors",
                "instant": True,
                "range": False,
                "intervalMs": 1000,
                "maxDataPoints": 43200,
            },
        },
        expression("B", "reduce", "A", reducer="last", settings={"mode": "dropNN"}),
        expression("C", "math", "$B / 2"),
        expression("D", "threshold", "C", conditions=[{"evaluator": {"type": "gt", "params": [0]}}]),
    ],
    "for": "0s",
    "keepFiringFor": "5m",
    "noDataState": "OK",
    "execErrState": "Error",
    "labels": {"severity": "warning"},
    "annotations": {"summary": "{{ $labels.bot }}: errors"},
    "isPaused": False,
}


def file(*rules: Rule) -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": "nativechat",
                "folder": "NativeChat",
                "interval": "1m",
                "rules": list(rules),
            }
        ],
    }


def planted(mistake: Callable[[Rule], object]) -> list[str]:
    rule = copy.deepcopy(RULE)
    mistake(rule)
    return problems(file(rule))


def test_a_file_as_documented_has_no_problem() -> None:
    assert problems(file(RULE)) == []


@pytest.mark.parametrize(
    ("mistake", "where"),
    [
        (lambda rule: rule.update(severity="x"), "groups[0].rules[0]: "),
        (lambda rule: rule["data"][0].update(expr="x"), "groups[0].rules[0].data[0]: "),
        (lambda rule: rule["data"][0]["relativeTimeRange"].update(until=1), "groups[0].rules[0].data[0].rel"),
        (lambda rule: rule["data"][0]["model"].update(query="x"), "groups[0].rules[0].data[0].model: "),
        (lambda rule: rule["data"][1]["model"].update(reduser="x"), "groups[0].rules[0].data[1].model: "),
        (lambda rule: rule["data"][2]["model"].update(expr="x"), "groups[0].rules[0].data[2].model: "),
        (
            lambda rule: rule["data"][3]["model"]["conditions"][0].update(value=1),
            "groups[0].rules[0].data[3]",
        ),
    ],
)
def test_an_unknown_key_is_a_problem_at_its_place(mistake: Callable[[Rule], object], where: str) -> None:
    found = planted(mistake)
    assert found
    assert all(problem.startswith(where) for problem in found), found


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda rule: rule.pop("uid"), "'uid' is a required property"),
        (lambda rule: rule.update(uid="x" * 41), "does not match"),
        (lambda rule: rule.update({"for": "5 minutes"}), "'5 minutes' does not match"),
        (lambda rule: rule.update(noDataState="Ok"), "'Ok' is not one of"),
        (lambda rule: rule["labels"].update(level=1), "1 is not of type 'string'"),
        (lambda rule: rule["data"][0].pop("relativeTimeRange"), "'relativeTimeRange' is a required property"),
        (lambda rule: rule["data"][3]["model"].update(type="classic"), "'classic' is not one of"),
        (lambda rule: rule.update(condition="E"), "its condition 'E' is none of its queries"),
        (lambda rule: rule["data"][3]["model"].update(expression="E"), "'D' asks 'E', which is no query"),
        (lambda rule: rule["data"][0]["model"].update(refId="E"), "query 'A' calls itself 'E'"),
    ],
)
def test_what_grafana_would_refuse_is_a_problem(mistake: Callable[[Rule], object], words: str) -> None:
    assert words in "\n".join(planted(mistake))


def test_two_rules_of_one_uid_are_a_problem() -> None:
    assert problems(file(RULE, RULE)) == ["rule nativechat-errors: another has this uid too"]


def test_an_unknown_key_of_the_file_or_a_group_is_a_problem() -> None:
    assert problems(file(RULE) | {"contactpoints": []})
    wrong = file(RULE)
    wrong["groups"][0]["folderUid"] = "x"
    assert problems(wrong)
