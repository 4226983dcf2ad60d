"""The client of one bot, whose token may be replaced at any time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from exporter.clock import Clock
from exporter.config.secrets import SecretError, TokenReader
from exporter.errors import Unauthorized
from exporter.model import Bot, Collection, Secret
from exporter.nativechat.client import Attempted, Client


class BotClient(Client):
    """A client that knows whether the token has changed since it was refused or missing.

    If a token is refused that is kept because its file is wrong now, the error's advice says so.
    Without an id or a token it raises Unauthorized, which says what is missing, and sends nothing.
    """

    def __init__(
        self,
        bot: Bot,
        token: TokenReader,
        clock: Clock,
        on_attempt: Attempted = lambda *_: None,
        on_doubt: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(bot, token, clock, on_attempt, on_doubt)
        self._reader = token
        self._fault = bot.fault
        self._is_refused = False
        self._refused: Secret | None = None

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        if self._fault:
            raise Unauthorized(self._fault[0], advice=self._fault[1])
        used = self._current()
        try:
            return super().count(collection, predicate_text, budget)
        except Unauthorized as error:
            self._is_refused, self._refused = True, used
            self._refresh()
            error.token_is_new = self._current() != used
            if error.status is not None and self._reader.fault:
                error.advice = f"an older token was sent: {self._reader.fault}"
            raise

    def has_new_token(self) -> bool:
        """Return whether the token differs from the last one that was refused, or was missing then."""
        if self._is_refused:
            self._refresh()
        return self._is_refused and self._current() != self._refused

    def _refresh(self) -> None:
        """Read the token again: its file may have changed without looking newer."""
        with suppress(SecretError):
            self._reader.refresh()

    def _current(self) -> Secret | None:
        with suppress(SecretError):
            return self._reader()
        return None
