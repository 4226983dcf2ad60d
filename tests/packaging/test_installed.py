"""Laws of an installed wheel: it needs no checkout, and says what it does not have."""

from __future__ import annotations

import json
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

Serve = Callable[[Path], dict[str, str]]
Served = Callable[[Popen[str]], dict[str, float]]
Without = Callable[..., "Installed"]


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
    done = plain.run("count", "--output=json", env=nativechat(plain.home))
    assert done.returncode == 0, done.stderr
    assert all(row["count"] > 0 for row in json.loads(done.stdout))


def test_it_runs_and_ends_well_when_told(plain: Installed, nativechat: Serve, served: Served) -> None:
    with plain.serving("run", env=nativechat(plain.home)) as process:
        assert all(count > 0 for count in served(process).values())
        process.terminate()
        assert process.wait(30) == 0


def test_a_demo_needs_no_file(plain: Installed, served: Served) -> None:
    with plain.serving("demo") as process:
        assert all(count > 0 for count in served(process).values())
        process.terminate()
        assert process.wait(30) == 0


def test_every_command_is_listed(plain: Installed) -> None:
    done = plain.run("--help")
    assert done.returncode == 0
    assert all(f"  {command} " in done.stdout for command in COMMANDS)


def test_without_its_simulator_a_simulation_says_so(without_simulator: Installed) -> None:
    done = without_simulator.run("demo", "--anything")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "nativechat-exporter: demo needs exporter.simulator, which is not installed here ("
    )
    listed = without_simulator.run("--help").stdout
    assert {command for command in COMMANDS if f"  {command} " not in listed} == {"simulate", "demo"}
