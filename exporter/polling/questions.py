"""What a bot is asked: one request, or many that wait for their turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from exporter.errors import ApiError
from exporter.model import Collection

Done = Callable[[int | None, ApiError | None], None]
"""Told once how a question ended: with a count, or with the error of its last attempt."""

_Key = TypeVar("_Key")


class Owner(Protocol):
    """Who waits for a question. Once it is `over`, nobody does."""

    over: bool

    def give_up(self, error: ApiError) -> None: ...


class Question:
    """One request: a predicate to be counted, in one attempt or several.

    `predicate` writes it, at each attempt. `deadline` is set when the first attempt starts: `api.timeout`
    bounds the request as a whole. `renewed` once it was asked again because the token had been replaced
    meanwhile.
    """

    __slots__ = (
        "attempts",
        "collection",
        "deadline",
        "done",
        "error",
        "is_probe",
        "owner",
        "predicate",
        "renewed",
    )

    def __init__(
        self, collection: Collection, predicate: Callable[[], str], done: Done, owner: Owner
    ) -> None:
        self.collection = collection
        self.predicate = predicate
        self.done = done
        self.owner = owner
        self.attempts = 0
        self.is_probe = False
        self.renewed = False
        self.deadline = float("inf")
        self.error: ApiError | None = None


class Batch:
    """Questions of one owner that wait, one for each of `keys`: `make` makes each when it is its turn.

    At the start every series waits to be asked for, and 100,000 questions would take 100 MB.
    """

    __slots__ = ("_questions", "left", "owner")

    def __init__(self, owner: Owner, keys: Sequence[_Key], make: Callable[[_Key], Question]) -> None:
        self.owner = owner
        self.left = len(keys)
        self._questions = map(make, keys)

    def take(self) -> Question:
        """Return the next question; for a batch that has any left."""
        self.left -= 1
        return next(self._questions)
