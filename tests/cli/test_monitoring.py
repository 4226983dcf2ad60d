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
    assert rule["annotations"]["runbook_url"] == "https://wiki.example/x#a-count-rose"


@pytest.mark.parametrize("command", [["dashboard"], *(["rules", f"--format={form}"] for form in FORMATS)])
def test_without_a_page_only_alerts_with_a_runbook_of_their_own_link_to_one(
    typed: Typed, command: list[str]
) -> None:
    printed = typed(*command, "--config.file", ROOT / "tests/monitoring/levels.yaml").stdout
    assert set(re.findall(r"https://[^\s\"]+", printed)) == {"https://a.example/b"}
