"""What `make pod-check` plays is the sidecar's Pod."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import yaml

from tests.deploy.schemas import problems
from tools.pod.manifests import manifests

if TYPE_CHECKING:
    from tests.deploy.conftest import Manifests


def test_it_differs_from_deploy_s_in_its_image_and_probe_alone(
    build: Callable[[str], Manifests],
) -> None:
    def same(container: dict[str, Any]) -> dict[str, Any]:
        return {key: container[key] for key in container.keys() - {"image", "livenessProbe"}}

    played = list(yaml.safe_load_all(manifests("any-image", "made-up")))
    assert [problem for manifest in played for problem in problems(manifest)] == []
    application, exporter = played[-1]["spec"]["containers"]
    assert same(exporter) == same(build("examples/sidecar").exporter)
    assert exporter["image"] == application["image"] == "any-image"
