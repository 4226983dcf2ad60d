"""Decides which fields to look for where series count 0, and which polls name fields that no document has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from exporter.errors import ApiError, Rejected
from exporter.language import predicate
from exporter.language.fields import doubtful, unknown_field
from exporter.model import Collection, Poll
from exporter.polling.run import AFTER_A_ZERO, Request, Run

CHECK_EVERY: Final = 3600.0
"""Seconds after which a field that no document had is looked for again, and a failed check is repeated."""

MOST_FIELDS: Final = 20
"""Fields that are looked for because one query counts 0."""

_Key: TypeAlias = tuple[Collection, str]
"""A collection and a dotted field; the empty field stands for the documents themselves."""

_NEVER: Final = float("-inf"), False


@dataclass(slots=True)
class _Poll:
    """A poll that counts 0: how the requests of its last run ended, and its fields that may be misspelt.

    The checks of its fields were planned or made at steady time `at`.
    """

    poll: Poll
    ended: bytes = b""
    fields: frozenset[str] = frozenset()
    at: float = float("-inf")


class Zeros:
    """The fields of one bot's predicates that count 0. Not locked.

    A check is a request that counts the documents with a field, or all documents. A field that was found
    once is spelt right, so it is not looked for again.
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

    def renew(self) -> None:
        """Forget failures of checks: a reload may have mended their cause."""
        self.drop()
        self._not_before = float("-inf")

    def concerns(self, run: Run) -> bool:
        """Return whether a run that ended counts 0, or one of its poll did before."""
        return AFTER_A_ZERO in run.ended or run.poll.query.name in self._polls

    def ended(self, run: Run, now: float) -> Mapping[str, str] | None:
        """Plan the checks that a run's counts of 0 need.

        Return the unknown fields of its poll, as `checked` does, or None if they are as before.
        """
        query = run.poll.query
        here = self._polls.get(query.name)
        if here is None or here.poll is not run.poll:
            here = self._polls[query.name] = _Poll(run.poll)
        before = here.fields
        if run.ended != here.ended:
            here.ended, here.fields = bytes(run.ended), self._fields(run, before)
            if not here.fields:
                del self._polls[query.name]
        if here.fields != before:
            here.at = float("-inf")
        if here.fields and now >= max(here.at + CHECK_EVERY, self._not_before):
            here.at = now
            self._plan(query.collection, here.fields, run, now)
        return None if here.fields == before else self._unknown(query.collection, here.fields)

    def take(self) -> Request:
        """Return the check to make next. Raises StopIteration if none waits."""
        collection, field = next(iter(self._waiting))
        run = self._waiting.pop((collection, field))
        return Request(run, None, predicate.exists_probe(field) if field else "", looks_for=field)

    def checked(
        self, request: Request, count: int | None, error: ApiError | None, now: float
    ) -> Iterator[tuple[Poll, Mapping[str, str]]]:
        """Record the result of a check; yield each poll that has its last one now.

        With each comes a sentence for each of its fields that no document has, by field. After a failure
        the bot is not checked for a while, and until a reload if it rejects the predicate.
        """
        collection, field = request.run.poll.query.collection, request.looks_for
        if error is not None:
            self.drop()
            self._not_before = float("inf") if field and isinstance(error, Rejected) else now + CHECK_EVERY
        else:
            self._checked[collection, field or ""] = now, bool(count)
            if not field and not count:
                self._waiting = {key: run for key, run in self._waiting.items() if key[0] != collection}
        for each in self._polls.values():
            concerned = each.poll.query.collection == collection and (not field or field in each.fields)
            if concerned and not any((collection, name) in self._waiting for name in ("", *each.fields)):
                each.at = now
                yield each.poll, self._unknown(collection, each.fields)

    @staticmethod
    def _fields(run: Run, before: frozenset[str]) -> frozenset[str]:
        """Return the fields of a run's counts of 0.

        After a failed request the fields `before` stay, because their counts may still be 0.
        """
        fields = set(before) if run.error is not None else set()
        for series, ended in zip(run.poll.series, run.ended, strict=True):
            if ended == AFTER_A_ZERO:
                fields |= doubtful(series.predicate)
        return frozenset(sorted(fields)[:MOST_FIELDS])

    def _plan(self, collection: Collection, fields: frozenset[str], run: Run, now: float) -> None:
        """Plan the checks of fields that were not found and not looked for lately."""
        any_at, any_found = self._checked.get((collection, ""), _NEVER)
        any_due = now - any_at >= CHECK_EVERY
        if not (any_due or any_found):
            return
        wanted = []
        for field in sorted(fields):
            at, found = self._checked.get((collection, field), _NEVER)
            if not found and now - at >= CHECK_EVERY:
                wanted.append(field)
        if wanted and any_due:
            wanted.insert(0, "")
        for field in wanted:
            self._waiting.setdefault((collection, field), run)

    def _unknown(self, collection: Collection, fields: frozenset[str]) -> Mapping[str, str]:
        """Return a sentence for each of `fields` that no document has, though there are documents."""
        here = {field: found for (owner, field), (_, found) in self._checked.items() if owner == collection}
        if not here.pop("", False):
            return {}
        found = [field for field, there in here.items() if there]
        unknown = sorted(field for field in fields if here.get(field) is False)
        return {field: unknown_field(field, collection, found) for field in unknown}
