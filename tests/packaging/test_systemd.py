"""Laws of the systemd unit: systemd takes it, and finds it well guarded."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = ROOT / "systemd/nativechat-exporter.service"
PROGRAM: Final = "/opt/nativechat-exporter/bin/nativechat-exporter"
MOST_EXPOSED: Final = 15
"""Ten times systemd's own measure, which goes to 10."""


def analyze(*words: str | Path) -> CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: install Debian's package systemd"
    command = [program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is installed here in the place of ours."""
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text("utf-8").replace(PROGRAM, sys.executable), "utf-8")
    return file


def test_systemd_finds_no_fault_with_it(unit: Path) -> None:
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_finds_a_planted_fault(unit: Path) -> None:
    unit.write_text(unit.read_text("utf-8").replace("WatchdogSec=", "WatchdogSeconds="), "utf-8")
    assert "WatchdogSeconds" in analyze("verify", "--man=no", unit).stderr


def test_systemd_finds_it_little_exposed(unit: Path) -> None:
    done = analyze("security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)
    assert done.returncode == 0, done.stdout


CREDENTIAL: Final = "LoadCredential=token:/etc/nativechat-exporter/token\n"


def test_systemd_takes_the_credential_that_the_unit_and_the_manual_suggest(unit: Path) -> None:
    written = unit.read_text("utf-8")
    assert f"#{CREDENTIAL}" in written
    unit.write_text(written.replace(f"#{CREDENTIAL}", CREDENTIAL), "utf-8")
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    manual = (ROOT / "docs/install.md").read_text("utf-8")
    assert f"`{CREDENTIAL.strip()}`" in manual
    assert f"token: {{file: /run/credentials/{UNIT.name}/token}}" in manual


def test_it_stands_where_the_manual_installs_it() -> None:
    manual = (ROOT / "docs/install.md").read_text("utf-8")
    lines = UNIT.read_text("utf-8").replace(f"#{CREDENTIAL}", "")
    named = re.findall(r"/etc/nativechat-exporter/[\w.]+", lines)
    assert len(named) == 2
    assert all(f" {path}\n" in manual for path in named)
    assert f"python3 -m venv {PROGRAM.removesuffix('/bin/nativechat-exporter')}\n" in manual
