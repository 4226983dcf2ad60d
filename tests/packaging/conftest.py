"""What is installed from the wheel, as a process of its own in an empty folder."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from exporter.cli.simulate import simulated
from exporter.clock import SystemClock

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 60.0
SHIPPED: Final = 8
"""Series of counts that the shipped configuration makes."""


def needed(extra: str, package: str = "nativechat-exporter") -> set[str]:
    """Return what a package with an extra needs here, with what that needs itself."""
    needs = map(Requirement, requires(package) or ())
    names = {need.name for need in needs if not need.marker or need.marker.evaluate({"extra": extra})}
    return set(map(canonicalize_name, names)).union(*(needed("", name) for name in names))


def modules_of_the_simulator() -> list[str]:
    """Return the modules that are installed here because of the extra `simulate`."""
    brought = needed("simulate") - needed("")
    found = packages_distributions().items()
    return sorted(module for module, names in found if brought & set(map(canonicalize_name, names)))


def listening(process: Popen[str]) -> str:
    """Return the address that a daemon logs."""
    assert process.stderr
    events = (json.loads(line) for line in process.stderr)
    return str(next(event["address"] for event in events if event["msg"] == "listening"))


def get(address: str, path: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def counts(address: str) -> dict[str, float]:
    """Return the counts on the page of metrics, once there are all that the shipped queries make."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        page = get(address, "/metrics").splitlines()
        lines = [line for line in page if line.startswith("nativechat_c") and "_new_total" not in line]
        if len(lines) == SHIPPED:
            return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
        time.sleep(0.02)
    raise AssertionError(lines)


@dataclass(frozen=True)
class Installed:
    """An installation of the wheel: its interpreter, and the environment that leads there."""

    python: str
    environ: Mapping[str, str]
    home: Path

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> Popen[str]:
        """Start a command, in a folder without a configuration."""
        command = [self.python, "-m", "exporter", *words]
        environ = {**self.environ, **(env or {})}
        return Popen(command, cwd=self.home, env=environ, stdout=PIPE, stderr=PIPE, text=True)

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> CompletedProcess[str]:
        """Run a command to its end."""
        with self.start(*words, env=env) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return CompletedProcess(words, process.returncode, out, err)

    @property
    def shipped(self) -> Path:
        """Where the shipped configuration is installed."""
        script = "import exporter, pathlib; print(pathlib.Path(exporter.__file__).with_name('config.yaml'))"
        command = [self.python, "-c", script]
        told = subprocess.run(
            command, cwd=self.home, env=self.environ, capture_output=True, text=True, check=True
        )
        return Path(told.stdout.strip())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes what is lacking once for each module that the simulator brings."""
    if "lacking" in metafunc.fixturenames:
        metafunc.parametrize("lacking", modules_of_the_simulator())


@pytest.fixture
def served() -> Callable[[Popen[str]], dict[str, float]]:
    """Return the counts that a daemon serves, once they are all there."""
    return lambda process: counts(listening(process))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wheel is unpacked, which is all that installing it does to the package."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def environ(*paths: Path) -> dict[str, str]:
    """Return this process's environment with these paths to import from, and nothing of ours in it."""
    ours = ("NATIVECHAT", "COV", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, paths)), "NO_PROXY": "127.0.0.1"}


@pytest.fixture
def with_simulator(unpacked: Path, tmp_path: Path) -> Installed:
    """An installation with the extra `simulate`."""
    return Installed(sys.executable, environ(unpacked), tmp_path)


@pytest.fixture
def without_simulator(unpacked: Path, tmp_path: Path) -> Installed:
    """An installation from which the simulator was removed, as from the image."""
    site = tmp_path / "site"
    shutil.copytree(unpacked, site, ignore=shutil.ignore_patterns("simulator"))
    return Installed(sys.executable, environ(site), tmp_path)


@pytest.fixture
def without(unpacked: Path, tmp_path: Path) -> Callable[..., Installed]:
    """Make an installation in which these modules are missing."""

    def make(*modules: str) -> Installed:
        custom = tmp_path / "custom"
        custom.mkdir()
        # sys.modules says of each what the import system says of a module that was never installed.
        hidden = f"import sys\nsys.modules.update(dict.fromkeys({modules!r}))\n"
        (custom / "sitecustomize.py").write_text(hidden, "utf-8")
        return Installed(sys.executable, environ(unpacked, custom), tmp_path)

    return make


@pytest.fixture
def plain(without: Callable[..., Installed], tmp_path: Path) -> Installed:
    """An installation without extras: that of $WHEEL_PYTHON where it is set, as `make release-check` does."""
    if clean := os.environ.get("WHEEL_PYTHON"):
        return Installed(clean, environ(), tmp_path)
    return without(*modules_of_the_simulator())


@pytest.fixture
def clean_environ() -> dict[str, str]:
    return environ()


@pytest.fixture
def nativechat() -> Iterator[Callable[[Path], dict[str, str]]]:
    """Serve a simulated NativeChat, and have a shipped configuration in a folder ask it."""
    with ExitStack() as stack:

        def serve(folder: Path) -> dict[str, str]:
            url, [(_, bot_id, token)] = stack.enter_context(simulated("127.0.0.1:0", SystemClock()))
            text = (ROOT / "config.yaml").read_text("utf-8")
            (folder / "config.yaml").write_text(f"{text}\napi: {{url: '{url}'}}\n", "utf-8")
            return {"NATIVECHAT_BOT_ID": bot_id, "NATIVECHAT_TOKEN": token.reveal()}

        yield serve
