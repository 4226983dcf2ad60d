"""What deploy/ promises: hardened, small, probed where the program answers, the same in each way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from exporter import __version__
from exporter.cli import COMMANDS, cli
from exporter.cli.shards import chosen_shard, ordinal_of
from exporter.config.load import load
from exporter.plan import Shard
from exporter.web.app import HEALTHY, READY

if TYPE_CHECKING:
    from tests.deploy.conftest import Manifests

ROOT = Path(__file__).parents[2]
WAYS = ["base", "examples/sharded", "examples/sidecar", "examples/sidecar-native"]
SIDECARS = ["examples/sidecar", "examples/sidecar-native"]
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
        "seccompProfile": {"type": "RuntimeDefault"},
        **({"runAsUser": 65532, "runAsGroup": 65532} if way in SIDECARS else {}),
    }


@pytest.mark.parametrize("way", ["base", "examples/sidecar", "examples/sidecar-native"])
def test_the_limit_of_memory_is_above_what_hostile_clients_cost(way: str, build: Build) -> None:
    # tests/flow/test_hostile_clients.py holds one bot to 64 MiB: the rest is for more bots.
    assert build(way).exporter["resources"]["limits"] == {"memory": "96Mi"}


@each_way
def test_liveness_is_asked_where_the_program_answers(way: str, build: Build) -> None:
    exporter = build(way).exporter
    assert exporter["livenessProbe"]["httpGet"] == {"path": HEALTHY, "port": "nativechat"}
    assert exporter["ports"] == [{"name": "nativechat", "containerPort": 10054}]


def test_an_exporter_by_itself_has_a_readiness_probe_and_a_sidecar_none(build: Build) -> None:
    for way in WAYS:
        probe = build(way).exporter.get("readinessProbe")
        expected = {"httpGet": {"path": READY, "port": "nativechat"}, "timeoutSeconds": 5}
        assert probe == (None if "sidecar" in way else expected)


@each_way
def test_it_runs_a_command_with_variables_that_exist(way: str, build: Build) -> None:
    exporter = build(way).exporter
    [name] = exporter["args"]
    assert name in COMMANDS
    command = cli.get_command(click.Context(cli), name)
    assert command
    of_the_configuration = re.findall(r"\{env: (\w+)", (ROOT / "config.yaml").read_text("utf-8"))
    known = {option.envvar for option in command.params} | set(of_the_configuration)
    assert environment(exporter).keys() <= known


@each_way
def test_the_configuration_is_a_folder_that_follows_its_config_map(way: str, build: Build) -> None:
    built = build(way)
    mounts = {mount["name"]: mount for mount in built.exporter["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in built.pod["volumes"]}
    file = Path(environment(built.exporter)["NATIVECHAT_EXPORTER_CONFIG_FILE"])
    assert mounts["nativechat-exporter-config"]["mountPath"] == str(file.parent)
    assert not any("subPath" in mount for mount in mounts.values())
    config_map = built.one("ConfigMap")
    optional = {"optional": True} if way in SIDECARS else {}
    named = {"name": config_map["metadata"]["name"], **optional}
    assert volumes["nativechat-exporter-config"]["configMap"] == named
    assert list(config_map["data"]) == [file.name]
    assert volumes["nativechat-exporter-secret"]["secret"] == {"secretName": "nativechat", **optional}


@each_way
def test_the_configuration_reads_the_bot_s_id_and_token_from_the_secret_s_files(
    way: str, build: Build
) -> None:
    built = build(way)
    config = yaml.safe_load(built.one("ConfigMap")["data"]["config.yaml"])
    [mount] = [m for m in built.exporter["volumeMounts"] if m["name"] == "nativechat-exporter-secret"]
    [bot] = config["bots"]
    assert bot["id"] == {"file": f"{mount['mountPath']}/NATIVECHAT_BOT_ID"}
    assert bot["token"] == {"file": f"{mount['mountPath']}/NATIVECHAT_TOKEN"}
    assert config["queries"] == yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["queries"]


def test_the_example_s_own_configuration_loads_and_its_files_are_where_the_secret_is(build: Build) -> None:
    loaded = load(ROOT / "deploy/examples/standalone/config.yaml", {}, secrets="optional")
    [mount] = [m for m in build("base").exporter["volumeMounts"] if m["name"] == "nativechat-exporter-secret"]
    assert {str(bot.token.file.parent) for bot in loaded.config.bots if bot.token.file} == {
        mount["mountPath"]
    }
    documented = (ROOT / "docs/kubernetes.md").read_text("utf-8")
    written = (ROOT / "deploy/examples/standalone/config.yaml").read_text("utf-8")
    files = {Path(name).name for name in re.findall(r"\{file: (\S+)\}", written)}
    assert files == set(re.findall(r"--from-literal=(\w+)", documented))
    shown = build("examples/standalone").one("ConfigMap")["data"]["config.yaml"]
    assert shown == (ROOT / "deploy/examples/standalone/config.yaml").read_text("utf-8")


@pytest.mark.parametrize("way", SIDECARS)
def test_a_sidecar_is_the_same_container_as_the_one_by_itself(way: str, build: Build) -> None:
    def same(built: Manifests) -> dict[str, Any]:
        differs = {"securityContext", "readinessProbe", "restartPolicy", "image", "env"}
        return {key: value for key, value in built.exporter.items() if key not in differs}

    assert same(build(way)) == same(build("base"))
    more = environment(build(way).exporter).items() - environment(build("base").exporter).items()
    assert dict(more) == {"NATIVECHAT_EXPORTER_CONFIG_WAIT": "true", "NATIVECHAT_BOT_NAME": "shop"}


def test_a_sidecar_that_is_given_its_bot_s_name_is_still_the_last_container(build: Build) -> None:
    names = [container["name"] for container in build("examples/sidecar").pod["containers"]]
    assert names == ["shop", "nativechat-exporter"]


def test_a_native_sidecar_is_an_init_container_that_stays(build: Build) -> None:
    [container] = build("examples/sidecar-native").pod["initContainers"]
    assert container["restartPolicy"] == "Always"


@pytest.mark.parametrize("way", SIDECARS)
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
        return chosen_shard(ordinal_of(told, lambda: f"{name}-{pod}"), total)

    assert [shard(pod) for pod in range(replicas)] == [Shard(n, replicas) for n in range(replicas)]


def test_the_shards_start_side_by_side_and_are_all_found(build: Build) -> None:
    built = build("examples/sharded")
    service = built.one("Service")
    assert built.workload["spec"]["podManagementPolicy"] == "Parallel"
    assert built.workload["spec"]["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"


def test_a_pod_monitor_selects_every_pod_with_an_exporter(build: Build) -> None:
    monitor = build("examples/prometheus-operator").one("PodMonitor")["spec"]
    [expression] = monitor["selector"]["matchExpressions"]
    assert expression["operator"] == "Exists"
    for way in WAYS:
        assert expression["key"] in build(way).workload["spec"]["template"]["metadata"]["labels"]


def test_a_target_by_itself_keeps_its_labels_over_a_rollout_and_sidecars_stay_apart(build: Build) -> None:
    [endpoint] = build("examples/prometheus-operator").one("PodMonitor")["spec"]["podMetricsEndpoints"]

    def target(way: str, kind: str, controller: str, pod: str) -> dict[str, str]:
        return relabelled(
            endpoint["relabelings"],
            {
                "__meta_kubernetes_namespace": "chat",
                "__meta_kubernetes_pod_label_nativechat_exporter": way,
                "__meta_kubernetes_pod_controller_kind": kind,
                "__meta_kubernetes_pod_controller_name": controller,
                "__meta_kubernetes_pod_name": pod,
                "pod": pod,
            },
        )

    name = "nativechat-exporter"
    before = target("standalone", "ReplicaSet", f"{name}-6d4cf56db6", f"{name}-6d4cf56db6-x7x2q")
    after = target("standalone", "ReplicaSet", f"{name}-7b9f8c5d4", f"{name}-7b9f8c5d4-abcde")
    assert before == after == {"instance": f"{name}.chat:10054"}
    shards = [target("standalone", "StatefulSet", name, f"{name}-{number}") for number in range(2)]
    assert shards == [
        {"instance": f"{name}-{number}.{name}.chat:10054", "pod": f"{name}-{number}"} for number in range(2)
    ]
    beside = [target("sidecar", "ReplicaSet", "shop-6d4cf56db6", f"shop-6d4cf56db6-{n}") for n in "ab"]
    assert beside == [{"pod": "shop-6d4cf56db6-a"}, {"pod": "shop-6d4cf56db6-b"}]


def relabelled(rules: list[dict[str, Any]], labels: dict[str, str]) -> dict[str, str]:
    """Return a target's labels after rules of the action `replace`, as Prometheus applies them."""
    for rule in rules:
        value = ";".join(labels.get(name, "") for name in rule["sourceLabels"])
        if found := re.fullmatch(rule["regex"], value):
            labels[rule["targetLabel"]] = found.expand(re.sub(r"\$(\d)", r"\\\1", rule["replacement"]))
    return {name: value for name, value in labels.items() if value and not name.startswith("__")}


