"""Knows every count that was ever given: each is a number of its own, given only once."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

STALE_AFTER = 4.0
SLACK = 0.5
"""Seconds between the moment a value is given or scraped and the moment the oracle notes it."""


@dataclass(frozen=True)
class Given:
    """A count that the API gave, for what and when; `good` unless the answer was a faulty one."""

    bot: str
    predicate: str
    when: float
    good: bool


@dataclass
class Oracle:
    """Knows every number that was ever given."""

    given: dict[int, Given] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def give(self, bot: str, predicate: str, *, good: bool) -> int:
        """Return a number that was never given before."""
        number = next(self.numbers)
        self.given[number] = Given(bot, predicate, time.monotonic(), good)
        return number

    def fault_of(self, value: float, bot: str, predicate: str, now: float) -> str:
        """Return what is wrong with an exposed value; nothing, if it is right."""
        given = self.given.get(int(value))
        if given is None or value != int(value):
            return "was never given"
        if not given.good:
            return "is from a faulty answer"
        if (given.bot, given.predicate) != (bot, predicate):
            return f"was given for {given.bot} and {given.predicate}"
        if now - given.when > STALE_AFTER + SLACK:
            return f"is {now - given.when:.1f} s old"
        return ""
