"""The Helm chart, as Helm itself lints, packs and renders it: the same resources as kustomize gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.deploy.conftest import Manifests, kustomized
from tests.deploy.schemas import problems

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm/nativechat-exporter"

VALUES: list[dict[str, Any]] = [
    {},
    {"shards": 5},
    {"annotations": True},
    {"podMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "1m"}},
    {"networkPolicy": False},
    {"image": {"repository": "registry.example.com/exporter", "tag": "1.2.3", "pullPolicy": "Always"}},
    {"imagePullSecrets": [{"name": "registry"}], "secret": "other"},
    {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "resources": {"limits": {"memory": "192Mi"}},
        "shards": 20,
    },
]


@pytest.fixture
def render() -> Iterator[Callable[..., Manifests]]:
    """Render the chart with values."""
    with helm_python.Chart.load(CHART) as chart:

        def rendered(values: dict[str, Any]) -> Manifests:
            files = chart.render(values, name="nativechat-exporter", namespace="nativechat")
            return Manifests([each for text in files.values() for each in yaml.safe_load_all(text) if each])

        yield rendered


@pytest.mark.parametrize("values", VALUES, ids=str)
def test_whatever_is_set_it_is_valid_for_three_versions_of_kubernetes(
    values: dict[str, Any], render: Callable[..., Manifests]
) -> None:
    assert [problem for manifest in render(values).all for problem in problems(manifest)] == []


def test_helm_has_nothing_to_say_but_that_an_icon_is_missing() -> None:
    told = helm_python.lint(CHART, strict=True)
    assert [message["error"] for message in told["messages"]] == ["icon is recommended"]
    assert told["errors"] == []


def test_it_can_be_packed(tmp_path: Path) -> None:
    packed = helm_python.package(CHART, destination=tmp_path)
    with helm_python.Chart.load(packed) as chart:
        assert chart.name == "nativechat-exporter"


@pytest.mark.parametrize(("values", "directory"), [({}, "base"), ({"shards": 5}, "examples/sharded")])
def test_its_pod_is_that_of_kustomize(
    values: dict[str, Any], directory: str, render: Callable[..., Manifests]
) -> None:
    def same(built: Manifests) -> dict[str, Any]:
        differs = {"image", "imagePullPolicy", "env", "resources"}
        exporter = {key: value for key, value in built.exporter.items() if key not in differs}
        environment = {variable["name"]: variable["value"] for variable in built.exporter["env"]}
        return {**built.pod, "containers": [exporter], "environment": environment}

    ours, theirs = render(values), kustomized(DEPLOY / directory)
    assert same(ours) == same(theirs)
    assert ours.workload["kind"] == theirs.workload["kind"]
    assert ours.workload["spec"]["replicas"] == theirs.workload["spec"]["replicas"]
    for kind in ("ConfigMap", "Service", "NetworkPolicy"):
        content = {"ConfigMap": "data", "Service": "spec", "NetworkPolicy": "spec"}[kind]
        drawn = [_without_instance(built.one(kind)[content]) for built in (ours, theirs)]
        assert drawn[0] == drawn[1], kind


def _without_instance(part: Any) -> Any:
    """Leave out what tells one release of the chart from another."""
    if isinstance(part, dict):
        return {k: _without_instance(v) for k, v in part.items() if k != "app.kubernetes.io/instance"}
    return part


def test_a_configuration_of_one_s_own_is_taken_to_the_letter(render: Callable[..., Manifests]) -> None:
    text = "# With a comment, and $gt.\nqueries:\n  - {name: a, query: {Errors: {$gt: 0}}}\n"
    assert render({"config": text}).one("ConfigMap")["data"] == {"config.yaml": text}


def test_selectors_mean_the_pods_of_their_own_release(render: Callable[..., Manifests]) -> None:
    built = render({"podMonitor": {"enabled": True}})
    labels = built.workload["spec"]["template"]["metadata"]["labels"]
    selected = built.workload["spec"]["selector"]["matchLabels"]
    assert selected.items() <= labels.items()
    assert selected["app.kubernetes.io/instance"] == "nativechat-exporter"
    assert built.one("Service")["spec"]["selector"] == selected
    assert built.one("PodMonitor")["spec"]["selector"]["matchLabels"] == selected


@pytest.mark.parametrize("wrong", [{"shard": 3}, {"shards": 0}, {"config": {}}, {"podMonitor": {"on": True}}])
def test_a_value_that_is_wrong_or_unknown_is_refused(
    wrong: dict[str, Any], render: Callable[..., Manifests]
) -> None:
    with pytest.raises(helm_python.HelmValuesError):
        render(wrong)
