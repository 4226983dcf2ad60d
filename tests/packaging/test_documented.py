"""Laws of README.md and docs/install.md: each way of installing leads to commands that work."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
CHECKOUT: Final = (
    "LICENSE",
    "README.md",
    "config.schema.json",
    "constraints",
    "exporter",
    "pyproject.toml",
)
SYSTEMD: Final = "/opt/nativechat-exporter"

Serve = Callable[[Path], dict[str, str]]
Served = Callable[[Popen[str]], dict[str, float]]


def documented(heading: str) -> list[str]:
    """Return the commands below a heading."""
    manual = (ROOT / "docs/install.md").read_text("utf-8")
    [script] = re.findall(rf"^## {heading}\n\n```sh\n(.*?)^```$", manual, re.MULTILINE | re.DOTALL)
    return [line.partition("  #")[0].rstrip() for line in script.splitlines()]


class Machine:
    """A machine on which nothing is installed but Python and pipx, and a person in a folder of it."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.here = folder / "here"
        programs = folder / "programs"
        for made in (self.here, programs):
            made.mkdir()
        for name, module in (("python3", ""), ("pipx", "-m pipx")):
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n', "utf-8")
            (programs / name).chmod(0o755)
        self.environ = {
            **environ,
            "PATH": f"{folder / 'bin'}:{programs}:/usr/bin:/bin",
            "PIPX_HOME": str(folder / "pipx"),
            "PIPX_BIN_DIR": str(folder / "bin"),
            "PIPX_MAN_DIR": str(folder / "man"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_COMPILE": "1",  # it takes half of the time, and is no part of what is promised
            "NATIVECHAT_EXPORTER_LOG_FORMAT": "json",
            "NATIVECHAT_EXPORTER_WEB_LISTEN_ADDRESS": "127.0.0.1:0",
        }

    def runs(self, command: str) -> CompletedProcess[str]:
        """Run a command to its end."""
        words = ["bash", "-c", command]
        return subprocess.run(
            words, cwd=self.here, env=self.environ, capture_output=True, text=True, check=False, timeout=180
        )

    def serves(self, command: str, served: Served) -> None:
        """Start a command that stays; hold it to serving every count, and to ending well."""
        words = ["bash", "-c", f"exec {command}"]
        with Popen(words, cwd=self.here, env=self.environ, stdout=PIPE, stderr=PIPE, text=True) as process:
            try:
                assert all(count > 0 for count in served(process).values())
                process.terminate()
                assert process.wait(30) == 0
            finally:
                process.kill()

    def follows(self, commands: list[str], served: Served) -> None:
        """Type commands one after the other; the last one stays."""
        *installing, last = commands
        for command in installing:
            done = self.runs(command)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        self.serves(last, served)


@pytest.fixture
def machine(tmp_path: Path, clean_environ: dict[str, str], nativechat: Serve) -> Machine:
    """A machine whose person is in a folder with a configuration that asks a simulated NativeChat."""
    made = Machine(tmp_path, clean_environ)
    made.environ |= nativechat(made.here)
    return made


@pytest.fixture
def checkout(machine: Machine) -> Machine:
    """The same, in a checkout."""
    for name in CHECKOUT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, machine.here / name)
        else:
            shutil.copy(ROOT / name, machine.here)
    return machine


def test_the_readme_s_commands_in_their_order_lead_to_a_running_exporter(
    checkout: Machine, served_explored: Served
) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    sections = re.search(r"^## Install it\n.*?^## First steps\n.*?(?=^## )", readme, re.MULTILINE | re.DOTALL)
    assert sections
    lines = re.findall(r"^```sh\n(.*?)^```$", sections[0], re.MULTILINE | re.DOTALL)
    lines += [line.removeprefix("$ ") for line in re.findall(r"^\$ .*$", sections[0], re.MULTILINE)]
    bot_id, token = checkout.environ.pop("NATIVECHAT_BOT_ID"), checkout.environ.pop("NATIVECHAT_TOKEN")
    [url] = re.findall(r"api: {url: '(.*)'}", (checkout.here / "config.yaml").read_text("utf-8"))
    script = re.sub(r"(?<=NATIVECHAT_BOT_ID=)\w+", bot_id, "\n".join(lines[:-1]))
    script = script.replace("nativechat-exporter explore", f"nativechat-exporter explore --api-url {url}")
    (checkout.here / "typed").write_text(f"{token}\n", "utf-8")
    (checkout.here / "script").write_text(f"set -e\n{{\n{script}\n}} 2>told\nexec {lines[-1]}\n", "utf-8")
    assert [line.split()[1] for line in lines[-3:]] == ["explore", "check", "run"]
    checkout.serves("bash script <typed", served_explored)


def test_the_commands_from_a_checkout_are_those_of_the_readme() -> None:
    readme = re.findall(r"^pip install .*$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    make, *install, check, run = documented("From a checkout")
    assert make == "python3 -m venv .venv"
    assert install == [f".venv/bin/{line.partition('  #')[0].rstrip()}" for line in readme[:2]]
    assert [check, run] == [f".venv/bin/nativechat-exporter {command}" for command in ("check", "run")]


def test_from_a_wheel_it_runs_and_simulates(machine: Machine, wheel: Path, served: Served) -> None:
    shutil.copy(wheel, machine.here)
    machine.follows(documented("From a wheel"), served)
    machine.serves(".venv/bin/nativechat-exporter demo", served)


def test_with_pipx_it_simulates(checkout: Machine, served: Served) -> None:
    checkout.follows(documented("With pipx"), served)


def test_under_systemd_the_packages_are_those_of_a_checkout() -> None:
    pip = [line for line in documented("Under systemd") if "pip install" in line or "-m venv" in line]
    as_in_a_checkout = [line.replace(SYSTEMD, ".venv") for line in pip]
    assert as_in_a_checkout == documented("From a checkout")[: len(pip)]
    assert len(pip) == 3
