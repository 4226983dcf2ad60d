"""What deploy/ promises: hardened, small, probed where the program answers, the same in each way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from exporter import __version__
from exporter.cli import COMMANDS, cli
from exporter.cli.shards import Ordinal, chosen_shard
from exporter.config.load import load
from exporter.plan import Shard
from exporter.web.app import HEALTHY, READY

if TYPE_CHECKING:
    from tests.deploy.conftest import Manifests

ROOT = Path(__file__).parents[2]
WAYS = ["base", "examples/sharded", "examples/sidecar", "examples/sidecar-native"]
each_way = pytest.mark.parametrize("way", WAYS)
Build = Callable[[str], "Manifests"]


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


@each_way
def test_the_container_may_do_nothing_but_run(way: str, build: Build) -> None:
    built = build(way)
    security = {**built.pod.get("securityContext", {}), **built.exporter["securityContext"]}
    assert security == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@pytest.mark.parametrize("way", ["base", "examples/sidecar", "examples/sidecar-native"])
def test_64_mebibytes_are_enough_for_one(way: str, build: Build) -> None:
    assert build(way).exporter["resources"]["limits"] == {"memory": "64Mi"}


@each_way
def test_liveness_is_asked_where_the_program_answers(way: str, build: Build) -> None:
    exporter = build(way).exporter
    assert exporter["livenessProbe"]["httpGet"] == {"path": HEALTHY, "port": "metrics"}
    assert exporter["ports"] == [{"name": "metrics", "containerPort": 10054}]


def test_an_exporter_by_itself_has_a_readiness_probe_and_a_sidecar_none(build: Build) -> None:
    for way in WAYS:
        probe = build(way).exporter.get("readinessProbe")
        expected = {"httpGet": {"path": READY, "port": "metrics"}, "timeoutSeconds": 5}
        assert probe == (None if "sidecar" in way else expected)


@each_way
def test_it_runs_a_command_with_variables_that_exist(way: str, build: Build) -> None:
    exporter = build(way).exporter
    [name] = exporter["args"]
    assert name in COMMANDS
    command = cli.get_command(click.Context(cli), name)
    assert command
    assert environment(exporter).keys() <= {option.envvar for option in command.params}


@each_way
def test_the_configuration_is_a_folder_that_follows_its_config_map(way: str, build: Build) -> None:
    built = build(way)
    mounts = {mount["name"]: mount for mount in built.exporter["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in built.pod["volumes"]}
    file = Path(environment(built.exporter)["NATIVECHAT_EXPORTER_CONFIG_FILE"])
    assert mounts["nativechat-exporter"]["mountPath"] == str(file.parent)
    assert not any("subPath" in mount for mount in mounts.values())
    config_map = built.one("ConfigMap")
    assert volumes["nativechat-exporter"]["configMap"] == {"name": config_map["metadata"]["name"]}
    assert list(config_map["data"]) == [file.name]
    assert volumes["nativechat"]["secret"] == {"secretName": "nativechat"}


@pytest.mark.parametrize("folder", ["components/configuration", "helm/nativechat-exporter"])
def test_the_configuration_is_the_one_we_ship(folder: str) -> None:
    copy = ROOT / "deploy" / folder / "config.yaml"
    assert copy.read_bytes() == (ROOT / "config.yaml").read_bytes(), f"cp config.yaml {copy}"


def test_the_chart_s_version_is_the_program_s() -> None:
    chart = yaml.safe_load((ROOT / "deploy/helm/nativechat-exporter/Chart.yaml").read_text("utf-8"))
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_example_s_own_configuration_loads_and_its_files_are_where_the_secret_is(build: Build) -> None:
    loaded = load(ROOT / "deploy/examples/standalone/config.yaml", {}, secrets="optional")
    [mount] = [m for m in build("base").exporter["volumeMounts"] if m["name"] == "nativechat"]
    assert {str(bot.token.file.parent) for bot in loaded.config.bots if bot.token.file} == {
        mount["mountPath"]
    }
    shown = build("examples/standalone").one("ConfigMap")["data"]["config.yaml"]
    assert shown == (ROOT / "deploy/examples/standalone/config.yaml").read_text("utf-8")


@pytest.mark.parametrize("way", ["examples/sidecar", "examples/sidecar-native"])
def test_a_sidecar_is_the_same_container_as_the_one_by_itself(way: str, build: Build) -> None:
    def same(built: Manifests) -> dict[str, Any]:
        differs = {"securityContext", "readinessProbe", "restartPolicy", "image"}
        return {key: value for key, value in built.exporter.items() if key not in differs}

    assert same(build(way)) == same(build("base"))


def test_a_native_sidecar_is_an_init_container_that_stays(build: Build) -> None:
    [container] = build("examples/sidecar-native").pod["initContainers"]
    assert container["restartPolicy"] == "Always"


@pytest.mark.parametrize("way", ["examples/sidecar", "examples/sidecar-native"])
def test_a_sidecar_leaves_the_application_as_it_is(way: str, build: Build) -> None:
    [application] = [c for c in build(way).pod["containers"] if c["name"] != "nativechat-exporter"]
    assert application == {
        "name": "shop",
        "image": "registry.example.com/shop:1.2.3",
        "ports": [{"name": "http", "containerPort": 8080}],
    }


@pytest.mark.parametrize("component", ["sidecar/classic", "sidecar/native", "annotations"])
def test_a_deployment_without_the_label_is_left_alone(
    component: str, build: Build, compose: Callable[..., Manifests]
) -> None:
    template = {"metadata": {"labels": {"app": "other"}}, "spec": {"containers": [{"name": "other"}]}}
    other = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "other"},
        "spec": {"template": template},
    }
    assert compose(other, component).workload == other


@pytest.mark.parametrize("way", ["base", "examples/sharded"])
def test_by_itself_it_has_no_token_of_kubernetes(way: str, build: Build) -> None:
    built = build(way)
    assert built.pod["automountServiceAccountToken"] is False
    account = built.one("ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert built.pod["serviceAccountName"] == account["metadata"]["name"]


@pytest.mark.parametrize("way", ["base", "examples/sharded"])
def test_service_and_network_policy_mean_its_pods(way: str, build: Build) -> None:
    built = build(way)
    labels = built.workload["spec"]["template"]["metadata"]["labels"]
    selected = built.workload["spec"]["selector"]["matchLabels"]
    assert selected.items() <= labels.items()
    assert built.one("Service")["spec"]["selector"] == selected
    assert built.one("NetworkPolicy")["spec"]["podSelector"] == {"matchLabels": selected}


def test_one_exporter_is_never_two(build: Build) -> None:
    spec = build("base").workload["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_pods_of_a_stateful_set_are_all_shards_once_each(build: Build) -> None:
    built = build("examples/sharded")
    stateful_set = built.one("StatefulSet")
    name, replicas = stateful_set["metadata"]["name"], stateful_set["spec"]["replicas"]
    variables = environment(built.exporter)
    total = int(variables["NATIVECHAT_EXPORTER_SHARD_TOTAL"])
    told = variables["NATIVECHAT_EXPORTER_SHARD_ORDINAL"]

    def shard(pod: int) -> Shard:
        return chosen_shard(Ordinal(lambda: f"{name}-{pod}").convert(told, None, None), total)

    assert [shard(pod) for pod in range(replicas)] == [Shard(n, replicas) for n in range(replicas)]


def test_the_shards_start_side_by_side_and_are_all_found(build: Build) -> None:
    built = build("examples/sharded")
    service = built.one("Service")
    assert built.workload["spec"]["podManagementPolicy"] == "Parallel"
    assert built.workload["spec"]["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"


def test_a_pod_monitor_selects_every_pod_with_an_exporter(build: Build) -> None:
    [expression] = build("examples/prometheus-operator").one("PodMonitor")["spec"]["selector"][
        "matchExpressions"
    ]
    assert expression["operator"] == "Exists"
    for way in WAYS:
        assert expression["key"] in build(way).workload["spec"]["template"]["metadata"]["labels"]
