"""Reads and writes rates of requests, such as 30/m."""

from __future__ import annotations

import re
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_RATE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)/([smh])")
_LEAST: Final = 0.05 / 3600
_MOST: Final = 1_000_000.0


def parse(text: str) -> float | None:
    """Return the requests per second in a rate such as `10/s`, `30/m` or `0.5/h`; None for `none`.

    Raises ValueError for any other text, and for a rate outside the limits.
    """
    if text == "none":
        return None
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a rate (write one such as 10/s, 30/m or 500/h, or none)')
    rate = float(match[1]) / _SECONDS[match[2]]
    if not _LEAST <= rate <= _MOST:
        raise ValueError(
            f'"{text}" is out of range (write a rate from 0.05/h to 1000000/s, or none for no limit)'
        )
    return rate


def write(rate: float | None) -> str:
    """Return the shortest text for a rate in requests per second, to twelve digits: 0.5 is 30/m."""
    if rate is None:
        return "none"
    amounts = ((f"{rate * seconds:.12g}", unit) for unit, seconds in _SECONDS.items())
    return min((f"{amount}/{unit}" for amount, unit in amounts if "e" not in amount), key=len)
