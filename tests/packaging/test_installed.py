"""Laws of an installed wheel: it needs no checkout, and says what it does not have."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING

import pytest

from exporter import __version__
from exporter.cli import COMMANDS

if TYPE_CHECKING:
    from tests.packaging.conftest import Installed

ROOT = Path(__file__).parents[2]
SERIES = 9

Serve = Callable[["Installed"], dict[str, str]]


def listening(process: Popen[str]) -> str:
    """Return the address that a daemon logs."""
    assert process.stderr
    events = (json.loads(line) for line in process.stderr)
    return str(next(event["address"] for event in events if event["msg"] == "listening"))


def get(address: str, path: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def counts(address: str) -> dict[str, float]:
    """Return the counts on the page of metrics, once there are all that the shipped queries make."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        lines = [line for line in get(address, "/metrics").splitlines() if line.startswith("nativechat_c")]
        if len(lines) == SERIES - 1:
            return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
        time.sleep(0.02)
    raise AssertionError(lines)


def test_its_version_is_the_package_s(plain: Installed) -> None:
    assert plain.run("--version").stdout == f"nativechat-exporter, version {__version__}\n"


def test_the_shipped_configuration_is_in_it_and_sound(plain: Installed) -> None:
    assert plain.shipped.read_bytes() == (ROOT / "config.yaml").read_bytes()
    done = plain.run("check", f"--config.file={plain.shipped}")
    assert done.returncode == 0
    assert f"queries: 6, series: {SERIES}" in done.stdout


@pytest.mark.parametrize("command", ["run", "check", "count", "messages"])
def test_without_a_configuration_it_says_where_the_shipped_one_is(command: str, plain: Installed) -> None:
    done = plain.run(command)
    assert done.returncode == 2
    assert done.stderr == (
        f"config.yaml:1:1: there is no such file in {plain.home} "
        f"(name one with --config.file, or begin with a copy of the shipped one: {plain.shipped})\n"
    )


def test_it_counts(plain: Installed, nativechat: Serve) -> None:
    done = plain.run("count", "--output=json", env=nativechat(plain))
    assert done.returncode == 0, done.stderr
    assert all(row["count"] > 0 for row in json.loads(done.stdout))


def test_it_runs_and_ends_well_when_told(plain: Installed, nativechat: Serve) -> None:
    flags = ("--web.listen-address=127.0.0.1:0", "--log.format=json")
    with plain.start("run", *flags, env=nativechat(plain)) as process:
        assert all(count > 0 for count in counts(listening(process)).values())
        process.terminate()
        assert process.wait(30) == 0


def test_a_demo_needs_no_file(with_simulator: Installed) -> None:
    flags = ("--web.listen-address=127.0.0.1:0", "--log.format=json")
    with with_simulator.start("demo", *flags) as process:
        assert all(count > 0 for count in counts(listening(process)).values())
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_without_mongomock_a_simulation_says_in_one_line_what_to_do(command: str, plain: Installed) -> None:
    done = plain.run(command, "--web.listen-address=:0")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"Error: {command} needs mongomock, which is not installed here (")
    assert "pip install mongomock" in line


def test_without_mongomock_every_command_is_listed(plain: Installed) -> None:
    done = plain.run("--help")
    assert done.returncode == 0
    assert all(f"  {command} " in done.stdout for command in COMMANDS)
    assert done.stdout.count("Not installed here.") == 2


def test_without_its_simulator_a_simulation_says_so(without_simulator: Installed) -> None:
    done = without_simulator.run("demo", "--anything")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: demo needs exporter.simulator, which is not installed here (")
    assert without_simulator.run("--help").returncode == 0
    assert without_simulator.run("demo", "--help").returncode == 0
