"""Compares what is in a wheel and a source archive with what is promised."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

PACKAGE: Final = "exporter"
BESIDE: Final = ("config.yaml", "config.schema.json")
"""What lies beside the package in a checkout, and in it once it is installed."""

_METADATA: Final = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")


def in_wheel(file: Path) -> set[str]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(file) as archive:
        return set(archive.namelist())


def in_sdist(file: Path) -> set[str]:
    """Return the files of a source archive, below its one folder."""
    with tarfile.open(file) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def promised_in_wheel(root: Path, version: str) -> set[str]:
    """Return what a wheel holds: the package of this checkout, what lies beside it, and its metadata."""
    package = {
        path.relative_to(root).as_posix()
        for path in (root / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    beside = {f"{PACKAGE}/{name}" for name in BESIDE}
    return package | beside | {f"nativechat_exporter-{version}.dist-info/{name}" for name in _METADATA}


def promised_in_sdist(tracked: Iterable[str]) -> set[str]:
    """Return what a source archive holds: everything under version control, and its metadata."""
    return {*tracked, "PKG-INFO"}


def differences(name: str, found: set[str], promised: set[str]) -> list[str]:
    """Return a line for each file that is missing from an archive, or in it without a promise."""
    missing = (f"{name} lacks {file}" for file in sorted(promised - found))
    surplus = (f"{name} has {file}, which is not promised" for file in sorted(found - promised))
    return [*missing, *surplus]
