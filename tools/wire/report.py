"""Compares what a client said with what was declared, and tells what it found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tools.wire.behaviours import AGAIN, VALUE, Behaviour
from tools.wire.server import Part, Request

FIRST: Final = 100_000
NOBODY: Final = 900_000
"""True counts are from FIRST on, and have six digits: no part of one is another. From NOBODY on, none is."""

RIGHT, OTHER_S, NOBODY_S, KEPT, OUTCOME, UNTOLD, MISLED = KINDS = (
    "as declared",
    "of another predicate",
    "of nobody",
    "connection kept",
    "other outcome",
    "not judged",
    "wrong, not judged",
)
"""What became of a request: two kinds are wrong values, by whom they belong to; a request was made on a
connection that should have been closed; the last two are what HTTP/1.1 cannot tell apart."""


@dataclass(frozen=True)
class Try:
    """One time that a request reached the server, and how it was served."""

    request: Request
    part: Part

    @property
    def behaviour(self) -> Behaviour:
        """How it was served."""
        return self.part.behaviour

    def __str__(self) -> str:
        state = "fresh" if self.request.fresh else "reused"
        return f"{state}: {self.behaviour.name} {bytes(self.part.sent)!r}"


@dataclass
class Report:
    """What became of each request, by kind and by the behaviour that is to blame."""

    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """How many requests ended in another way than declared, or on a connection to be closed."""
        return sum(self.total(kind) for kind in (OTHER_S, NOBODY_S, KEPT, OUTCOME))

    def total(self, kind: str) -> int:
        """Return how many requests were of a kind."""
        return sum(count for (of, _), count in self.found.items() if of == kind)

    def add(self, number: int, said: int | str, tries: list[Try]) -> None:
        """Judge one request: its true number, what the client said, and how it was served."""
        kind, blamed = judge(number, said, tries)
        self.found[kind, blamed] += 1
        if kind not in {RIGHT, UNTOLD, MISLED}:
            served = ", then ".join(map(str, tries))
            self.details.append(f"{number - FIRST}: {said!r}, {kind}; {served}; blamed: {blamed}")

    def table(self) -> str:
        """Return a line for each behaviour, and one for all."""
        rows = [
            (name, [self.found[kind, name] for kind in KINDS]) for name in {name for _, name in self.found}
        ]
        rows.sort(key=lambda row: ([-count for count in row[1][1:]], row[0]))
        rows.append(("all", [self.total(kind) for kind in KINDS]))
        lines = [f"{name:32}" + "".join(f"{count:>21,}" for count in counts) for name, counts in rows]
        return "\n".join([" " * 32 + "".join(f"{kind:>21}" for kind in KINDS), *lines])


def judge(number: int, said: int | str, tries: list[Try]) -> tuple[str, str]:
    """Return the kind of an outcome, and the behaviour to blame for it.

    Of a value that is wrong, that is the first odd behaviour on the connection: one that is out of step
    stays so. A second try decides the outcome, where the first may have one.
    """
    own = tries[-1].behaviour.name if tries else "nothing served"
    suspect = next((t.request.suspect for t in tries if t.request.suspect), own)
    if any(t.request.crossed is not None or not t.behaviour.tellable for t in tries):
        return (MISLED if isinstance(said, int) and said != number else UNTOLD), suspect
    if isinstance(said, int) and said != number:
        return (OTHER_S if FIRST <= said < NOBODY else NOBODY_S), suspect
    if any(t.request.kept for t in tries):
        return KEPT, suspect
    declared = [t.behaviour.outcomes if t.request.fresh else t.behaviour.reused for t in tries]
    tried_well = 0 < len(declared) <= 2 and all(AGAIN in outcomes for outcomes in declared[:-1])
    if tried_well and (VALUE if said == number else said) in declared[-1] - {AGAIN}:
        return RIGHT, own
    return OUTCOME, own
