"""The record of one bot, which logs its outages and those of its queries. It needs the lock of the store."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Set as AbstractSet
from typing import Final

from exporter.errors import REASONS, ApiError, TimedOut
from exporter.language import durations
from exporter.language.fields import explanations
from exporter.logs import fields
from exporter.model import Bot, Collection, Part, Query, Unknown
from exporter.snapshot import BotSnapshot, PollSnapshot

log = logging.getLogger(__name__)

SILENT: Final = 5.0
"""Seconds without an answer, counted from a failed request, after which a bot is down even if some of its
queries were not tried."""

MOST_LINES: Final = 3
"""How many outages of one bot, or of one query, are logged within LINES_WITHIN."""

LINES_WITHIN: Final = 300.0
"""Seconds for MOST_LINES. What flaps more often is still counted, and logged once it lasts this long."""

_FORBIDDEN: Final = 403

_OF_BOTS: Final = frozenset({"unreachable", "throttled", "unauthorized"})
"""Reasons that depend on the bot and hardly on the predicate; except a 403."""

_Kind = tuple[str, int | None]


class BotRecord:
    """Whether a bot answers, and what of its outages was logged.

    An outage is logged when it begins, when it gets a reason that it has not had, and when it ends. If a run
    fails and the bot has answered nothing since, either the bot is down, or the query fails alone. So its
    line waits until one of these happens:

    - The bot answers. Then each query that failed gets a line of its own.
    - All its queries fail, or it is silent for SILENT seconds. Then the bot gets a line, its queries none.
    - A query that did not fail at the bot's last answer gets an error that depends on the bot, such as a 401.
      Then the bot gets a line at once.

    What flaps is logged MOST_LINES times in LINES_WITHIN seconds; an outage that lasts longer is then logged.

    A run that began before the end of a bot's outage may fail after it. If its error is one of this outage,
    it is not logged: the query's next run decides.
    """

    def __init__(self, bot: Bot) -> None:
        self.up: bool | None = None
        self.timed_out_at = float("-inf")  # the latest request that did
        self.failures = [0] * len(REASONS)
        self._distrusted_at = float("-inf")  # when that was logged
        self._bot = bot
        self._down_since_at: float | None = None
        self._asked_at = self._last_error_at = 0.0
        self._last_error: ApiError | None = None
        self._queries: AbstractSet[str] = frozenset()
        self._answered: set[str] = set()
        self._answered_since = float("-inf")  # when the latest request began that was answered
        self._silent_since: float | None = None
        self._errors: dict[_Kind, ApiError] = {}  # the first of each kind since `_silent_since`
        self._logged: set[_Kind] = set()  # those of `_errors` that have a line
        self._logged_until = float("-inf")
        self._failing: dict[str, set[_Kind]] = {}  # by query: the errors that have a line of its own
        self._suspects: dict[str, tuple[ApiError, float]] = {}
        self._lines: dict[str, deque[float]] = {}  # by query, "" for the bot: when its outages were logged
        self._is_muted = False  # whether the line of the bot's present outage was left out
        self._unknown: set[tuple[Collection, Part]] = set()  # that have a line

    def apply(self, bot: Bot, queries: AbstractSet[str]) -> None:
        """Take the bot and the names of its queries from a new plan; forget other queries.

        If the bot has changed, it is not known whether it is up. An outage that was logged goes on.
        """
        if self._bot != bot:
            self._bot, self.up, self.timed_out_at = bot, None, float("-inf")
            self._down_since_at = self._last_error = None
            self._unknown.clear()
            self._asked_at = self._last_error_at = 0.0
        self._queries = queries
        self._answered.clear()
        self._failing = {query: kinds for query, kinds in self._failing.items() if query in queries}
        self._suspects = {query: each for query, each in self._suspects.items() if query in queries}
        self._lines = {query: each for query, each in self._lines.items() if query in {"", *queries}}

    def snapshot(self) -> BotSnapshot:
        """Return the bot's state now."""
        return BotSnapshot(
            self._bot,
            up=self.up,
            down_since_at=self._down_since_at,
            asked_at=self._asked_at,
            failures=tuple(self.failures),
            last_error=self._last_error,
            last_error_at=self._last_error_at,
        )

    def asked(self, query: str, error: ApiError | None, began: float, now: float) -> None:
        """Record the result, at steady time `now`, of the bot's most recent request.

        An answer does not end an outage if its attempt `began` before the first failure of this outage.
        """
        self.up, self._asked_at = self._is_up(query, error), now
        if self.up:
            self._down_since_at = None
        elif self._down_since_at is None:
            self._down_since_at = now
        if error is not None:
            self._last_error, self._last_error_at = error, now
        if isinstance(error, TimedOut):
            self.timed_out_at = now
        if error is None or error.rejects_predicate:
            self._answered_since = max(self._answered_since, began)
            if self._silent_since is not None and began >= self._silent_since:
                self._end_silence(self._silent_since, now)
            return
        if self._silent_since is None and isinstance(error, TimedOut) and began < self._answered_since:
            return  # the bot has answered a later request meanwhile, so this query hangs alone
        if self._silent_since is None:
            self._silent_since = now
            self._errors.clear()
        kind = _kind(error)
        self._errors.setdefault(kind, error)
        is_silent = now - self._silent_since >= SILENT and not self.up
        if (is_silent or (kind[0] in _OF_BOTS and error.status != _FORBIDDEN)) and query not in self._failing:
            self._log_down(kind, self._silent_since, now)

    def run_ended(self, before: PollSnapshot, error: ApiError | None, began: float, now: float) -> None:
        """Log what a run shows that ended at steady time `now`; `before` is its poll before this end."""
        query, since = before.poll.query.name, before.failing_since_at
        since = now if since is None else since
        if error is None:
            self._suspects.pop(query, None)
            if self._failing.pop(query, None) and before.outage:
                self._log("query works again", before.outage, query=query, failing_for=_length(since, now))
            return
        kind, logged = _kind(error), self._failing.setdefault(query, set())
        if kind in logged or (began < self._logged_until and kind in self._errors):
            return
        if self._silent_since is None or kind not in self._errors:
            self._log_query(query, error, since, now)
            return
        self._suspects[query] = error, since
        all_fail = self._failing.keys() >= self._queries
        if self._logged or all_fail or now - self._silent_since >= SILENT:
            if self._logged or not self.up:
                self._log_down(kind, self._silent_since, now)
            else:
                self._log_suspects(now)

    def distrusted(self, dropped: int, now: float) -> None:
        """Log that the bot's answers may be mixed up, and how many counts were dropped for it."""
        if now - self._distrusted_at >= LINES_WITHIN:
            self._distrusted_at = now
            advice = (
                "the API, or what is between it and this host, sends answers twice: tell whoever runs that"
            )
            details = fields(bot=self._bot.name, counts=dropped, advice=advice)
            log.warning("an answer came that nobody had asked for: all counts are dropped", extra=details)

    def unknown(self, query: Query, unknown: Unknown) -> None:
        """Log each field and value that no document has, once for the bot, with the first query."""
        parts = {(query.collection, part) for part in (*map(Part, unknown.fields), *unknown.values)}
        new = unknown.among({part for _, part in parts - self._unknown})
        self._unknown |= parts
        for sentence in explanations(new, query.collection):
            what = fields(bot=self._bot.name, query=query.name, why=sentence)
            log.info("a count of 0 may be a mistake", extra=what)

    def _end_silence(self, since: float, now: float) -> None:
        if self._logged:
            down_for, error = _length(since, now), next(reversed(self._errors.values()))
            self._log("bot is up again", error, down_for=down_for, queries=len(self._queries))
            self._logged_until = now
            self._logged.clear()
        if self._logged_until == now or self._is_muted:
            self._suspects.clear()
        self._log_suspects(now)
        self._silent_since, self._is_muted = None, False

    def _log_down(self, kind: _Kind, since: float, now: float) -> None:
        if kind not in self._logged and not self._may_log("", now):
            self._is_muted = True
        elif kind not in self._logged:
            message = "bot is down for another reason" if self._logged else "bot is down"
            self._logged.add(kind)
            down_for = _length(since, now) if now - since >= 1.0 else None
            self._warn(message, self._errors[kind], down_for=down_for, queries=len(self._queries))

    def _log_suspects(self, now: float) -> None:
        for query, (error, since) in self._suspects.items():
            self._log_query(query, error, since, now)
        self._suspects.clear()

    def _log_query(self, query: str, error: ApiError, since: float, now: float) -> None:
        logged = self._failing[query]
        if not self._may_log(query, now):
            return
        message = "query fails for another reason" if logged else "query fails"
        logged.add(_kind(error))
        failing_for = _length(since, now) if now - since >= 1.0 else None
        self._warn(message, error, query=query, failing_for=failing_for)

    def _may_log(self, query: str, now: float) -> bool:
        lines = self._lines.setdefault(query, deque(maxlen=MOST_LINES))
        if len(lines) == MOST_LINES and now - lines[0] < LINES_WITHIN:
            return False
        lines.append(now)
        return True

    def _warn(self, message: str, error: ApiError, **more: object) -> None:
        self._log(message, error, level=logging.WARNING, **more, error=error, advice=error.advice)

    def _log(self, message: str, outage: ApiError, *, level: int = logging.INFO, **more: object) -> None:
        query, bot = more.pop("query", None), self._bot.name
        details = fields(bot=bot, query=query, reason=outage.reason, status=outage.status, **more)
        log.log(level, message, extra=details)

    def _is_up(self, query: str, error: ApiError | None) -> bool:
        """Return whether the bot answers; a 403 to one query is no outage while others are answered."""
        if error is None or error.rejects_predicate:
            self._answered.add(query)
            return True
        self._answered.discard(query)
        return error.status == _FORBIDDEN and bool(self._answered)


def _kind(error: ApiError) -> _Kind:
    return error.reason, error.status


def _length(since: float, now: float) -> str:
    return durations.write(round(now - since))
