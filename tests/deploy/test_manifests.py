"""Every directory under deploy/, and every way to put them together, is what Kubernetes takes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.deploy.schemas import VERSIONS, Manifest, problems

if TYPE_CHECKING:
    from tests.deploy.conftest import Manifests

DEPLOY = Path(__file__).parents[2] / "deploy"
BUILT = sorted(
    path.parent.relative_to(DEPLOY).as_posix()
    for path in DEPLOY.rglob("kustomization.yaml")
    if "components" not in path.relative_to(DEPLOY).parts
)
SHOP = yaml.safe_load((DEPLOY / "examples/sidecar/shop.yaml").read_text("utf-8"))
[NAMED] = yaml.safe_load((DEPLOY / "components/image/kustomization.yaml").read_text("utf-8"))["images"]
IMAGE = f"{NAMED['newName']}:{NAMED['newTag']}"
WAYS: list[tuple[str | Manifest, tuple[str, ...]]] = [
    ("base", ()),
    ("base", ("sharded",)),
    (SHOP, ("sidecar/classic",)),
    (SHOP, ("sidecar/native",)),
]
BESIDE = [
    (),
    ("annotations",),
    ("prometheus-operator",),
    ("annotations", "pod-monitor"),
]


def test_the_directories_are_found() -> None:
    assert {"base", "examples/sharded", "examples/sidecar"} <= set(BUILT)


@pytest.mark.parametrize("directory", BUILT)
def test_a_directory_is_valid_for_three_versions_of_kubernetes(
    directory: str, build: Callable[[str], Manifests]
) -> None:
    built = build(directory)
    assert [problem for manifest in built.all for problem in problems(manifest)] == []


@pytest.mark.parametrize(("way", "beside"), list(product(WAYS, BESIDE)))
def test_every_combination_is_valid_for_three_versions_of_kubernetes(
    way: tuple[str | Manifest, tuple[str, ...]], beside: tuple[str, ...], compose: Callable[..., Manifests]
) -> None:
    onto, components = way
    built = compose(onto, *components, *beside, "image")
    assert [problem for manifest in built.all for problem in problems(manifest)] == []
    assert bool({"prometheus-operator", "pod-monitor"} & set(beside)) == bool(built.of("PodMonitor"))
    assert built.exporter["image"] == IMAGE
    annotations = built.workload["spec"]["template"]["metadata"].get("annotations", {})
    is_annotated = "annotations" in beside and onto == "base"
    assert is_annotated == (annotations.get("prometheus.io/scrape") == "true")


def test_what_is_wrong_is_found(build: Callable[[str], Manifests]) -> None:
    built = build("examples/prometheus-operator")
    for manifest in built.all:
        planted = deepcopy(manifest)
        planted["metadata"]["lables"] = {}
        assert list(problems(planted)), manifest["kind"]
    planted = deepcopy(built.workload)
    planted["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["httpGet"]["prot"] = 1
    assert len(list(problems(planted))) == len(VERSIONS)


def test_prometheus_takes_the_rules(build: Callable[[str], Manifests], tmp_path: Path) -> None:
    program = shutil.which("promtool")
    assert program, "promtool is missing: install Debian's package prometheus"
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(build("examples/prometheus-operator").one("PrometheusRule")["spec"]))
    told = subprocess.run([program, "check", "rules", rules], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
