"""Every directory under deploy/, and every way to put them together, is what Kubernetes takes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from itertools import combinations, product
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
WAYS: list[tuple[str | Manifest, tuple[str, ...]]] = [
    ("base", ()),
    ("base", ("sharded",)),
    (SHOP, ("sidecar/classic",)),
    (SHOP, ("sidecar/native",)),
]
FOUND_BY = [
    some for number in range(3) for some in combinations(("annotations", "prometheus-operator"), number)
]


def test_the_directories_are_found() -> None:
    assert {"base", "examples/sharded", "examples/sidecar"} <= set(BUILT)


@pytest.mark.parametrize("directory", BUILT)
def test_a_directory_is_valid_for_three_versions_of_kubernetes(
    directory: str, build: Callable[[str], Manifests]
) -> None:
    built = build(directory)
    assert [problem for manifest in built.all for problem in problems(manifest)] == []


@pytest.mark.parametrize(("way", "found_by"), list(product(WAYS, FOUND_BY)))
def test_every_combination_is_valid_for_three_versions_of_kubernetes(
    way: tuple[str | Manifest, tuple[str, ...]], found_by: tuple[str, ...], compose: Callable[..., Manifests]
) -> None:
    onto, components = way
    built = compose(onto, *components, *found_by)
    assert [problem for manifest in built.all for problem in problems(manifest)] == []
    assert ("prometheus-operator" in found_by) == bool(built.of("PodMonitor"))
    annotations = built.workload["spec"]["template"]["metadata"].get("annotations", {})
    assert ("annotations" in found_by) == (annotations.get("prometheus.io/scrape") == "true")


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
