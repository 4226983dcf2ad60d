"""What a row of the fault table promises, and how the table is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tests.flow.faults.wire import Script

GONE: Final = "last value, then nothing"
KEPT: Final = "its value"

NEXT_RUN: Final = "with the next run"
RESTED: Final = "after the backoff"
PAUSED: Final = "after the pause"

HEAD: Final = ("fault", "what happens", "exposed", "counted as", "logged", "back")


@dataclass(frozen=True, slots=True)
class Row:
    """One fault and its promise; `reason` and `says` (part of the log line's error) are empty for none."""

    name: str
    does: str
    reason: str
    says: str
    exposed: str = GONE
    back: str = NEXT_RUN

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as the table shows it."""
        counted = f"`{self.reason}`" if self.reason else "–"
        logged = self.says or "–"
        return f"`{self.name}`", self.does, self.exposed, counted, logged, self.back


@dataclass(frozen=True, slots=True)
class Fault(Row):
    """A row that one bot's API can be made to show.

    `scheme` is the URL's. `listener` is the state of the listening socket during the fault. With `by_name`
    the bot's host name is wrong, so a reload ends the fault. With `flaps` every other run works.
    """

    script: Script = lambda wire: wire.hang()
    scheme: Literal["http", "https"] = "http"
    listener: Literal["open", "closed", "full"] = "open"
    by_name: bool = False
    flaps: bool = False

    @property
    def of_bot(self) -> bool:
        """Whether the bot is down; one that rejects a predicate is not."""
        return self.name not in {"status_400", "status_422"}


def table(rows: Sequence[Row]) -> str:
    """Return the table in Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
