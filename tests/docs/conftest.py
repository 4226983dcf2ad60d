"""Reads the manual: its pages, its examples by kind, its tables, and the program it is compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import click
import pytest

from exporter.cli import COMMANDS, cli
from exporter.cli.run import demo_config
from exporter.cli.simulate import simulated
from exporter.clock import SystemClock
from exporter.daemon.daemon import Daemon
from exporter.model import Plan

ROOT: Final = Path(__file__).parents[2]
MANUAL: Final = {
    **{path.name: path.read_text("utf-8") for path in (ROOT / "README.md", *ROOT.glob("docs/*.md"))},
    "bench/README.md": (ROOT / "bench/README.md").read_text("utf-8"),
}

PART: Final = "part of a configuration"
EXAMPLES: Final = {
    "configuration": ("yaml", ("", PART)),
    "bad_configuration": ("yaml", (f"{PART}, with problems",)),
    "web_configuration": ("yaml", ("web configuration",)),
    "prometheus_configuration": ("yaml", ("for Prometheus",)),
    "alertmanager_configuration": ("yaml", ("for Alertmanager",)),
    "container": ("yaml", ("for Kubernetes",)),
    "kustomization": ("yaml", ("kustomization",)),
    "kustomization_for_grafana": ("yaml", ("part of examples/grafana",)),
    "kubernetes_prometheus": ("yaml", ("for Prometheus in Kubernetes",)),
    "sidecar_patch": ("yaml", ("part of examples/sidecar/bot.yaml",)),
    "grafana_values": ("yaml", ("values of Grafana's chart",)),
    "problems": ("problems", ("",)),
    "console": ("console", ("",)),
    "expression": ("promql", ("",)),
    "metrics": ("metrics", ("",)),
    "log": ("log", ("",)),
    "script": ("sh", ("",)),
    "soak": ("text", ("make soak",)),
}
"""The kinds of examples: their language, and the comment before them. A test takes one by its kind."""


@dataclass(frozen=True)
class Example:
    """A block of code in the manual; `mark` is the comment before it."""

    page: str
    line: int
    mark: str
    language: str
    text: str

    @property
    def kind(self) -> str | None:
        for kind, (language, marks) in EXAMPLES.items():
            if self.language == language and self.mark in marks:
                return kind
        return None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


class Flag(NamedTuple):
    """A row of the table of flags."""

    flag: str
    variable: str
    default: str
    commands: str
    meaning: str


class Manual:
    """README, docs/ and the benchmarks' README, as a reader sees them."""

    def __init__(self, pages: dict[str, str]) -> None:
        self.pages = pages
        self.examples = list(self._examples())

    def _examples(self) -> Iterator[Example]:
        block = re.compile(r"(?:<!-- ([^\n]*) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
        for page, text in self.pages.items():
            for found in block.finditer(text):
                line = text.count("\n", 0, found.start(3))
                yield Example(page, line, found[1] or "", found[2], found[3])

    def of(self, kind: str) -> list[Example]:
        """Return the examples of a kind; there is one at least."""
        found = [example for example in self.examples if example.kind == kind]
        assert found, f"the manual has no example that is a {kind}"
        return found

    def section(self, page: str, heading: str) -> str:
        """Return what stands between a heading and the next."""
        pattern = rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)"
        section = re.search(pattern, self.pages[page], re.MULTILINE | re.DOTALL)
        assert section, f"{page} has no heading {heading}"
        return section[1]

    def rows(self, page: str, heading: str) -> list[list[str]]:
        """Return the cells of the tables under a heading, for each row that begins with code."""
        lines = re.findall(r"^\| (`.*) \|$", self.section(page, heading), re.MULTILINE)
        return [[cell.strip() for cell in line.split("|")] for line in lines]

    def calls(self, program: str) -> list[tuple[str, str]]:
        """Return where each call of a program in the consoles stands, and its arguments."""
        return [
            (str(example), line.split(" ", 2)[-1].split(" > ")[0])
            for example in self.of("console")
            for line in example.text.replace("\\\n", "").splitlines()
            if line.startswith(f"$ {program} ")
        ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes an example once for each of its kind."""
    for kind in set(EXAMPLES) & set(metafunc.fixturenames):
        metafunc.parametrize(kind, Manual(MANUAL).of(kind), ids=str)


@pytest.fixture(scope="session")
def manual() -> Manual:
    return Manual(MANUAL)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of README.md."""
    return ROOT


@pytest.fixture(scope="session")
def flags() -> list[Flag]:
    """Every flag of the program; one that differs between commands, several times."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command
        for option in command.params:
            if isinstance(option, click.Option):
                default = option.default[0] if isinstance(option.default, list) else option.default
                is_shown = isinstance(default, str | int | float) and not isinstance(default, bool)
                key = (
                    option.opts[0],
                    str(option.envvar).replace(f"EXPORTER_{name}_".upper(), "EXPORTER_COMMAND_"),
                    str(default) if is_shown else "",
                    option.help or "",
                )
                found.setdefault(key, []).append(name)
    return [Flag(flag, var, default, ", ".join(of), told) for (flag, var, default, told), of in found.items()]


@pytest.fixture(scope="session")
def live_metrics() -> Iterator[str]:
    """The metrics page of a demonstration in which everything was asked once."""
    clock = SystemClock()
    with simulated("127.0.0.1:0", clock) as (url, [(_, bot_id, token)]):
        environ = {"NATIVECHAT_BOT_ID": bot_id, "NATIVECHAT_TOKEN": token.reveal()}
        adjust = partial(demo_config, url=url, bot_id=bot_id)
        daemon = Daemon(ROOT / "config.yaml", environ, clock, adjust=adjust)
        polls = tuple(each.poll for each in daemon.store.snapshot().polls)
        daemon.poller.run_once(Plan(polls, ZoneInfo("UTC"), workers=8))
        yield daemon.exposition.scrape("", "")[0].decode()
