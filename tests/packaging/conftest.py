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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from typing import Final

import pytest

from exporter.cli.simulate import simulated
from exporter.clock import SystemClock

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 60.0
SHIPPED: Final = 8
"""Series of counts that the shipped configuration makes."""
EXPLORED: Final = 13
"""Series of counts of conversations that a configuration from `explore` makes."""


def listening(process: Popen[str]) -> str:
    """Return the address that a daemon logs. The line of `demo` for a person may come before or after it."""
    assert process.stderr
    events = (json.loads(line) for line in process.stderr if line.startswith("{"))
    return str(next(event["address"] for event in events if event["msg"] == "listening"))


def get(address: str, path: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def counts(address: str, number: int) -> dict[str, float]:
    """Return the counts of conversations on the page of metrics, once there are so many."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        page = get(address, "/metrics").splitlines()
        lines = [line for line in page if line.startswith("nativechat_c") and "_new_total" not in line]
        if len(lines) == number:
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

    @contextmanager
    def serving(self, command: str, env: Mapping[str, str] | None = None) -> Iterator[Popen[str]]:
        """Start a command that serves on a free port; kill it at the end, whatever a test has found."""
        flags = ("--web.listen-address=127.0.0.1:0", "--log.format=json")
        with self.start(command, *flags, env=env) as process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def shipped(self) -> Path:
        """Where the shipped configuration is installed."""
        script = "import exporter, pathlib; print(pathlib.Path(exporter.__file__).with_name('config.yaml'))"
        command = [self.python, "-c", script]
        told = subprocess.run(
            command, cwd=self.home, env=self.environ, capture_output=True, text=True, check=True
        )
        return Path(told.stdout.strip())


@pytest.fixture
def served() -> Callable[[Popen[str]], dict[str, float]]:
    """Return the counts that a daemon serves for the shipped configuration, once they are all there."""
    return lambda process: counts(listening(process), SHIPPED)


@pytest.fixture
def served_explored() -> Callable[[Popen[str]], dict[str, float]]:
    """Return those for a configuration from `explore`, without the label values that no document has."""

    def serve(process: Popen[str]) -> dict[str, float]:
        found = counts(listening(process), EXPLORED)
        return {name: count for name, count in found.items() if '="other"' not in name}

    return serve


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
    ours = ("NATIVECHAT", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, paths)), "NO_PROXY": "127.0.0.1"}


@pytest.fixture
def without_simulator(unpacked: Path, tmp_path: Path) -> Installed:
    """An installation from which the simulator was removed, as from the image."""
    site = tmp_path / "site"
    shutil.copytree(unpacked, site, ignore=shutil.ignore_patterns("simulator"))
    return Installed(sys.executable, environ(site), tmp_path)


@pytest.fixture
def plain(unpacked: Path, tmp_path: Path) -> Installed:
    """An installation: that of $WHEEL_PYTHON where it is set, as `make release-check` does."""
    if clean := os.environ.get("WHEEL_PYTHON"):
        return Installed(clean, environ(), tmp_path)
    return Installed(sys.executable, environ(unpacked), tmp_path)


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
