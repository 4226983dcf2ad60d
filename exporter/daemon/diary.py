"""Logs when a poll begins to fail, fails otherwise, and works again; every failure is counted anyway."""

from __future__ import annotations

import logging

from exporter.errors import ApiError
from exporter.language import durations
from exporter.logs import fields
from exporter.model import Poll
from exporter.store.store import Store

log = logging.getLogger(__name__)

_PHRASES = {"began": "query fails", "changed": "query fails for another reason", "ended": "query works again"}


class Diary(Store):
    """A store that also writes down the turns of each poll, one line each."""

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:
        turn = super().finished(poll, duration, error)
        if turn is None:
            return
        told = fields(
            bot=poll.bot.name,
            query=poll.query.name,
            reason=turn.error.reason,
            status=turn.error.status,
            error=turn.error if error else None,
            failing_for=durations.write(round(self._clock.steady() - turn.since))
            if turn.kind != "began"
            else None,
            advice=turn.error.advice if error else None,
        )
        log.log(logging.WARNING if error else logging.INFO, _PHRASES[turn.kind], extra=told)
