"""The manual's fault table is the one that the tests keep."""

from __future__ import annotations

from pathlib import Path

from tests.flow.faults.row import table
from tests.flow.faults.table import ROWS

PAGE = Path(__file__).parents[3] / "docs/reliability.md"


def test_the_manual_shows_the_fault_table() -> None:
    assert table(ROWS) in PAGE.read_text("utf-8"), f"should be:\n{table(ROWS)}"
