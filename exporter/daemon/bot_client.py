"""The client of one bot, whose token may be replaced at any time."""

from __future__ import annotations

from contextlib import suppress

from exporter.clock import Clock
from exporter.config.secrets import SecretError, TokenReader
from exporter.errors import Unauthorized
from exporter.model import Bot, Collection, Secret
from exporter.nativechat.client import Attempted, Client


class BotClient(Client):
    """A client that knows whether the token has changed since the API refused it."""

    def __init__(self, bot: Bot, token: TokenReader, clock: Clock, on_attempt: Attempted) -> None:
        super().__init__(bot, token, clock, on_attempt)
        self._reader = token
        self._refused: Secret | None = None

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        used = self._current()
        try:
            return super().count(collection, predicate_text, budget)
        except Unauthorized as error:
            self._refused = used
            with suppress(SecretError):
                self._reader.refresh()  # the file may have changed without looking newer
            error.token_is_new = self._current() != used
            raise

    def has_new_token(self) -> bool:
        """Return whether the token differs from the last one that was refused."""
        return self._refused is not None and self._current() != self._refused

    def _current(self) -> Secret | None:
        with suppress(SecretError):
            return self._reader()
        return None
