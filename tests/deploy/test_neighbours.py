"""A sidecar harms nobody in its Pod: the application keeps what it has, and starts whatever is missing."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploy.schemas import Manifest, problems

if TYPE_CHECKING:
    from tests.deploy.conftest import Manifests

FOREIGN: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "foreign", "labels": {"nativechat-exporter": "sidecar"}},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "foreign"}},
        "template": {
            "metadata": {
                "labels": {"app": "foreign"},
                "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8081"},
            },
            "spec": {
                "securityContext": {"runAsUser": 0},
                "initContainers": [{"name": "migrate", "image": "foreign:1"}],
                "containers": [
                    {
                        "name": "web",
                        "image": "foreign:1",
                        "ports": [{"name": "metrics", "containerPort": 8081}],
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": "metrics"}},
                        "volumeMounts": [{"name": "nativechat", "mountPath": "/settings"}],
                    },
                    {"name": "proxy", "image": "proxy:1"},
                ],
                "volumes": [{"name": "nativechat", "emptyDir": {}}],
            },
        },
    },
}
"""An application that has what our components name, too."""

SIDECARS = [("sidecar/classic", "containers"), ("sidecar/native", "initContainers")]
each_sidecar = pytest.mark.parametrize(("component", "where"), SIDECARS)
Compose = Callable[..., "Manifests"]


def theirs(workload: Manifest) -> Manifest:
    """Return a workload without what we add to it; all else must be as it was."""
    kept = deepcopy(workload)
    template = kept["spec"]["template"]
    template["metadata"]["labels"].pop("nativechat-exporter", None)
    for key in ("containers", "initContainers", "volumes"):
        ours = "nativechat-exporter"
        template["spec"][key] = [
            each for each in template["spec"].get(key, ()) if not each["name"].startswith(ours)
        ]
    return kept


@each_sidecar
@pytest.mark.parametrize("beside", [(), ("annotations",), ("prometheus-operator",), ("pod-monitor", "image")])
def test_a_foreign_application_keeps_all_that_it_has(
    component: str, where: str, beside: tuple[str, ...], compose: Compose
) -> None:
    built = compose(FOREIGN, component, *beside)
    assert theirs(built.workload) == FOREIGN
    assert [problem for manifest in built.all for problem in problems(manifest)] == []


@pytest.mark.parametrize("component", ["annotations", "pod-monitor", "prometheus-operator", "image"])
def test_a_component_that_adds_no_sidecar_changes_no_workload(component: str, compose: Compose) -> None:
    assert compose(FOREIGN, component).workload == FOREIGN


@each_sidecar
def test_its_container_is_the_last_and_is_never_waited_for(
    component: str, where: str, compose: Compose
) -> None:
    built = compose(FOREIGN, component)
    assert built.pod[where][-1] == built.exporter
    assert "readinessProbe" not in built.exporter
    assert "startupProbe" not in built.exporter
    assert built.exporter.get("restartPolicy") == ("Always" if where == "initContainers" else None)


@each_sidecar
def test_neither_a_missing_secret_nor_a_missing_configuration_keeps_the_pod_from_starting(
    component: str, where: str, compose: Compose
) -> None:
    built = compose(FOREIGN, component)
    ours = [volume for volume in built.pod["volumes"] if volume["name"].startswith("nativechat-exporter-")]
    assert [next(iter(v.keys() - {"name"})) for v in ours] == ["configMap", "secret"]
    assert all(source["optional"] for v in ours for source in v.values() if isinstance(source, dict))
    assert "envFrom" not in built.exporter
    variables = {variable["name"]: variable.get("value") for variable in built.exporter["env"]}
    assert None not in variables.values()
    assert variables["NATIVECHAT_EXPORTER_CONFIG_WAIT"] == "true"


@each_sidecar
def test_it_takes_no_more_than_its_limits_and_needs_no_rights(
    component: str, where: str, compose: Compose
) -> None:
    exporter = compose(FOREIGN, component).exporter
    assert set(exporter["resources"]["requests"]) == {"cpu", "memory"}  # autoscalers and quotas need both
    assert "memory" in exporter["resources"]["limits"]
    assert exporter["securityContext"]["runAsUser"] == 65532
    assert exporter["securityContext"]["runAsNonRoot"] is True


@each_sidecar
def test_a_monitor_scrapes_our_port_and_none_of_the_application_s(
    component: str, where: str, compose: Compose
) -> None:
    built = compose(FOREIGN, component, "prometheus-operator")
    [endpoint] = built.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    containers = [*built.pod["containers"], *built.pod.get("initContainers", ())]
    meant = [
        container["name"]
        for container in containers
        for port in container.get("ports", ())
        if port["name"] == endpoint["port"]
    ]
    assert meant == ["nativechat-exporter"]
    names = [port["name"] for port in built.exporter["ports"]]
    application: list[dict[str, Any]] = FOREIGN["spec"]["template"]["spec"]["containers"]
    assert not set(names) & {port["name"] for each in application for port in each.get("ports", ())}
