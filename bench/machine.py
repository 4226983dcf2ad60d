"""Says how much of the machine other work used during a run."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_IDLE: Final = (3, 4)
"""The columns of /proc/stat with idle time."""

BUSY: Final = 0.05
"""The share of the machine above which other work disturbs."""


@dataclass(frozen=True, slots=True)
class Look:
    """Seconds of CPU so far: of the machine, and of what neither this process nor its children used."""

    total: float
    others: float

    def told_since(self, before: Look) -> str:
        """Return a sentence that says how much other work used since."""
        others = (self.others - before.others) / max(self.total - before.total, 1e-9)
        told = f"other work used {max(0.0, others):.0%} of the machine meanwhile."
        return f"{told} THAT IS A LOT: repeat on a quiet machine." if others > BUSY else told


def look() -> Look:
    """Return the seconds used so far."""
    first = Path("/proc/stat").read_text("ascii").partition("\n")[0]
    ticks = [int(word) / os.sysconf("SC_CLK_TCK") for word in first.split()[1:9]]
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ours = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Look(sum(ticks), sum(ticks) - sum(ticks[column] for column in _IDLE) - ours)
