"""Laws of compose.yaml: it is valid, pins what comes from elsewhere, and finds what comes from here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "compose.yaml"


def judged(file: Path) -> CompletedProcess[str]:
    """Compare a file with the schema of the Compose specification."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema=vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text("utf-8")))


def test_it_keeps_to_the_specification() -> None:
    done = judged(FILE)
    assert done.returncode == 0, done.stdout


def test_a_planted_key_breaks_the_specification(tmp_path: Path) -> None:
    planted = tmp_path / "compose.yaml"
    planted.write_text(FILE.read_text("utf-8").replace("cap_drop", "cap_dorp"), "utf-8")
    assert "cap_dorp" in judged(planted).stdout


def test_images_from_elsewhere_are_pinned_by_tag_and_digest(compose: dict[str, Any]) -> None:
    images = {service["image"] for service in compose["services"].values() if "build" not in service}
    assert len(images) == 2
    pinned = re.compile(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}")
    assert all(map(pinned.fullmatch, images))


def test_the_exporter_gets_every_variable_of_the_file_whatever_its_configuration_reads(
    compose: dict[str, Any],
) -> None:
    exporter = compose["services"]["exporter"]
    assert exporter["env_file"] == ".env"
    assert "environment" not in exporter


def test_what_it_mounts_from_here_is_here(compose: dict[str, Any]) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", ())]
    here = [mount.partition(":")[0] for mount in mounts if mount.startswith("./")]
    assert len(here) == 5
    assert [path for path in here if not (ROOT / path).exists()] == []


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service["ports"]]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_exporter_runs_as_the_image_was_held_to_its_promises(compose: dict[str, Any]) -> None:
    exporter = compose["services"]["exporter"]
    assert exporter["read_only"] is True
    assert exporter["cap_drop"] == ["ALL"]
    assert exporter["mem_limit"] == "96m"


def test_prometheus_accepts_its_configuration(compose: dict[str, Any], tmp_path: Path) -> None:
    # As it finds them in the container.
    folder = "/etc/prometheus/"
    mounts = [mount.split(":")[:2] for mount in compose["services"]["prometheus"]["volumes"]]
    for source, target in mounts:
        if target.startswith(folder):
            shutil.copy(ROOT / source, tmp_path / target.removeprefix(folder))
    program = shutil.which("promtool")
    assert program, "promtool is missing: install Debian's package prometheus"
    command = [program, "check", "config", str(tmp_path / "prometheus.yml")]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr
