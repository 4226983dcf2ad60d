"""Settle how hypothesis searches and what is run first, and print the fault table at the end of a run."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

LONG = {"bench", "faults", "flow"}
"""Folders whose tests start processes, and wait for them."""

WHOLE = {"packaging", "truth"}
"""Folders whose tests use the whole program, and call nothing that the tests of a room do not call."""

settings.register_profile(
    "local",
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # no test fails by how fast a machine is
)
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure() -> None:
    """Let what is started here be interrupted, also where this run was itself started in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that nobody waits for it alone in the end; measure no coverage there.

    What it calls here is covered by the tests of each room, and measuring would make it slower still.
    """
    items.sort(key=lambda item: item.path.parent.name not in LONG)
    for item in items:
        if item.path.parent.name in LONG | WHOLE or item.path.stem == "test_simulated_shapes":
            item.add_marker("no_cover")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the fault table: a row for each fault that was tested, green if all its tests passed."""
    rows: dict[tuple[Any, ...], list[pytest.TestReport]] = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            # A file that cannot be collected has no properties.
            if found := dict(getattr(report, "user_properties", ())).get("fault"):
                rows.setdefault(tuple(found), []).append(report)
    if rows:
        green = sum(all(report.passed for report in reports) for reports in rows.values())
        terminalreporter.section(f"fault table: {green} of {len(rows)} rows green")
    for (_, name, does, *promises), reports in sorted(rows.items()):
        is_green = all(report.passed for report in reports)
        back = max(float(str(dict(report.user_properties).get("back", 0))) for report in reports)
        terminalreporter.write("green  " if is_green else "red    ", green=is_green, red=not is_green)
        terminalreporter.line(f"{name:<20} {does:<42} | {' | '.join(promises)}, {back:.1f} s")
