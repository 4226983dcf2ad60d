"""Counts for one bot, whose token may be replaced at any time."""

from __future__ import annotations

from contextlib import suppress

from exporter.clock import Clock
from exporter.config.secrets import SecretError, TokenReader
from exporter.errors import Unauthorized
from exporter.model import Bot, Collection, Secret
from exporter.nativechat.client import Attempted, Client


class BotClient(Client):
    """A client that notices when the token has changed since it was refused."""

    def __init__(
        self, bot: Bot, token: TokenReader, clock: Clock, on_attempt: Attempted = lambda *_: None
    ) -> None:
        super().__init__(bot, token, clock, on_attempt)
        self._reader = token
        self._refused: Secret | None = None

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        used = self._current()
        try:
            return super().count(collection, predicate_text, budget)
        except Unauthorized as error:
            self._refused = used
            error.token_is_new = self._read_again() != used
            raise

    def has_new_token(self) -> bool:
        return self._refused is not None and self._current() != self._refused

    def _read_again(self) -> Secret | None:
        """Read the token again, even if its file seems unchanged, and return it."""
        with suppress(SecretError):
            self._reader.refresh()
        return self._current()

    def _current(self) -> Secret | None:
        try:
            return self._reader()
        except SecretError:
            return None
