"""Runs a Pod with podman, and swaps its volumes as Kubernetes does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Pod:
    """A Pod that runs."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def address(self) -> str:
        """Where it is reached from this machine, as Kubernetes reaches it from the node."""
        [pod] = json.loads(_podman("pod", "inspect", self.name, "--format", "[{{json .}}]"))
        [infra] = json.loads(_podman("inspect", pod["InfraContainerID"]))
        [network] = infra["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def inspect(self, container: str) -> dict[str, Any]:
        """Return what podman knows of a container."""
        [found] = json.loads(_podman("inspect", f"{self.name}-{container}"))
        told: dict[str, Any] = found
        return told

    def log(self, container: str) -> str:
        """Return what a container has said."""
        return _podman("logs", f"{self.name}-{container}")

    def stop(self, container: str, seconds: int) -> None:
        """Send SIGTERM, and SIGKILL after so many seconds."""
        _podman("stop", "--time", str(seconds), f"{self.name}-{container}")


@contextmanager
def playing(name: str, manifests: str) -> Iterator[Pod]:
    """Play manifests with one Pod of this name; afterwards, nothing of it is left."""
    _remove(name, manifests)
    try:
        _podman("play", "kube", "-", stdin=manifests)
        yield Pod(name)
    finally:
        _remove(name, manifests)


def swap(config_map: str, files: Mapping[str, str]) -> None:
    """Replace the files of a mounted ConfigMap at once, by a symbolic link, as Kubernetes does."""
    [volume] = json.loads(_podman("volume", "inspect", config_map))
    folder = Path(volume["Mountpoint"])
    fresh = folder / f"..{len(list(folder.iterdir()))}"
    fresh.mkdir()
    for name, content in files.items():
        (fresh / name).write_text(content, "utf-8")
    _link(folder / "..data", fresh.name)
    for name in files:
        if not (folder / name).is_symlink():
            _link(folder / name, f"..data/{name}")


def _link(path: Path, target: str) -> None:
    beside = path.with_name(f"{path.name}_tmp")
    beside.symlink_to(target)
    beside.replace(path)


def _remove(name: str, manifests: str) -> None:
    subprocess.run(["podman", "pod", "rm", "--force", "--ignore", name], capture_output=True, check=False)
    volumes = [
        line.removeprefix("  name: ") for line in manifests.splitlines() if line.startswith("  name: ")
    ]
    subprocess.run(["podman", "volume", "rm", "--force", *volumes], capture_output=True, check=False)


def _podman(*words: str, stdin: str | None = None) -> str:
    done = subprocess.run(["podman", *words], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"podman {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout + done.stderr
