"""Builds what is under deploy/, and ways to put it together that a person may choose."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.deploy.schemas import Manifest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


class Manifests:
    """What a directory gives, by kind."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        self.all = manifests

    def of(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self.all if manifest["kind"] == kind]

    def one(self, kind: str) -> Manifest:
        [manifest] = self.of(kind)
        return manifest

    @property
    def workload(self) -> Manifest:
        """The one resource that makes Pods."""
        [manifest] = (each for each in self.all if "template" in each.get("spec", {}))
        return manifest

    @property
    def pod(self) -> Manifest:
        pod: Manifest = self.workload["spec"]["template"]["spec"]
        return pod

    @property
    def exporter(self) -> Manifest:
        """Our container in the Pod."""
        containers = [*self.pod["containers"], *self.pod.get("initContainers", ())]
        container: Manifest
        [container] = [each for each in containers if each["name"] == "nativechat-exporter"]
        return container


def kustomized(directory: Path) -> Manifests:
    program = shutil.which("kustomize")
    assert program, "kustomize is missing: install Debian's package kustomize (make test does)"
    built = subprocess.run(
        [program, "build", str(directory)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (built.returncode, built.stderr) == (0, "")
    return Manifests(list(yaml.safe_load_all(built.stdout)))


@pytest.fixture(scope="session")
def build() -> Callable[[str], Manifests]:
    """Build a directory under deploy/."""
    built = cache(kustomized)
    return lambda directory: deepcopy(built(DEPLOY / directory))


@pytest.fixture(scope="session")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Manifests]:
    """Put components of deploy/ onto one of its directories, or a resource, as an overlay of one's own."""

    @cache
    def built(onto: str, components: tuple[str, ...]) -> Manifests:
        # Kustomize takes no absolute paths, and nothing from above the folder it was called for.
        folder = tmp_path_factory.mktemp("kustomize")
        shutil.copytree(DEPLOY, folder / "deploy", ignore=shutil.ignore_patterns("helm"))
        overlay = folder / "deploy/overlay"
        overlay.mkdir()
        is_resource = onto.startswith("{")
        if is_resource:
            (overlay / "resource.yaml").write_text(onto, "utf-8")
        kustomization = {
            "resources": ["resource.yaml" if is_resource else f"../{onto}"],
            "components": [f"../components/{component}" for component in components],
        }
        (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), "utf-8")
        return kustomized(overlay)

    def build(onto: str | Manifest, *components: str) -> Manifests:
        return deepcopy(built(onto if isinstance(onto, str) else json.dumps(onto), components))

    return build
