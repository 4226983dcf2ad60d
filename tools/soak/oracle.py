"""Knows every count that was ever given: each is a number of its own, given only once."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

STALE_AFTER = 4.0
SLACK = 0.5
"""Seconds between the moment a value is given or scraped and the moment the oracle notes it."""

OTHER_S, NOBODY_S = "is of another predicate", "is of nobody"


@dataclass(frozen=True)
class Given:
    """A count that the API gave, for what and when; `good` unless the answer was a faulty one.

    One that answers nobody, as no one asked for it, has no bot.
    """

    bot: str
    predicate: str
    when: float
    good: bool


@dataclass
class Oracle:
    """Knows every number that was ever given."""

    given: dict[int, Given] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(10**9))
    """All have ten digits: no part of one is another."""

    def give(self, bot: str, predicate: str, *, good: bool) -> int:
        """Return a number that was never given before."""
        number = next(self.numbers)
        self.given[number] = Given(bot, predicate, time.monotonic(), good)
        return number

    def hand(self, number: int, bot: str, predicate: str) -> None:
        """Let a number that nobody asked for be believed: it crossed a request, which nobody can tell."""
        self.given[number] = Given(bot, predicate, time.monotonic(), good=True)

    def fault_of(self, value: float, bot: str, predicate: str, now: float) -> str:
        """Return what is wrong with an exposed value; nothing, if it is right."""
        given = self.given.get(int(value))
        if given is None or value != int(value):
            return f"{NOBODY_S}: it was never given"
        if not given.bot:
            return f"{NOBODY_S}: no one asked for it"
        if (given.bot, given.predicate) != (bot, predicate):
            return f"{OTHER_S}: it was given for {given.bot} and {given.predicate}"
        if not given.good:
            return "is from a faulty answer"
        if now - given.when > STALE_AFTER + SLACK:
            return f"is {now - given.when:.1f} s old"
        return ""
