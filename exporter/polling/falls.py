"""Says which falls of a count are too sudden to be believed at once."""

from __future__ import annotations

from typing import Final

SMALLEST: Final = 10
"""A lower count may well fall by half between two runs."""


def is_sudden_fall(before: int | None, now: int) -> bool:
    """Return whether a count is less than half of the one before, which was 10 or more."""
    return before is not None and before >= SMALLEST and now * 2 < before
