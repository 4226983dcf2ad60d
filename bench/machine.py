"""Tells how much of the machine others used while it was measured on."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_IDLE: Final = (3, 4)
"""The columns of /proc/stat that count time in which nothing ran."""

BUSY: Final = 0.05
"""The share of the machine above which others disturb."""


@dataclass(frozen=True, slots=True)
class Look:
    """Seconds of CPU so far: all there was, all that was used, and what we and our ended children used."""

    total: float
    used: float
    own: float

    def told_since(self, before: Look) -> str:
        """Return how much others used since, as a sentence."""
        total = self.total - before.total
        others = max(0.0, self.used - before.used - (self.own - before.own)) / total if total else 0.0
        told = f"other work used {others:.0%} of the machine meanwhile."
        return f"{told} THAT IS A LOT: repeat on a quiet machine." if others > BUSY else told


def look() -> Look:
    """Return the seconds used so far."""
    first = Path("/proc/stat").read_text("ascii").partition("\n")[0]
    ticks = [int(word) / os.sysconf("SC_CLK_TCK") for word in first.split()[1:9]]
    total = sum(ticks)
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Look(total, total - sum(ticks[column] for column in _IDLE), own)
