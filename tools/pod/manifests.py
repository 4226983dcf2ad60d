"""Makes of deploy/examples/sidecar what podman can play: one Pod, and ConfigMaps."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
POD: Final = "nativechat-pod-check"
CONFIGURATION: Final = f"{POD}-configuration"
SECRET: Final = f"{POD}-secret"
APPLICATION: Final = f"{POD}-application"

_NATIVECHAT: Final = Path(__file__).with_name("nativechat.py")


def manifests(image: str, token: str) -> str:
    """Return the sidecar's Pod, with `image` for both containers, as YAML for `podman play kube`.

    Neither its configuration nor its Secret has a file that matters: `swap` gives them some. Podman would
    fill a folder without any file from the image. The application accepts `token`.

    Podman 4.3 plays no Secret and asks probes with a curl that the image has not: a ConfigMap stands for
    the Secret, and whoever runs this asks the probes, from outside as Kubernetes does.
    """
    pod = _sidecar_pod()
    containers = {container["name"]: container for container in pod["containers"]}
    exporter, application = containers["nativechat-exporter"], containers["shop"]
    exporter["image"] = image
    del exporter["livenessProbe"]
    application.update(
        image=image,
        command=["python", "/app/nativechat.py"],
        volumeMounts=[{"name": "application", "mountPath": "/app"}],
    )
    pod["volumes"] = [
        {"name": "nativechat-exporter-config", "configMap": {"name": CONFIGURATION}},
        {"name": "nativechat-exporter-secret", "configMap": {"name": SECRET}},
        {"name": "application", "configMap": {"name": APPLICATION}},
    ]
    program = {_NATIVECHAT.name: _NATIVECHAT.read_text("utf-8"), "token": token, "mood": "well"}
    return yaml.safe_dump_all(
        [
            _config_map(CONFIGURATION, {"empty": ""}),
            _config_map(SECRET, {"empty": ""}),
            _config_map(APPLICATION, program),
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": pod},
        ]
    )


def _sidecar_pod() -> dict[str, Any]:
    built = subprocess.run(
        ["kustomize", "build", str(ROOT / "deploy/examples/sidecar")], capture_output=True, check=True
    )
    [deployment] = (each for each in yaml.safe_load_all(built.stdout) if each["kind"] == "Deployment")
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def _config_map(name: str, data: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": dict(data)}
