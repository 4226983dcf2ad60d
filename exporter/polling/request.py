"""One request to a bot, and a group of requests that wait in its queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from exporter.errors import ApiError
from exporter.model import Collection

Done = Callable[[int | None, ApiError | None], None]
"""Called once when a request ends: with its count, or with the error of its last attempt."""

_Key = TypeVar("_Key")


class Owner(Protocol):
    """The run that waits for a request. Once it is `over`, results are dropped."""

    over: bool

    def give_up(self, error: ApiError) -> None: ...


class Request:
    """A predicate to be counted, in one attempt or more.

    `predicate` returns its text, and is called for each attempt. `deadline` is set when the first attempt
    starts: `api.timeout` limits the whole request. `renewed` is set by a retry with a replaced token.
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


class RequestGroup:
    """Waiting requests of one owner, one for each of `keys`; `make` makes each when it starts.

    At the start a request waits for every series: 100,000 of them would take 100 MB if made at once.
    """

    __slots__ = ("_requests", "left", "owner")

    def __init__(self, owner: Owner, keys: Sequence[_Key], make: Callable[[_Key], Request]) -> None:
        self.owner = owner
        self.left = len(keys)
        self._requests = map(make, keys)

    def take(self) -> Request:
        """Return the next request; call it only while some are `left`."""
        self.left -= 1
        return next(self._requests)
