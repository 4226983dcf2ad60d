"""Decides what to look for where series count 0, and which fields and values no document has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Final, TypeAlias

from exporter.errors import ApiError
from exporter.language import predicate
from exporter.language.fields import doubtful, unknown_field
from exporter.model import Collection, Part, Poll, Unknown
from exporter.polling.run import AFTER_A_ZERO, Request, Run

CHECK_EVERY: Final = 3600.0
"""Seconds after which what no document had is looked for again, and a failed check is repeated."""

MOST_PARTS: Final = 20
"""Fields and values that are looked for because one query counts 0; fields come first."""

ANY: Final = Part("")
"""Stands for the documents themselves."""

_Key: TypeAlias = tuple[Collection, Part]

_NEVER: Final = float("-inf"), False


@dataclass(slots=True)
class _Poll:
    """A poll that counts 0: how the requests of its last run ended, and its parts that may be misspelt.

    The values in `alone` are whole predicates, so the count of 0 itself shows that no document has them.
    The checks of the others were planned or made at steady time `at`.
    """

    poll: Poll
    ended: bytes = b""
    parts: frozenset[Part] = frozenset()
    alone: frozenset[Part] = frozenset()
    at: float = float("-inf")


class Zeros:
    """The fields and values in one bot's predicates that count 0. Not locked.

    A check is a request that counts all documents, those with a field, or those whose field has a value.
    Each needs the one before: nothing is looked for among no documents, and no value of a field that none
    has. What was found once is spelt right, so it is not looked for again.
    """

    def __init__(self) -> None:
        self._polls: dict[str, _Poll] = {}  # by query
        self._checked: dict[_Key, tuple[float, bool]] = {}  # when, and whether a document had it
        self._waiting: dict[_Key, Run] = {}
        self._not_before = float("-inf")

    @property
    def waiting(self) -> bool:
        """Whether a check is to be made."""
        return bool(self._waiting)

    def drop(self) -> None:
        """Drop the checks that wait: the next run that counts 0 plans them again."""
        self._waiting.clear()
        for each in self._polls.values():
            each.at = float("-inf")

    def renew(self, kept: Set[int]) -> None:
        """Forget what only polls name that a reload did not keep, by `id`, and failures of checks."""
        self.drop()
        self._not_before = float("-inf")
        self._polls = {name: each for name, each in self._polls.items() if id(each.poll) in kept}
        named = {(each.poll.query.collection, part) for each in self._polls.values() for part in each.parts}
        self._checked = {key: at for key, at in self._checked.items() if key[1] == ANY or key in named}

    def forget(self) -> None:
        """Forget what the checks have shown."""
        self.drop()
        self._checked.clear()

    def concerns(self, run: Run) -> bool:
        """Return whether a run that ended counts 0, or one of its poll did before."""
        return AFTER_A_ZERO in run.ended or run.poll.query.name in self._polls

    def ended(self, run: Run, now: float) -> Unknown | None:
        """Plan the checks that a run's counts of 0 need.

        Return what is unknown in its poll's predicates, or None if that is as before.
        """
        name = run.poll.query.name
        here = self._polls.setdefault(name, _Poll(run.poll))
        before = here.parts, here.alone
        if run.ended != here.ended:
            self._look(here, run)
        is_same = before == (here.parts, here.alone)
        if not is_same:
            here.at = float("-inf")
        if not here.parts:
            del self._polls[name]
        elif now >= max(here.at + CHECK_EVERY, self._not_before):
            here.at = now
            self._plan(here, run, now)
        return None if is_same else self._unknown(here)

    def take(self) -> Request:
        """Return the check to make next. Raises StopIteration if none waits."""
        collection, part = next(iter(self._waiting))
        return Request(self._waiting.pop((collection, part)), None, _probe(part), looks_for=part)

    def checked(
        self, request: Request, count: int | None, error: ApiError | None, now: float
    ) -> Iterator[tuple[Poll, Unknown]]:
        """Record the result of a check; yield each poll that has its last one now, and what is unknown there.

        After a failure the bot is not checked for a while, and until a reload if it rejects the predicate.
        """
        collection, part = request.run.poll.query.collection, request.looks_for or ANY
        if error is not None:
            self.drop()
            self._not_before = float("inf") if error.rejects_predicate else now + CHECK_EVERY
        else:
            self._checked[collection, part] = now, bool(count)
        for here in self._polls.values():
            if here.poll.query.collection != collection or part not in (ANY, *here.parts):
                continue
            here.at = now
            if error is None:
                self._plan(here, request.run, now)
            if not any((collection, each) in self._waiting for each in (ANY, *here.parts)):
                yield here.poll, self._unknown(here)

    @staticmethod
    def _look(here: _Poll, run: Run) -> None:
        """Take from a run the parts of its counts of 0.

        After a failed request those of the run before stay, because their counts may still be 0.
        """
        parts, alone = (set(here.parts), set(here.alone)) if run.error is not None else (set(), set())
        for series, ended in zip(run.poll.series, run.ended, strict=True):
            if ended == AFTER_A_ZERO:
                named = doubtful(series.predicate)
                parts |= named
                alone |= {part for part in named if part.value and _probe(part) == series.predicate.text}
        here.ended = bytes(run.ended)
        here.parts = frozenset(sorted(parts, key=lambda part: (part.value != "", part))[:MOST_PARTS])
        here.alone = here.parts & alone

    def _plan(self, here: _Poll, run: Run, now: float) -> None:
        """Plan the checks of a poll that are due, except for those that depend on one that is not made."""
        collection = here.poll.query.collection
        due = [part for part in sorted(here.parts - here.alone) if self._is_due(collection, part, now)]
        if due and self._is_due(collection, ANY, now):
            due = [ANY]
        for part in due:
            needed = Part(part.field) if part.value else ANY
            if part == ANY or self._has(collection, needed):
                self._waiting.setdefault((collection, part), run)

    def _is_due(self, collection: Collection, part: Part, now: float) -> bool:
        at, found = self._checked.get((collection, part), _NEVER)
        return now - at >= CHECK_EVERY and (part == ANY or not found)

    def _has(self, collection: Collection, part: Part) -> bool | None:
        """Return whether a document has a part, None if it was not looked for."""
        checked = self._checked.get((collection, part))
        return checked and checked[1]

    def _unknown(self, here: _Poll) -> Unknown:
        """Return what no document has of a poll's parts, though there are documents."""
        collection = here.poll.query.collection
        if not self._has(collection, ANY):
            return Unknown()
        lacking = {part for part in here.parts if part in here.alone or self._has(collection, part) is False}
        names = [
            part.field for (owner, part), (_, found) in self._checked.items() if owner == collection and found
        ]
        return Unknown(
            {
                part.field: unknown_field(part.field, collection, names)
                for part in sorted(lacking)
                if not part.value
            },
            frozenset(part for part in lacking if part.value and self._has(collection, Part(part.field))),
        )


def _probe(part: Part) -> str:
    """Return the predicate text that counts the documents with a part."""
    if part.value:
        return predicate.equals_probe(part.field, json.loads(part.value))
    return "" if part == ANY else predicate.exists_probe(part.field)
