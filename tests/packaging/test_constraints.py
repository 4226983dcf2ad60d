"""Laws of the constraints files: they hold on any later day, and one of them holds the lowest versions."""

from __future__ import annotations

import base64
import ensurepip
import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).parents[2]
FILES: Final = (*sorted(ROOT.glob("constraints/*.txt")), ROOT / "bench/peers.txt")

PIN: Final = re.compile(
    r"^(?P<name>[\w.-]+)(?P<extras>\[[^\]]*\])?==(?P<version>[^\s;]+)(?P<marker> ;[^\\\n]*)?"
    r"(?: \\\n +--hash=\S+)+$",
    re.MULTILINE,
)


def needs(name: str) -> list[str]:
    """Return the lines of metadata that say what a package needs; none if it is not installed here."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return []
    fields = ("Provides-Extra", "Requires-Dist")
    return [f"{field}: {value}" for field in fields for value in metadata.get_all(field, ())]


def empty_wheel(index: Path, name: str, version: str) -> str:
    """Add a wheel without modules to an index; return its SHA-256."""
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    files = {
        "METADATA": ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *needs(name)],
        "WHEEL": ["Wheel-Version: 1.0", "Root-Is-Purelib: true", "Tag: py3-none-any"],
    }
    record = []
    file = index / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        for called, lines in files.items():
            content = "".join(f"{line}\n" for line in lines).encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            record.append(f"{stem}.dist-info/{called},sha256={digest},{len(content)}\n")
            wheel.writestr(f"{stem}.dist-info/{called}", content)
        wheel.writestr(f"{stem}.dist-info/RECORD", "".join([*record, f"{stem}.dist-info/RECORD,,\n"]))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def on_a_later_day(constraints: str, index: Path) -> str:
    """Fill an index with each pinned release and a newer one; return the constraints with these hashes."""

    def pinned(pin: re.Match[str]) -> str:
        name, extras, version, marker = pin.groups(default="")
        empty_wheel(index, name, f"{Version(version).base_version}.1")
        return f"{name}{extras}=={version}{marker} --hash=sha256:{empty_wheel(index, name, version)}"

    return PIN.sub(pinned, constraints)


def without_extras(constraints: str) -> str:
    """Return constraints as pip-compile writes them with --strip-extras."""
    return re.sub(r"^([\w.-]+)\[[^\]]*\]==", r"\1==", constraints, flags=re.MULTILINE)


@dataclass(frozen=True)
class Pip:
    """The pip of a Python, as it is before anybody sets it up."""

    python: str

    def resolve(self, constraints: str, index: Path) -> CompletedProcess[str]:
        """Say what constraints would install from an index, if nothing were installed."""
        file = index.with_suffix(".txt")
        file.write_text(constraints, "utf-8")
        options = ("--dry-run", "--ignore-installed", "--require-hashes", "--no-index", "--find-links", index)
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        return subprocess.run(
            [self.python, "-m", "pip", "--isolated", "install", *options, "-r", file],
            env={**environ, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Pip:
    """The pip that Python brings, as one has who has just made a virtual environment."""
    venv = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    return Pip(str(venv / "bin/python"))


@pytest.fixture(params=["bundled", "newest"])
def pip(request: pytest.FixtureRequest) -> Pip:
    if request.param == "newest":
        return Pip(sys.executable)
    fresh: Pip = request.getfixturevalue("bundled")
    return fresh


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_newer_release_of_everything_changes_nothing(file: Path, pip: Pip, index: Path) -> None:
    constraints = file.read_text("utf-8")
    done = pip.resolve(on_a_later_day(constraints, index), index)
    assert done.returncode == 0, done.stderr
    [would] = re.findall(r"^Would install (.*)$", done.stdout, re.MULTILINE)
    assert len(would.split()) == len(PIN.findall(constraints))


def test_without_its_extras_a_file_is_refused_by_a_pip_before_23_3(bundled: Pip, index: Path) -> None:
    later = on_a_later_day((ROOT / "constraints/dev.txt").read_text("utf-8"), index)
    assert without_extras(later) != later
    done = bundled.resolve(without_extras(later), index)
    is_refused = "must have their versions pinned with ==" in done.stderr
    assert is_refused == (Version(ensurepip.version()) < Version("23.3")), done.stderr


def test_what_runs_and_simulates_is_pinned_at_its_lowest_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    direct = [*project["dependencies"], *project["optional-dependencies"]["simulate"]]
    lowest = {name: Version(bound) for name, bound in (need.split(">=") for need in direct)}
    pins = PIN.finditer((ROOT / "constraints/lowest.txt").read_text("utf-8"))
    assert lowest.items() <= {pin["name"]: Version(pin["version"]) for pin in pins}.items()
