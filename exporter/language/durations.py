"""Reads and writes Prometheus durations, such as 1h30m."""

from __future__ import annotations

import re
from typing import Final

_MILLISECONDS: Final = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_WHOLE_ONLY: Final = ("y", "w", "d")
_DURATION: Final = re.compile("".join(f"(?:([0-9]+){unit})?" for unit in _MILLISECONDS))
_LONGEST: Final = 2**63 / 1e6
"""In milliseconds: Prometheus stores durations as nanoseconds in 64 bits."""


def parse(text: str) -> float:
    """Return the seconds in a Prometheus duration; `0` needs no unit.

    Raises ValueError for texts that Prometheus refuses.
    """
    if text == "0":
        return 0.0
    if re.fullmatch(r"[0-9]+", text):
        raise ValueError(f'"{text}" has no unit (for seconds write {text}s)')
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(
            f'"{text}" is not a duration (write whole numbers with the units y w d h m s ms, '
            "largest first and each once, such as 30s, 1h30m or 1d)"
        )
    # Python reads a float from any number of digits, but not an int; below the limit they are exact.
    total = sum(
        float(amount) * unit
        for amount, unit in zip(match.groups(default="0"), _MILLISECONDS.values(), strict=True)
    )
    if total >= _LONGEST:
        raise ValueError(f'"{text}" is longer than a duration can be (write at most 292y)')
    return total / 1000


def write(seconds: float) -> str:
    """Return the duration as Prometheus writes it, to the millisecond: 5400 is 1h30m, and 0 is 0s.

    Years, weeks and days are used only if nothing is left over: 25h, not 1d1h.
    """
    rest = round(seconds * 1000)
    parts = []
    for unit, size in _MILLISECONDS.items():
        if unit in _WHOLE_ONLY and rest % size:
            continue
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"
