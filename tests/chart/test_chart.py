"""The Helm chart, as Helm itself lints, packs and renders it: the same resources as kustomize gives."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import helm_python
import jsonschema
import pytest
import yaml

from exporter import __version__
from tests.deploy.conftest import Manifests, kustomized
from tests.deploy.schemas import problems

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm/nativechat-exporter"
ROOT = DEPLOY.parent
Render: TypeAlias = Callable[[dict[str, Any]], Manifests]

PROXY = [{"ipBlock": {"cidr": "10.0.0.7/32"}}]
MONITORING = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
PASSWORD = {"key": "password", "name": "web"}
VALUES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "shards": {"shards": 5},
    "annotations": {"scrapeAnnotations": True, "podAnnotations": {"team": "chat"}},
    "operator": {
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "1m"},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    },
    "grafana": {
        "podMonitor": {"enabled": True},
        "grafana": {
            "namespace": "monitoring",
            "dashboard": {"enabled": True, "annotations": {"grafana_folder": "NativeChat"}},
            "alerts": {"enabled": True},
        },
    },
    "OpenShift": {
        "podSecurityContext": None,
        "securityContext": None,
        "serviceAccount": {"create": False, "name": "chat"},
        "networkPolicy": {"dns": {"ports": [5353]}},
    },
    "proxy": {
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://10.0.0.7:3128"}],
        "networkPolicy": {"from": MONITORING, "api": {"ports": [3128], "to": PROXY}},
    },
    "private authority": {
        "extraVolumes": [{"name": "authority", "configMap": {"name": "authority"}}],
        "extraVolumeMounts": [{"name": "authority", "mountPath": "/etc/authority", "readOnly": True}],
        "extraEnv": [{"name": "NATIVECHAT_EXPORTER_LOG_LEVEL", "value": "debug"}],
    },
    "web TLS": {
        "web": {"secret": "web", "scheme": "HTTPS"},
        "scrapeAnnotations": True,
        "podMonitor": {
            "enabled": True,
            "tlsConfig": {"ca": {"secret": {"name": "web", "key": "ca.crt"}}, "serverName": "exporter"},
            "basicAuth": {"username": {"key": "username", "name": "web"}, "password": PASSWORD},
            "relabelings": [{"targetLabel": "team", "replacement": "chat"}],
        },
    },
    "everything off": {
        "service": {"enabled": False},
        "serviceAccount": {"create": False},
        "networkPolicy": {"enabled": False},
        "configMap": "mine",
    },
    "a registry": {
        "image": {
            "registry": "registry.example.com",
            "repository": "team/exporter",
            "digest": f"sha256:{'0' * 64}",
            "pullPolicy": "Always",
        },
        "imagePullSecrets": ["registry", {"name": "other"}],
        "secret": "other",
    },
    "placed": {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "nativechat-exporter"}},
            }
        ],
        "extraPodSpec": {"hostAliases": [{"ip": "10.0.0.7", "hostnames": ["api.nativechat.com"]}]},
        "commonLabels": {"cost-center": "17"},
        "priorityClassName": "low",
        "podLabels": {"team": "chat"},
        "resources": {"limits": {"memory": "192Mi"}},
        "fullnameOverride": "chat",
        "service": {"annotations": {"team": "chat"}},
        "serviceAccount": {"annotations": {"team": "chat"}},
        "shards": 20,
    },
    "names that look like numbers": {
        "secret": "1",
        "configMap": "2",
        "web": {"secret": "3"},
        "serviceAccount": {"name": "4"},
        "imagePullSecrets": ["5", {"name": "6"}],
        "priorityClassName": "7",
        "commonLabels": {"cost-center": "8"},
        "extraEnv": [{"name": "NATIVECHAT_BOT_NAME", "value": "9"}],
        "grafana": {"namespace": "10", "dashboard": {"enabled": True, "content": "{}"}},
    },
    "null": {
        "commonLabels": None,
        "podLabels": None,
        "podAnnotations": None,
        "imagePullSecrets": None,
        "extraEnv": None,
        "extraPodSpec": None,
        "resources": None,
        "podMonitor": {"enabled": True, "labels": None, "tlsConfig": None},
    },
    "no Secret": {
        "secret": "",
        "config": "bots: [{name: a, id: {env: ID}, token: {env: TOKEN}}]",
        "extraEnv": [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": "chat", "key": name.lower()}}}
            for name in ("ID", "TOKEN")
        ],
    },
    "a parent's values": {"global": {"imageRegistry": "registry.example.com", "other": {"chart": 1}}},
}


def manifests(
    chart: helm_python.Chart, values: dict[str, Any], release: str = "nativechat-exporter"
) -> Manifests:
    files = chart.render(values, name=release, namespace="nativechat")
    return Manifests([each for text in files.values() for each in yaml.safe_load_all(text) if each])


@pytest.fixture
def render() -> Iterator[Render]:
    """Render the chart with values."""
    with helm_python.Chart.load(CHART) as chart:
        yield lambda values: manifests(chart, values)


@pytest.fixture
def as_dependency(tmp_path: Path) -> Iterator[Render]:
    """Render a chart that depends on ours twice, and has templates of its own with common names."""
    parent = tmp_path / "parent"
    shutil.copytree(CHART, parent / "charts/nativechat-exporter")
    ours = {"name": "nativechat-exporter", "version": "0.1.0"}
    aliases = [{**ours, "alias": name, "condition": f"{name}.enabled"} for name in ("support", "sales")]
    about = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": aliases}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(about), "utf-8")
    (parent / "templates").mkdir()
    names = ("name", "fullname", "labels", "selected", "image")
    common = "".join(f'{{{{ define "{name}" }}}}of the parent{{{{ end }}}}' for name in names)
    (parent / "templates/_helpers.tpl").write_text(common, "utf-8")
    with helm_python.Chart.load(parent) as chart:
        yield lambda values: manifests(chart, values)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_whatever_is_set_it_is_valid_for_three_versions_of_kubernetes(
    values: dict[str, Any], render: Render
) -> None:
    assert [problem for manifest in render(values).all for problem in problems(manifest)] == []


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_as_a_dependency_it_is_the_same_under_another_name(
    values: dict[str, Any], render: Render, as_dependency: Render
) -> None:
    built = as_dependency({"support": values, "sales": {"enabled": False}})
    assert [problem for manifest in built.all for problem in problems(manifest)] == []
    assert sorted(each["kind"] for each in built.all) == sorted(each["kind"] for each in render(values).all)
    assert "of the parent" not in json.dumps(built.all)
    security = {"podSecurityContext": built.pod, "securityContext": built.exporter}
    for key, where in security.items():
        assert ("securityContext" in where) == (values.get(key, True) is not None), key


@pytest.mark.parametrize("release", ["123", "1e3", "on", "a.b", "x" * 53])
def test_whatever_the_release_is_called_it_is_valid_and_its_names_are_short(release: str) -> None:
    values = {**VALUES["operator"], **VALUES["grafana"], "shards": 2}
    with helm_python.Chart.load(CHART) as chart:
        built = manifests(chart, values, release)
    assert [problem for manifest in built.all for problem in problems(manifest)] == []
    assert all(re.fullmatch("[a-z0-9-]{1,63}", each["metadata"]["name"]) for each in built.all)


def test_helm_has_nothing_to_say_but_that_an_icon_is_missing() -> None:
    told = helm_python.lint(CHART, strict=True)
    assert [message["error"] for message in told["messages"]] == ["icon is recommended"]
    assert told["errors"] == []


def test_it_can_be_packed(tmp_path: Path) -> None:
    packed = helm_python.package(CHART, destination=tmp_path)
    with helm_python.Chart.load(packed) as chart:
        assert chart.name == "nativechat-exporter"


@pytest.mark.parametrize(("values", "directory"), [({}, "base"), ({"shards": 5}, "examples/sharded")])
def test_its_pod_is_that_of_kustomize(values: dict[str, Any], directory: str, render: Render) -> None:
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
        names = ("app.kubernetes.io/instance", "app.kubernetes.io/name")
        return {key: _without_instance(value) for key, value in part.items() if key not in names}
    return part


@pytest.mark.parametrize(
    "text",
    [
        "# With a comment, and $gt.\nqueries:\n  - {name: a, query: {Errors: {$gt: 0}}}\n",
        "   # A first line that is indented.\nqueries: []\n",
        "queries: []\r\nbots: []\r\n",
        "queries: []  \n\n\n",
        'help: "it\'s {{ .Values }}"',
        "help: \t\u00e9 \n",
    ],
)
def test_a_configuration_of_one_s_own_is_taken_to_the_letter(text: str, render: Render) -> None:
    assert render({"config": text}).one("ConfigMap")["data"] == {"config.yaml": text}


def test_selectors_mean_the_pods_of_their_own_release_and_chart(as_dependency: Render) -> None:
    values = {"podMonitor": {"enabled": True}}
    built = as_dependency({"support": values, "sales": values})
    workloads = built.of("Deployment")
    selected = [workload["spec"]["selector"]["matchLabels"] for workload in workloads]
    for labels, workload in zip(selected, workloads, strict=True):
        assert labels.items() <= workload["spec"]["template"]["metadata"]["labels"].items()
        assert labels["app.kubernetes.io/instance"] == "nativechat-exporter"
    assert selected[0] != selected[1]
    assert [each["spec"]["selector"] for each in built.of("Service")] == selected
    assert [each["spec"]["selector"]["matchLabels"] for each in built.of("PodMonitor")] == selected
    assert [each["spec"]["podSelector"]["matchLabels"] for each in built.of("NetworkPolicy")] == selected
    names = [(each["kind"], each["metadata"]["name"]) for each in built.all]
    assert len(set(names)) == len(names)


def test_a_dependency_that_is_off_renders_nothing(as_dependency: Render, render: Render) -> None:
    assert as_dependency({"support": {"enabled": False}, "sales": {"enabled": False}}).all == []
    assert render({"enabled": False}).all == []


def test_its_monitor_is_that_of_kustomize(render: Render) -> None:
    def endpoints(built: Manifests) -> Any:
        return built.one("PodMonitor")["spec"]["podMetricsEndpoints"]

    assert endpoints(render({"podMonitor": {"enabled": True}})) == endpoints(
        kustomized(DEPLOY / "examples/prometheus-operator")
    )


def test_dashboard_and_alerts_are_what_the_program_prints(render: Render) -> None:
    built = render({**VALUES["operator"], **VALUES["grafana"], "prometheusRule": {"enabled": True}})
    printed = {
        "grafana_dashboard": "grafana/dashboards/nativechat.json",
        "grafana_alert": "grafana/provisioning/alerting/nativechat.yaml",
    }
    for label, file in printed.items():
        [made] = [each for each in built.of("ConfigMap") if each["metadata"]["labels"].get(label) == "1"]
        assert list(made["data"].values()) == [(ROOT / file).read_text("utf-8")]
        assert made["metadata"]["namespace"] == "monitoring"
    rules = yaml.safe_load((ROOT / "prometheus/rules.yml").read_text("utf-8"))
    assert built.one("PrometheusRule")["spec"] == rules


@pytest.mark.parametrize("own", [{"config": "queries: []"}, {"configMap": "mine"}])
@pytest.mark.parametrize(
    "what", [("grafana", "dashboard"), ("grafana", "alerts"), ("prometheusRule",)], ids=lambda what: what[-1]
)
def test_a_configuration_of_one_s_own_has_a_dashboard_and_alerts_of_its_own(
    own: dict[str, Any], what: tuple[str, ...], render: Render
) -> None:
    def nested(value: dict[str, Any]) -> dict[str, Any]:
        for key in reversed(what):
            value = {key: value}
        return {**own, **value}

    with pytest.raises(helm_python.HelmRenderError, match="you set your own"):
        render(nested({"enabled": True}))
    mine = "spec: {groups: [{name: mine}]}"
    assert "mine" in json.dumps(render(nested({"enabled": True, "content": mine})).all)


@pytest.mark.parametrize("content", ["groups: []", "{{{", "- spec"])
def test_alerts_in_another_format_are_refused(content: str, render: Render) -> None:
    with pytest.raises(helm_python.HelmRenderError, match="rules --format operator"):
        render({"prometheusRule": {"enabled": True, "content": content}})


def test_what_the_manual_installs_reads_ids_and_tokens_where_the_secret_is(render: Render) -> None:
    manual = (ROOT / "docs/kubernetes.md").read_text("utf-8")
    [command] = re.findall(r"^helm install (?:.*\\\n)*.*$", manual, re.MULTILINE)
    [file] = re.findall(r"--set-file config=(\S+)", command)
    values: dict[str, Any] = {"config": (ROOT / file).read_text("utf-8")}
    for path, value in re.findall(r"--set (\w+\.\w+)=(\S+)", command):
        section, key = path.split(".")
        values[section] = {key: yaml.safe_load(value)}
    built = render(values)
    assert built.exporter["image"].startswith("registry.example.com/")
    assert built.of("PodMonitor")
    [mount] = [m for m in built.exporter["volumeMounts"] if m["name"] == "nativechat-exporter-secret"]
    bots = yaml.safe_load(built.one("ConfigMap")["data"]["config.yaml"])["bots"]
    for bot in bots:
        assert {Path(bot[key]["file"]).parent for key in ("id", "token")} == {Path(mount["mountPath"])}


def test_a_variable_of_one_s_own_replaces_ours(render: Render) -> None:
    mine = {"name": "NATIVECHAT_EXPORTER_LOG_FORMAT", "value": "logfmt"}
    environment = render({"extraEnv": [mine], "shards": 2}).exporter["env"]
    assert [variable for variable in environment if variable["name"] == mine["name"]] == [mine]


def test_a_label_for_all_is_on_all_and_selects_nothing(render: Render) -> None:
    label = {"cost-center": "17"}
    built = render({"commonLabels": label, **VALUES["grafana"]})
    for each in [*built.all, built.workload["spec"]["template"]]:
        assert label.items() <= each["metadata"]["labels"].items()
    assert not label.items() & built.workload["spec"]["selector"]["matchLabels"].items()


def test_without_a_secret_none_is_mounted(render: Render) -> None:
    built = render(VALUES["no Secret"])
    mounted = [mount["name"] for mount in built.exporter["volumeMounts"]]
    assert [volume["name"] for volume in built.pod["volumes"]] == mounted == ["nativechat-exporter-config"]


def test_https_is_used_by_whoever_asks_it(render: Render) -> None:
    built = render(VALUES["web TLS"])
    for probe in ("livenessProbe", "readinessProbe"):
        assert built.exporter[probe]["httpGet"]["scheme"] == "HTTPS"
    [endpoint] = built.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]["serverName"]) == ("https", "exporter")
    [file] = [v["value"] for v in built.exporter["env"] if v["name"] == "NATIVECHAT_EXPORTER_WEB_CONFIG_FILE"]
    [mount] = [m for m in built.exporter["volumeMounts"] if m["name"] == "nativechat-exporter-web"]
    assert file == f"{mount['mountPath']}/web.yaml"


def test_labels_and_annotations_of_one_s_own_replace_ours_but_not_those_that_select(render: Render) -> None:
    built = render(
        {
            "scrapeAnnotations": True,
            "podAnnotations": {"prometheus.io/path": "/other"},
            "podLabels": {"nativechat-exporter": "mine", "team": "chat"},
            "podMonitor": {"enabled": True, "labels": {"app.kubernetes.io/instance": "mine"}},
        }
    )
    metadata = built.workload["spec"]["template"]["metadata"]
    assert metadata["annotations"]["prometheus.io/path"] == "/other"
    assert metadata["annotations"]["prometheus.io/port"] == "10054"
    assert metadata["labels"]["team"] == "chat"
    assert metadata["labels"]["nativechat-exporter"] == "standalone"
    assert built.one("PodMonitor")["metadata"]["labels"]["app.kubernetes.io/instance"] == "mine"


def test_a_network_policy_allows_what_is_set_and_nothing_else(render: Render) -> None:
    spec = render(VALUES["proxy"]).one("NetworkPolicy")["spec"]
    assert spec["ingress"] == [{"ports": [{"port": "nativechat"}], "from": MONITORING}]
    assert spec["egress"][1:] == [{"ports": [{"port": 3128}], "to": PROXY}]
    [dns] = render(VALUES["OpenShift"]).one("NetworkPolicy")["spec"]["egress"][:1]
    assert {port["port"] for port in dns["ports"]} == {5353}


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, f"nativechat-exporter:{__version__}"),
        (VALUES["a registry"], f"registry.example.com/team/exporter@sha256:{'0' * 64}"),
        (VALUES["a parent's values"], f"registry.example.com/nativechat-exporter:{__version__}"),
        ({"image": {"tag": "1.2.3"}}, "nativechat-exporter:1.2.3"),
    ],
)
def test_the_image_is_put_together_of_its_parts(values: dict[str, Any], image: str, render: Render) -> None:
    assert render(values).exporter["image"] == image


def test_secrets_for_the_registry_are_those_of_the_chart_and_of_its_parent(render: Render) -> None:
    built = render({"global": {"imagePullSecrets": ["parent"]}, "imagePullSecrets": [{"name": "ours"}]})
    assert built.pod["imagePullSecrets"] == [{"name": "parent"}, {"name": "ours"}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"shard": 3},
        {"shards": 0},
        {"config": {}},
        {"podMonitor": {"on": True}},
        {"networkPolicy": {"api": {"ports": ["https"]}}},
        {"web": {"scheme": "https"}},
        {"image": {"digest": "latest"}},
        {"podLabels": {"team": 1}},
        {"fullnameOverride": "Chat"},
        {"extraEnv": [{"name": "NATIVECHAT_EXPORTER_SHARD_TOTAL", "value": 2}]},
        {"extraPodSpec": {"volumes": []}},
        {"podMonitor": {"interval": "60"}},
        {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}]},
    ],
    ids=str,
)
def test_a_value_that_is_wrong_or_unknown_is_refused(wrong: dict[str, Any], render: Render) -> None:
    with pytest.raises(helm_python.HelmValuesError):
        render(wrong)


def test_every_value_has_a_default_that_its_schema_allows_and_a_description() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))

    def leaves(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for value in part["properties"].values():
            if "default" in value:
                yield value
            else:
                yield from leaves(value)

    for leaf in leaves(schema):
        assert leaf["description"].endswith((".", "`")), leaf
        jsonschema.validate(leaf["default"], {**leaf, "definitions": schema["definitions"]})
    jsonschema.validate(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")), schema)
