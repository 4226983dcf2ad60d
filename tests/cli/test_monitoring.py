"""Laws of `dashboard` and `rules`: they print the shipped files, without secrets and without the network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

ROOT = Path(__file__).parents[2]

FORMATS = ("prometheus", "operator", "grafana")

Typed = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["dashboard"], "grafana/dashboards/nativechat.json"),
        (["rules"], "prometheus/rules.yml"),
        (["rules", "--format=operator"], "deploy/components/prometheus-operator/prometheusrule.yaml"),
        (["rules", "--format=grafana"], "grafana/provisioning/alerting/nativechat.yaml"),
    ],
)
def test_the_output_for_the_shipped_configuration_is_the_shipped_file(
    typed: Typed, command: list[str], file: str
) -> None:
    done = typed(*command, "--config.file", ROOT / "config.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / file).read_text("utf-8")


def test_the_dashboard_links_to_the_runbook_and_the_status_page(typed: Typed) -> None:
    done = typed(
        "dashboard", "--web.external-url=https://exporter.example/", "--runbook-url=https://wiki.example/x",
        "--config.file", ROOT / "config.yaml",
    )  # fmt: skip
    urls = [link["url"] for link in json.loads(done.stdout)["links"]]
    assert urls == ["https://exporter.example/", "https://wiki.example/x"]


def test_the_rules_name_the_runbook_and_grafana_s_data_source(typed: Typed) -> None:
    done = typed(
        "rules", "--format=grafana", "--grafana.datasource-uid=mimir", "--runbook-url=https://wiki.example/x",
        "--config.file", ROOT / "config.yaml",
    )  # fmt: skip
    [rule, *_] = yaml.safe_load(done.stdout)["groups"][0]["rules"]
    assert rule["data"][0]["datasourceUid"] == "mimir"
    assert rule["annotations"]["runbook_url"] == "https://wiki.example/x#something-new-matches"


@pytest.mark.parametrize("command", [["dashboard"], *(["rules", f"--format={form}"] for form in FORMATS)])
def test_without_a_page_only_alerts_with_a_runbook_of_their_own_link_to_one(
    typed: Typed, command: list[str]
) -> None:
    printed = typed(*command, "--config.file", ROOT / "tests/monitoring/levels.yaml").stdout
    assert set(re.findall(r"https://[^\s\"]+", printed)) == {"https://a.example/b"}


def test_flags_of_rules_choose_jobs_alerts_severities_thresholds_and_labels(typed: Typed) -> None:
    done = typed(
        "rules", "--job=shop-.*", "--job=chat", "--without=NativeChatShardMissing",
        "--severity=NativeChatConversationsWithErrors=critical", "--threshold=NativeChatQueryFailing=1h",
        "--label=team=care", "--config.file", ROOT / "config.yaml",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    rules = {
        rule["alert"]: rule for group in yaml.safe_load(done.stdout)["groups"] for rule in group["rules"]
    }
    assert 'up{job=~"shop-.*|chat"}' in rules["NativeChatExporterDown"]["expr"]
    absent = rules["NativeChatExporterAbsent"]["expr"]
    assert absent == "\nor ".join(
        f'label_replace(absent(up{{job=~"{job}"}}), "job", "{job}", "", "")' for job in ("shop-.*", "chat")
    )
    told = rules["NativeChatExporterAbsent"]["annotations"]["summary"]
    assert told == "{{ $labels.job }}: Prometheus scrapes no nativechat-exporter of this job"
    assert "NativeChatShardMissing" not in rules
    errors = rules["NativeChatConversationsWithErrors"]["labels"]
    assert errors == {"severity": "critical", "team": "care"}
    assert rules["NativeChatQueryFailing"]["for"] == "1h"


@pytest.mark.parametrize(
    "words",
    [
        ["--label=a=1", "--label=a=2"],
        ["--severity=NativeChatBotDown=info", "--severity=NativeChatBotDown=info"],
        ["--threshold=NativeChatBotDown=5m", "--threshold=NativeChatBotDown=6m"],
    ],
)
def test_a_name_that_comes_twice_in_one_flag_is_wrong_usage(typed: Typed, words: list[str]) -> None:
    done = typed("rules", *words, "--config.file", ROOT / "config.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "twice" in done.stderr


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("--label=1x=y", '"1x" is not a label name'),
        ("--label=__x=y", '"__x" is reserved'),
        ("--label=team", "'team' is not NAME=VALUE"),
        ("--job=", "--job: it is empty"),
        ("--severity=NativeChatBotDown=Not Good", "is not ALERT=WORD"),
        ("--without=NativeChatX", "NativeChatX"),
    ],
)
def test_a_wrong_flag_of_rules_is_wrong_usage(typed: Typed, word: str, complaint: str) -> None:
    done = typed("rules", word, "--config.file", ROOT / "config.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


@pytest.mark.parametrize("link", ["javascript:alert(1)", "not a url", "https://x/{{"])
@pytest.mark.parametrize(
    "flag", ["rules --runbook-url", "dashboard --runbook-url", "dashboard --web.external-url"]
)
def test_what_is_not_the_url_of_a_page_is_wrong_usage(typed: Typed, flag: str, link: str) -> None:
    done = typed(*flag.split(), link, "--config.file", ROOT / "config.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "not the URL of a page (write one that starts with https://" in done.stderr
