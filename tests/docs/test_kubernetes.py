"""The examples of the Kubernetes page are parts of deploy/, or change them as the page says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.deploy.conftest import Manifests, kustomized

if TYPE_CHECKING:
    from tests.docs.conftest import Example, Manual


def test_a_kustomization_is_one_of_deploy_s_examples_or_part_of_it(
    kustomization: Example, root: Path
) -> None:
    def is_part(shown: Any, whole: Any) -> bool:
        if isinstance(shown, dict):
            return all(is_part(value, whole.get(key, [])) for key, value in shown.items())
        return all(item in whole for item in shown) if isinstance(shown, list) else bool(shown == whole)

    files = (root / "deploy/examples").glob("*/kustomization.yaml")
    shown = yaml.safe_load(kustomization.text)
    assert any(is_part(shown, yaml.safe_load(file.read_text("utf-8"))) for file in files)


def built(root: Path, folder: Path, example: str, change: Callable[[Path], object]) -> Manifests:
    """Build an example of deploy/ in a copy, after a change to its directory."""
    shutil.copytree(root / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("helm"))
    directory = folder / "deploy/examples" / example
    change(directory)
    return kustomized(directory)


def test_a_kustomization_for_grafana_replaces_what_the_example_has(
    kustomization_for_grafana: Example, root: Path, tmp_path: Path
) -> None:
    def change(directory: Path) -> None:
        with (directory / "kustomization.yaml").open("a", encoding="utf-8") as file:
            file.write(kustomization_for_grafana.text)
        for name in ("nativechat.json", "nativechat.yaml"):
            (directory / name).write_text("mine", "utf-8")

    config_maps = built(root, tmp_path, "grafana", change).of("ConfigMap")
    replaced = [each for each in config_maps if "mine" in each["data"].values()]
    labels = [label for each in replaced for label in each["metadata"]["labels"]]
    assert sorted(labels) == ["grafana_alert", "grafana_dashboard"]


def test_two_exporters_in_one_namespace_have_their_own_names_and_pods(root: Path, tmp_path: Path) -> None:
    def change(directory: Path) -> None:
        pairs = {"labels": [{"pairs": {"team": "chat"}, "includeSelectors": True}], "namePrefix": "chat-"}
        with (directory / "kustomization.yaml").open("a", encoding="utf-8") as file:
            file.write(yaml.safe_dump(pairs))

    two = built(root, tmp_path, "standalone", change)
    assert {each["metadata"]["name"] for each in two.all} == {"chat-nativechat-exporter"}
    volumes = {volume["name"]: volume for volume in two.pod["volumes"]}
    assert volumes["nativechat-exporter-config"]["configMap"] == {"name": "chat-nativechat-exporter"}
    assert volumes["nativechat-exporter-secret"]["secret"] == {"secretName": "nativechat"}
    assert two.pod["serviceAccountName"] == "chat-nativechat-exporter"
    selectors = [
        two.one("Service")["spec"]["selector"],
        two.workload["spec"]["selector"]["matchLabels"],
        two.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        two.workload["spec"]["template"]["metadata"]["labels"],
    ]
    assert all(labels["team"] == "chat" for labels in selectors)


def test_a_sidecar_can_listen_on_another_port(root: Path, tmp_path: Path, manual: Manual) -> None:
    [told] = re.findall(r"`(ports: \[.*\])`", manual.pages["kubernetes.md"])

    def change(directory: Path) -> None:
        file = directory / "bot.yaml"
        patch = yaml.safe_load(file.read_text("utf-8"))
        patch["spec"]["template"]["spec"]["containers"][-1] |= yaml.safe_load(told)
        file.write_text(yaml.safe_dump(patch), "utf-8")

    exporter = built(root, tmp_path, "sidecar", change).exporter
    assert exporter["ports"] == [{"name": "nativechat", "containerPort": 10060}]


def test_a_patch_of_the_sidecar_removes_its_user_and_nothing_else(
    sidecar_patch: Example, root: Path, tmp_path: Path
) -> None:
    def change(directory: Path) -> None:
        file = directory / "bot.yaml"
        patch = yaml.safe_load(file.read_text("utf-8"))
        [container] = yaml.safe_load(sidecar_patch.text)
        [ours] = [
            each
            for each in patch["spec"]["template"]["spec"]["containers"]
            if each["name"] == container["name"]
        ]
        ours |= container
        file.write_text(yaml.safe_dump(patch), "utf-8")

    security = built(root, tmp_path, "sidecar", change).exporter["securityContext"]
    assert not {"runAsUser", "runAsGroup"} & security.keys()
    assert security["runAsNonRoot"] is True


def test_the_values_of_grafana_s_chart_look_for_our_labels(grafana_values: Example, root: Path) -> None:
    looked_for = yaml.safe_load(grafana_values.text)["sidecar"].values()
    components = [
        yaml.safe_load((root / f"deploy/grafana/{name}/kustomization.yaml").read_text("utf-8"))
        for name in ("dashboard", "alerts")
    ]
    labels = [component["configMapGenerator"][0]["options"]["labels"] for component in components]
    assert [{sidecar["label"]: sidecar["labelValue"]} for sidecar in looked_for] == labels


def test_prometheus_in_kubernetes_finds_the_port_by_its_name(
    kubernetes_prometheus: Example, root: Path, tmp_path: Path
) -> None:
    job = yaml.safe_load(kubernetes_prometheus.text)["scrape_configs"][0]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]  # Debian's Prometheus is built without it
    file = tmp_path / "prometheus.yml"
    file.write_text(json.dumps({"scrape_configs": [job]}))
    program = shutil.which("promtool")
    assert program, "promtool is missing: install Debian's package prometheus"
    told = subprocess.run([program, "check", "config", file], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    deployment = yaml.safe_load((root / "deploy/base/deployment.yaml").read_text("utf-8"))
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    [keep] = [rule for rule in job["relabel_configs"] if rule.get("action") == "keep"]
    assert keep["source_labels"] == ["__meta_kubernetes_pod_container_port_name"]
    assert keep["regex"] == container["ports"][0]["name"]
