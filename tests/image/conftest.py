"""Containers of the image, as a cautious operator runs them, beside a simulated NativeChat."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final, TypeVar

import pytest

from exporter.cli.simulate import simulated
from exporter.clock import SystemClock

ROOT: Final = Path(__file__).parents[2]
ENGINE: Final = os.environ.get("ENGINE", "docker")
IMAGE: Final = os.environ.get("IMAGE", "nativechat-exporter")
PATIENCE: Final = 30.0
HARDENED: Final = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=64m",
    "--user=65532:65532",
    "--network=host",
)

Found = TypeVar("Found")

_figures: Final = pytest.StashKey[list[str]]()


def engine(*words: str, well: bool = True) -> str:
    """Run docker or podman; return what it prints."""
    done = subprocess.run([ENGINE, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 or not well, done.stderr
    return done.stdout.strip()


def eventually(look: Callable[[], Found | None]) -> Found:
    """Return the first truthy thing that `look` finds."""
    give_up = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < give_up, f"not within {PATIENCE:g} s"
        time.sleep(0.05)
    return found


class Container:
    """A daemon in a container, on a port of the host that it picked itself."""

    def __init__(self, name: str) -> None:
        self.name = name

    def logs(self) -> str:
        done = subprocess.run([ENGINE, "logs", self.name], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    @property
    def address(self) -> str:
        """Where it listens, waited for."""
        return eventually(lambda: re.search(r"msg=listening address=(\S+)", self.logs()))[1]

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def until_ready(self) -> None:
        eventually(lambda: self.get("/-/ready")[0] == 200)

    def counts(self) -> dict[str, float]:
        """Return the counts it shows."""
        text = self.get("/metrics")[1]
        return {
            name: float(value)
            for name, value in re.findall(
                r"^nativechat_((?!exporter_|up|bot_info|\w*_new_total).*) (\S+)$", text, re.MULTILINE
            )
        }

    def healthcheck(self) -> str:
        """Run what the image's HEALTHCHECK runs, where the daemon really listens."""
        address = f"--env=NATIVECHAT_EXPORTER_WEB_LISTEN_ADDRESS={self.address}"
        return engine("exec", address, self.name, "nativechat-exporter", "healthcheck")

    def stop(self) -> float:
        """Send SIGTERM; return after how many seconds it was gone."""
        began = time.monotonic()
        engine("stop", "-t", "10", self.name)
        return time.monotonic() - began

    def state(self, field: str) -> str:
        return engine("inspect", "--format", f"{{{{.State.{field}}}}}", self.name)

    def memory(self, field: str) -> int:
        """Return a line of the process's memory, in kB."""
        status = Path(f"/proc/{self.state('Pid')}/status").read_text("ascii")
        found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
        assert found
        return int(found[1])


Start = Callable[..., Container]


@pytest.fixture(scope="session")
def nativechat() -> Iterator[tuple[str, str, str]]:
    """A simulated NativeChat on this host: its URL, a bot's id and its token."""
    with simulated("127.0.0.1:0", SystemClock()) as (url, [(_, bot_id, token)]):
        yield url, bot_id, token.reveal()


@pytest.fixture
def start(nativechat: tuple[str, str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a container with a configuration, to which the address of the simulation is added."""
    url, bot_id, token = nativechat
    with ExitStack() as stack:

        def started(config: str) -> Container:
            file = tmp_path / "config.yaml"
            file.write_text(f"{config}\napi: {{url: '{url}', rate: none}}\n", "utf-8")
            options = [
                *(*HARDENED, "--detach"),
                f"--volume={file}:/etc/nativechat-exporter/config.yaml:ro",
                f"--env=NATIVECHAT_BOT_ID={bot_id}",
                f"--env=NATIVECHAT_TOKEN={token}",
                "--env=NATIVECHAT_EXPORTER_WEB_LISTEN_ADDRESS=127.0.0.1:0",
            ]
            container = Container(engine("run", *options, IMAGE).splitlines()[-1])
            stack.callback(engine, "rm", "--force", container.name, well=False)
            return container

        # pytest's folders are their owner's alone, and the container's user is another.
        tmp_path.chmod(0o755)
        yield started


@pytest.fixture(scope="session")
def typed() -> Callable[..., CompletedProcess[str]]:
    """Run a command in a container of its own."""

    def run(*words: str) -> CompletedProcess[str]:
        command = [ENGINE, "run", "--rm", *HARDENED, "--no-healthcheck", IMAGE, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    return run


@pytest.fixture(scope="session")
def image() -> dict[str, Any]:
    """What the image says of itself."""
    [inspected] = json.loads(engine("image", "inspect", IMAGE))
    return dict(inspected)


@pytest.fixture(scope="session")
def base_size() -> int:
    """The size in bytes of the image that ours stands on: the Dockerfile's, or $BASE."""
    [base] = re.findall(r"^FROM (.*) AS base$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    base = os.environ.get("BASE", base)
    size = ("image", "inspect", "--format", "{{.Size}}", base)
    if not engine(*size, well=False):  # a builder may keep it to itself
        engine("pull", base)
    return int(engine(*size))


@pytest.fixture(scope="session")
def inside() -> Callable[[str], Any]:
    """Run Python in a container of the image; gives what the expression is, by way of JSON."""

    def evaluate(script: str) -> Any:
        return json.loads(engine("run", "--rm", *HARDENED, "--entrypoint=python", IMAGE, "-c", script))

    return evaluate


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Have a measurement printed at the end."""
    return request.config.stash.setdefault(_figures, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    for line in terminalreporter.config.stash.get(_figures, []):
        terminalreporter.write_line(line)
