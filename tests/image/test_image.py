"""Laws of the image: what is in it, what is not, and how a container of it behaves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import pytest

from exporter import __version__
from exporter.cli import COMMANDS

if TYPE_CHECKING:
    from tests.image.conftest import Start

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "config.yaml").read_text("utf-8")
HUNDRED_SERIES = (
    SHIPPED.partition("queries:")[0].replace("every: 1m", "every: 1s")
    + """
queries:
  - name: conversations_by_turns
    collection: conversations
    labels: {turns: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], errors: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}
    query: {Messages.user: "{turns}", Errors: "{errors}"}
"""
)
MOST_OVER_BASE = 40_000_000
MOST_KIB = 60 * 1024

Inside = Callable[[str], Any]
Typed = Callable[..., CompletedProcess[str]]
Figure = Callable[[str], None]


def test_a_container_shows_every_count_of_the_shipped_configuration(start: Start) -> None:
    container = start(SHIPPED)
    container.until_ready()
    counts = container.counts()
    assert len(counts) == 9
    assert all(count > 0 for count in counts.values())


def test_a_container_is_healthy_by_its_own_command(start: Start) -> None:
    assert start(SHIPPED).healthcheck() == "healthy"


def test_a_container_ends_with_0_within_5_seconds(start: Start, figure: Figure) -> None:
    container = start(SHIPPED)
    container.until_ready()
    took = container.stop()
    figure(f"SIGTERM to exit         {took:.2f} s")
    assert container.state("ExitCode") == "0"
    assert took < 5


def test_a_hundred_series_scraped_and_checked_fit_into_64_megabytes(start: Start, figure: Figure) -> None:
    container = start(HUNDRED_SERIES)
    container.until_ready()
    checks = threading.Thread(target=container.healthcheck, name="checks")
    checks.start()
    for _ in range(200):
        assert container.get("/metrics")[0] == 200
        assert container.get("/")[0] == 200
    checks.join()
    most, anonymous = container.memory("VmHWM"), container.memory("RssAnon")
    figure(f"RSS at 100 series       {most / 1024:.1f} MiB at most, {anonymous / 1024:.1f} MiB anonymous")
    assert len(container.counts()) == 100
    assert container.state("OOMKilled") == "false"
    assert container.state("Running") == "true"
    assert most <= MOST_KIB


def test_it_begins_as_promised(image: dict[str, Any]) -> None:
    config = image["Config"]
    assert config["Entrypoint"] == ["nativechat-exporter"]
    assert config["Cmd"] == ["run"]
    assert config["User"] == "65532:65532"
    healthcheck = config.get("Healthcheck") or image["Healthcheck"]  # Docker's place for it, or Podman's
    assert healthcheck["Test"] == ["CMD", "nativechat-exporter", "healthcheck"]
    labels = {name.rpartition(".")[2]: text for name, text in config["Labels"].items()}
    assert labels["title"] == "nativechat-exporter"
    assert labels["version"] == __version__
    assert labels["licenses"] == "Apache-2.0"
    assert labels["description"]
    assert labels["revision"]


def test_the_shipped_configuration_is_where_it_looks(inside: Inside) -> None:
    script = "import json, os; print(json.dumps(open(os.environ['NATIVECHAT_EXPORTER_CONFIG_FILE']).read()))"
    assert inside(script) == SHIPPED


def test_it_has_no_pip_no_compiler_no_tests_and_no_simulator(inside: Inside) -> None:
    script = """
import json, shutil
from importlib.util import find_spec
modules = ["pip", "ensurepip", "setuptools", "hatchling", "pytest", "tests"]
modules += ["exporter.simulator"]
programs = ["pip", "pip3", "cc", "gcc", "g++", "make", "git", "curl"]
print(json.dumps([name for name in modules if find_spec(name)] + list(filter(shutil.which, programs))))
"""
    assert inside(script) == []


def test_it_has_only_packages_that_are_pinned_and_itself(inside: Inside) -> None:
    script = """
import json
from importlib.metadata import distributions
print(json.dumps({d.name.lower().replace("_", "-"): d.version for d in distributions()}))
"""
    pinned = dict(
        line.split(" ")[0].split("==")
        for line in (ROOT / "constraints/runtime.txt").read_text("utf-8").splitlines()
        if "==" in line
    )
    assert inside(script) == {**pinned, "nativechat-exporter": __version__}


def test_every_module_that_run_loads_is_compiled(inside: Inside) -> None:
    script = """
import exporter.cli.run, json, os, sys
loaded = {name: getattr(module, "__cached__", None) for name, module in sys.modules.items()}
print(json.dumps([name for name, file in loaded.items() if file and not os.path.exists(file)]))
"""
    assert inside(script) == []


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_it_says_in_one_line_that_it_has_no_simulator(command: str, typed: Typed) -> None:
    done = typed(command, "--bots=3")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"nativechat-exporter: {command} needs exporter.simulator, which is not installed")


def test_its_help_lists_every_command_that_it_has(typed: Typed) -> None:
    done = typed("--help")
    assert done.returncode == 0
    listed = {command for command in COMMANDS if f"  {command} " in done.stdout}
    assert listed == COMMANDS.keys() - {"simulate", "demo"}


def test_it_adds_little_to_its_base(image: dict[str, Any], base_size: int, figure: Figure) -> None:
    added = image["Size"] - base_size
    figure(f"image over its base       {added / 1e6:.1f} MB, of {image['Size'] / 1e6:.1f} MB")
    assert added < MOST_OVER_BASE
