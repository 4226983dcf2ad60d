"""Laws of `rules`: three formats of the same alerts, and neither secrets nor the network are needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

ROOT = Path(__file__).parents[2]

Typed = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ("prometheus", "prometheus/rules.yml"),
        ("operator", "deploy/components/prometheus-operator/prometheusrule.yaml"),
        ("grafana", "grafana/provisioning/alerting/nativechat.yaml"),
    ],
)
def test_the_shipped_files_are_what_it_prints_without_any_secret(typed: Typed, form: str, file: str) -> None:
    done = typed("rules", "--format", form, "--config.file", ROOT / "config.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / file).read_text("utf-8")


def test_prometheus_s_format_is_the_default(typed: Typed) -> None:
    done = typed("rules", "--config.file", ROOT / "config.yaml")
    assert done.stdout == (ROOT / "prometheus/rules.yml").read_text("utf-8")


def test_the_runbook_and_grafana_s_data_source_can_be_set(typed: Typed) -> None:
    done = typed(
        "rules", "--format=grafana", "--grafana.datasource-uid=mimir", "--runbook-url=https://wiki.example/x",
        "--config.file", ROOT / "config.yaml",
    )  # fmt: skip
    [rule, *_] = yaml.safe_load(done.stdout)["groups"][0]["rules"]
    assert rule["data"][0]["datasourceUid"] == "mimir"
    assert rule["annotations"]["runbook_url"] == "https://wiki.example/x#a-count-rose"


def test_a_wrong_configuration_is_reported_with_its_place(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("bots: []\n", "utf-8")
    done = typed("rules", "--config.file", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{file}:1:7: bots: " in done.stderr
