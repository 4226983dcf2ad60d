"""Laws of `dashboard`: it prints the shipped one, and needs neither secrets nor the network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

ROOT = Path(__file__).parents[2]

Typed = Callable[..., CompletedProcess[str]]


def test_the_shipped_file_is_what_it_prints_without_any_secret(typed: Typed) -> None:
    done = typed("dashboard", "--config.file", ROOT / "config.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "grafana/dashboards/nativechat.json").read_text("utf-8")


def test_the_runbook_and_the_status_page_can_be_set(typed: Typed) -> None:
    done = typed(
        "dashboard", "--web.external-url=https://exporter.example/", "--runbook-url=https://wiki.example/x",
        "--config.file", ROOT / "config.yaml",
    )  # fmt: skip
    urls = [link["url"] for link in json.loads(done.stdout)["links"]]
    assert urls == ["https://exporter.example/", "https://wiki.example/x"]


def test_a_wrong_configuration_is_reported_with_its_place(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("bots: []\n", "utf-8")
    done = typed("dashboard", "--config.file", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{file}:" in done.stderr
