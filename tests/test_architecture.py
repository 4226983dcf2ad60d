"""Hold the house to its plan: imports point down, rooms never meet, an outside package has one door."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).parent.parent

ROOMS = (
    "config",
    "plan",
    "nativechat",
    "polling",
    "store",
    "exposition",
    "web",
    "monitoring",
    "simulator",
    "explore",
    "backfill",
)
FLOORS = (
    ("errors", "clock", "files", "proxies", "logs", "alert"),
    ("model",),
    ("language", "rate_limiter", "snapshot", "handler"),
    ROOMS,
    ("daemon",),
    ("cli",),
    ("__main__",),
)
FLOOR = {unit: number for number, units in enumerate(FLOORS) for unit in units} | {"__init__": -1}

DOORS = {
    "prometheus_client": ("exposition/",),
    "requests": ("nativechat/client.py", "nativechat/transport.py"),
    "schedule": ("polling/timetable.py",),
    "time": ("clock.py",),
    "tornado": ("web/", "handler.py"),  # handler.py names the type of a connection
    "urllib3": tuple(f"nativechat/{name}.py" for name in ("client", "connections", "sockets", "transport")),
    "yaml": ("config/source.py", "language/yaml_text.py"),  # the way in, and the way out
}

ONLY_WHEN_ASKED_FOR = (
    "bcrypt",
    "difflib",
    "exporter.config.web_config",
    "exporter.daemon.bot_client",
    "exporter.daemon.guard",
    "exporter.daemon.status",
    "exporter.explore",
    "exporter.simulator",
    "exporter.web.access",
    "exporter.web.page",
    "exporter.web.tls",
    "jinja2",
    "jsonschema",
    "requests",
    "tornado.httpserver",
    "tornado.web",
    "urllib3",
)


def faults(package: Path) -> list[str]:
    """Return a sentence for each import and each look at the clock that the plan forbids."""
    return [
        f"exporter/{file}{fault}"
        for file in sorted(path.relative_to(package) for path in package.rglob("*.py"))
        for fault in _faults(file, ast.parse((package / file).read_text("utf-8")))
    ]


def _faults(file: PurePath, tree: ast.Module) -> Iterator[str]:
    unit = file.parts[0].removesuffix(".py")
    if unit not in FLOOR:
        yield " stands on no floor: give it one, in FLOORS here and in the picture in CONTRIBUTING.md"
        return
    for line, target, inside_function in _imports(file, tree):
        top, _, rest = target.partition(".")
        if top == "exporter":
            name = rest.partition(".")[0]
            complaint = _between_units(unit, name if name in FLOOR else "__init__", inside_function)
        else:
            complaint = _at_the_door(top, file.as_posix())
        if complaint:
            yield f":{line} imports {target}: {complaint}"
    for line, call in _looks_at_the_clock(tree):
        if file != PurePath("clock.py"):
            yield f":{line} calls {call}: only clock.py tells the time; take a Clock as an argument"


def _between_units(unit: str, other: str, inside_function: bool) -> str:
    if unit == other:
        return ""
    if other == "simulator" and not (unit == "cli" and inside_function):
        return "only a command that simulates loads the simulator, in the function that needs it, in cli/"
    if FLOOR[other] > FLOOR[unit]:
        return (
            f"imports point down, and {unit} is on floor {FLOOR[unit]} but {other} above it, on floor "
            f"{FLOOR[other]}; take what you need as an argument, or move it down"
        )
    if FLOOR[other] == FLOOR[unit]:
        return (
            f"{unit} and {other} are neighbours on floor {FLOOR[unit]}, and neighbours never import each "
            f"other; let daemon/ hand over a value of model.py or a plain callable"
        )
    return ""


def _at_the_door(package: str, file: str) -> str:
    doors = DOORS.get(package, ())
    if not doors or any(file == door or (door.endswith("/") and file.startswith(door)) for door in doors):
        return ""
    known = " or ".join(f"exporter/{door}" for door in doors)
    return f"the one door to {package} is {known}; ask there for what you need"


def _imports(file: PurePath, tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield line, absolute dotted target, and whether it happens only when a function is called."""
    package = ("exporter", *file.parent.parts)
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    inside = {node for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                targets = [alias.name for alias in node.names]
            case ast.ImportFrom():
                above = package[: len(package) - node.level + 1] if node.level else ()
                origin = (*above, node.module) if node.module else above
                targets = [".".join((*origin, alias.name)) for alias in node.names]
            case _:
                continue
        yield from ((node.lineno, target, node in inside) for target in targets)


def _looks_at_the_clock(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
            owner = ast.unparse(node.value)
            if owner.rpartition(".")[2] in {"datetime", "date"}:
                yield node.lineno, f"{owner}.{node.attr}"


def test_imports_keep_to_floors_rooms_and_doors() -> None:
    assert not (found := faults(ROOT / "exporter")), "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("language/planted.py", "from exporter.config import load", "imports point down"),
        ("model.py", "import exporter.store", "imports point down"),
        ("__init__.py", "from exporter import errors", "imports point down"),
        ("polling/planted.py", "from exporter.store import Store", "neighbours never import each other"),
        ("web/planted.py", "from ..exposition import families", "neighbours never import each other"),
        ("web/planted.py", "def lazy():\n    from .. import plan", "neighbours never import each other"),
        ("web/planted.py", "import requests", "door to requests is exporter/nativechat/client.py"),
        ("nativechat/planted.py", "from requests.adapters import HTTPAdapter", "door to requests is"),
        ("cli/planted.py", "import yaml as y", "door to yaml is exporter/config/source.py"),
        (
            "daemon/planted.py",
            "from prometheus_client import Gauge",
            "door to prometheus_client is exporter/expos",
        ),
        ("plan.py", "from time import monotonic", "door to time is exporter/clock.py"),
        ("plan.py", "import datetime as d\nd.datetime.now(d.UTC)", "only clock.py tells the time"),
        ("cli/planted.py", "from exporter.simulator import api", "loads the simulator"),
        ("daemon/planted.py", "def lazy():\n    import exporter.simulator.api", "loads the simulator"),
        ("helpers.py", "", "stands on no floor"),
    ],
)
def test_a_planted_fault_is_named_with_its_place(
    tmp_path: Path, file: str, line: str, complaint: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(f"{line}\n", "utf-8")
    [fault] = faults(tmp_path)
    assert fault.startswith(f"exporter/{file}")
    assert complaint in fault


def test_what_the_plan_allows_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "clock.py").write_text("import time\n", "utf-8")
    (tmp_path / "cli/demo.py").write_text(
        "from datetime import date, time\nfrom exporter import __version__\nfrom .run import start\n"
        "def demo():\n    from exporter.simulator import api\n",
        "utf-8",
    )
    assert faults(tmp_path) == []


def test_contributing_draws_the_same_floors() -> None:
    drawn = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for number, units in enumerate(FLOORS):
        assert f"{number}  {' │ '.join(units)}\n" in drawn


def test_a_start_loads_nothing_that_it_does_not_need_yet() -> None:
    listing = "import sys, exporter.cli.run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr
    assert not set(ONLY_WHEN_ASKED_FOR) & set(loaded.stdout.split())


@pytest.mark.parametrize("package", DOORS)
def test_the_manual_for_contributors_names_the_doors(package: str) -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    [row] = [line for line in table.splitlines() if line.startswith(f"| `{package}` |")]
    assert set(re.findall(r"`([a-z_]+/[a-z_.]*|[a-z_]+\.py)`", row)) == set(DOORS[package])