def test_grafana_gets_what_the_program_prints(build: Build) -> None:
    built = {each["metadata"]["name"]: each for each in build("examples/grafana").of("ConfigMap")}
    for name, label, file in (
        ("nativechat-exporter-dashboard", "grafana_dashboard", "dashboards/nativechat.json"),
        ("nativechat-exporter-alerts", "grafana_alert", "provisioning/alerting/nativechat.yaml"),
    ):
        assert built[name]["metadata"]["labels"] == {label: "1"}
        assert list(built[name]["data"].values()) == [(ROOT / "grafana" / file).read_text("utf-8")]


def test_a_config_map_fits_into_the_annotation_that_kubectl_apply_writes(build: Build) -> None:
    for config_map in build("examples/grafana").of("ConfigMap"):
        assert len(json.dumps(config_map)) < 262_144, config_map["metadata"]["name"]


def test_the_image_has_one_name_and_one_version_everywhere(build: Build) -> None:
    def read(file: str) -> dict[str, Any]:
        return dict(yaml.safe_load((ROOT / file).read_text("utf-8")))

    [named] = read("deploy/components/image/kustomization.yaml")["images"]
    [local] = re.findall(r"^IMAGE \?= (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {
        local,
        named["name"],
        named["newName"].rpartition("/")[2],
        build("base").exporter["image"].rpartition("/")[2],
        read("deploy/helm/nativechat-exporter/values.yaml")["image"]["repository"],
        read("compose.yaml")["services"]["exporter"]["image"],
    } == {"nativechat-exporter"}
    chart = read("deploy/helm/nativechat-exporter/Chart.yaml")
    assert {named["newTag"], chart["version"], chart["appVersion"]} == {__version__}
    told = (ROOT / "docs/kubernetes.md").read_text("utf-8")
    assert set(re.findall(r"[\w.]+/nativechat-exporter:[\w.]+", told)) == {
        f"{named['newName']}:{__version__}"
    }
