"""Installs the programs of others, in an environment of their own, from pinned versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.scale import Peers

ROOT: Final = Path(__file__).parents[1]
ENVIRONMENT: Final = ROOT / "build/bench"
PINNED: Final = ROOT / "bench/peers.txt"
_STAMP: Final = ENVIRONMENT / "installed.txt"
_PATIENCE: Final = 300.0


def install() -> Peers:
    """Return the programs of others; installs them where they are missing or of another version."""
    failed = ""
    if not (_STAMP.is_file() and _STAMP.read_bytes() == PINNED.read_bytes()):
        failed = _install()
    if failed:
        return Peers(missing=failed)
    return Peers(program("prometheus-es-exporter"), program("query-exporter"))


def program(name: str) -> Path:
    """Return where a program of the environment is."""
    return ENVIRONMENT / "bin" / name


def _install() -> str:
    """Make the environment; return what went wrong, if anything."""
    pip = [str(program("python")), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [*pip, "install", "--require-hashes", "--requirement", str(PINNED)],
    )
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PATIENCE)
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
            return f"pip could not install {PINNED.name}: {last}"
        except subprocess.TimeoutExpired:
            return f"pip did not install {PINNED.name} within {_PATIENCE:.0f} s"
    _STAMP.write_bytes(PINNED.read_bytes())
    return ""
