"""Sends the requests of an exploration, at most as many as were announced."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, TypeVar

from exporter.errors import ApiError, ExporterError, TimedOut, Unauthorized, Unreachable
from exporter.language.predicate import compile as compile_predicate
from exporter.model import Collection, Json

Row = dict[str, Json]
Answer = TypeVar("Answer")

_TIMEOUTS: Final = 3
"""After this many timeouts in a row, the API counts as down."""


class Api(Protocol):
    """Answers requests to one bot; raises ApiError after the last attempt of one."""

    def count(self, collection: Collection, predicate_text: str, /) -> int: ...

    def count_shape(self, collection: Collection, /) -> str: ...

    def rows(
        self, collection: Collection, /, *, sort: str = "", limit: int | None = None, skip: int | None = None
    ) -> list[Row]: ...


class NoAnswer(ExporterError):
    """A request was not answered as documented, but the next one may be; the message says how it was.

    `error` is None if the request was not sent.
    """

    def __init__(self, message: str, error: ApiError | None = None) -> None:
        super().__init__(message)
        self.error = error

    @property
    def is_refusal(self) -> bool:
        """Whether the API refuses the request for what it asks, so that it would refuse it again."""
        return self.error is not None and self.error.reason == "rejected"


class Requests:
    """Counts and pages of one bot; `sent` is the number of requests so far, without their retries.

    Raises NoAnswer where the API refuses or fails one request, or if all `most` requests are used up. Raises
    ApiError where no other request could succeed either: the bot is unreachable, its token is refused, or
    several requests in a row were not answered in time.
    """

    def __init__(self, api: Api, most: int) -> None:
        self.sent = 0
        self._api = api
        self._most = most
        self._timeouts = 0

    def count(self, collection: Collection, predicate: dict[str, Json] | None = None) -> int:
        """Return how many documents match a predicate, or all."""
        return self.count_text(collection, compile_predicate(predicate).text)

    def count_text(self, collection: Collection, text: str) -> int:
        """Return how many documents match a predicate that is already JSON text."""
        return self._ask(partial(self._api.count, collection, text))

    def shape(self, collection: Collection) -> str:
        """Return what the answer to a count looks like."""
        return self._ask(partial(self._api.count_shape, collection))

    def rows(
        self, collection: Collection, *, sort: str = "", limit: int | None = None, skip: int | None = None
    ) -> list[Row]:
        """Return one page."""
        return self._ask(partial(self._api.rows, collection, sort=sort, limit=limit, skip=skip))

    def _ask(self, ask: Callable[[], Answer]) -> Answer:
        if self.sent >= self._most:
            raise NoAnswer("not asked: all requests that were announced are used up")
        self.sent += 1
        try:
            answer = ask()
        except ApiError as error:
            self._timeouts = self._timeouts + 1 if isinstance(error, TimedOut) else 0
            is_token = isinstance(error, Unauthorized) and error.status != 403
            if is_token or isinstance(error, Unreachable) or self._timeouts >= _TIMEOUTS:
                raise
            raise NoAnswer(f"{error.reason}: {error}", error) from error
        self._timeouts = 0
        return answer
