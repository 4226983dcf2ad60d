"""Laws of the constraints files: they hold on any later day, and one of them holds the lowest versions."""

from __future__ import annotations

import ensurepip
import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
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
FILES: Final = sorted(ROOT.glob("constraints/*.txt"))

PIN: Final = re.compile(
    r"^(?P<name>[\w.-]+)(?P<extras>\[[^\]]*\])?==(?P<version>[^\s;]+)(?P<marker> ;[^\\\n]*)?"
    r"(?: \\\n +--hash=\S+)+$",
    re.MULTILINE,
)


def needs(name: str, extras: str) -> list[str]:
    """Return the lines of metadata that say what a package needs; none if it is not installed here."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return []
    lines = [f"Provides-Extra: {extra}" for extra in metadata.get_all("Provides-Extra", ())]
    for need in metadata.get_all("Requires-Dist", ()):
        extra = re.search(r"extra == ['\"]([\w.-]+)", need)
        if not extra or extra[1] in extras:
            lines.append(f"Requires-Dist: {need}")
    return lines


def empty_wheel(index: Path, name: str, version: str, extras: str) -> str:
    """Add a wheel without modules to a package of an index; return its SHA-256."""
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    file = index / f"{stem}-py3-none-any.whl"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *needs(name, extras)]
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", "\n".join([*metadata, ""]))
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    with (index / "index.html").open("a", encoding="utf-8") as page:
        page.write(f'<a href="{file.name}">{file.name}</a>\n')
    return hashlib.sha256(file.read_bytes()).hexdigest()


def on_a_later_day(constraints: str, index: Path) -> str:
    """Fill an index with each pinned release and a newer one; return the constraints with these hashes."""

    def pinned(pin: re.Match[str]) -> str:
        name, extras, version, marker = pin.groups(default="")
        package = index / canonicalize_name(name)
        package.mkdir()
        empty_wheel(package, name, f"{Version(version).base_version}.1", extras)
        digest = empty_wheel(package, name, version, extras)
        return f"{name}{extras}=={version}{marker} --hash=sha256:{digest}"

    return PIN.sub(pinned, constraints)


def without_extras(constraints: str) -> str:
    """Return constraints as pip-compile writes them with --strip-extras."""
    return re.sub(r"^([\w.-]+)\[[^\]]*\]==", r"\1==", constraints, flags=re.MULTILINE)


@dataclass(frozen=True)
class Pip:
    """A pip as it is before anybody sets it up; `folder` is where it is imported from."""

    folder: str

    def resolve(self, constraints: str, index: Path) -> CompletedProcess[str]:
        """Say what constraints would install from an index, if nothing were installed."""
        file = index.with_suffix(".txt")
        file.write_text(constraints, "utf-8")
        options = ("--dry-run", "--ignore-installed", "--require-hashes", "--index-url", index.as_uri())
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))
        }
        return subprocess.run(
            [sys.executable, "-m", "pip", "--isolated", "install", *options, "-r", file],
            env={
                **environ,
                "PYTHONPATH": self.folder,
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Pip:
    """The pip that Python brings, as one has who has just made a virtual environment."""
    brought = sysconfig.get_config_var("WHEEL_PKG_DIR") or Path(ensurepip.__file__).with_name("_bundled")
    [wheel] = Path(brought).glob(f"pip-{ensurepip.version()}-*.whl")
    folder = tmp_path_factory.mktemp("pip")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return Pip(str(folder))


@pytest.fixture(params=["bundled", "newest"])
def pip(request: pytest.FixtureRequest, bundled: Pip) -> Pip:
    """The pip that Python brings, and the newest one, which is what we develop with."""
    return bundled if request.param == "bundled" else Pip("")


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


def test_what_runs_is_pinned_at_its_lowest_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lowest = {name: Version(bound) for name, bound in (need.split(">=") for need in project["dependencies"])}
    pins = PIN.finditer((ROOT / "constraints/lowest.txt").read_text("utf-8"))
    assert lowest.items() <= {pin["name"]: Version(pin["version"]) for pin in pins}.items()
