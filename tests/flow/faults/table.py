"""The fault table: every fault we know, in the order in which the manual shows them."""

from __future__ import annotations

from typing import Final

from tests.flow.faults.answers import BODIES, MOODS, STATUSES
from tests.flow.faults.network import CONNECTING, CUTS, FLOODS, HANGS, RESETS, TLS
from tests.flow.faults.row import NEXT_RUN, Row

FAULTS: Final = {
    fault.name: fault
    for fault in (*CONNECTING, *TLS, *RESETS, *HANGS, *CUTS, *FLOODS, *STATUSES, *BODIES, *MOODS)
}

NO_DESCRIPTORS: Final = Row(
    "no_descriptors",
    "the process may open no more files or sockets",
    "unreachable",
    "too many open files",
    back=NEXT_RUN,
)

ROWS: Final = (*FAULTS.values(), NO_DESCRIPTORS)
