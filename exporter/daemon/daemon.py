"""Builds the rooms, and puts one configuration after another into effect."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.clock import Clock
from exporter.config import source
from exporter.config.load import Loaded, parse
from exporter.config.secrets import TokenReader
from exporter.errors import ApiError, ConfigError
from exporter.exposition.exposition import Exposition
from exporter.exposition.telemetry import Telemetry
from exporter.language import durations
from exporter.logs import fields
from exporter.model import NOTHING, Bot, Config, Poll
from exporter.plan import Shard, keep_same, make_plan
from exporter.polling.poller import LONGEST_SLEEP, Poller
from exporter.store.store import Store

if TYPE_CHECKING:
    from exporter.daemon.bot_client import BotClient

log = logging.getLogger(__name__)

SETTLE: Final = 0.2
"""Seconds that a changed configuration file must stay the same before it is read: it may be half written."""

RETRY_FACTOR: Final = 100
"""Retry a refused file no sooner than this many times its last load time."""

DEMO_EVERY: Final = 5.0
"""Longest interval of a query in a demonstration, in seconds, so that values change while one watches."""

PRUNE_EVERY: Final = 5.0
"""Seconds between two checks for connections that are too old to be used again."""

MISSED_TICKS: Final = 3
"""The timetable counts as dead after this many of its longest sleeps without a tick."""

_OUTAGE_MESSAGES: Final = {
    "began": "query fails",
    "changed": "query fails for another reason",
    "ended": "query works again",
}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the command `run`. `demo_url` is the API of a demonstration."""

    config_file: Path
    watch_interval: float = 5.0
    shard: Shard = field(default_factory=Shard)
    demo_url: str | None = None


class LoggingStore(Store):
    """A store that logs when an outage of a poll begins, changes its reason, or ends."""

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:
        event = super().finished(poll, duration, error)
        if event is None:
            return
        failing_for = durations.write(round(self._clock.steady() - event.since))
        details = fields(
            bot=poll.bot.name,
            query=poll.query.name,
            reason=event.error.reason,
            status=event.error.status,
            error=event.error if error else None,
            failing_for=failing_for if event.kind != "began" else None,
            advice=event.error.advice if error else None,
        )
        log.log(logging.WARNING if error else logging.INFO, _OUTAGE_MESSAGES[event.kind], extra=details)


class Daemon:
    """Everything that runs except the web server.

    Only the timetable's thread applies a configuration, so a reload never races with a tick. Raises
    ConfigError if the first configuration has a problem.
    """

    def __init__(self, options: Options, environ: Mapping[str, str], clock: Clock) -> None:
        self.options = options
        self.telemetry = Telemetry(options.shard.ordinal, options.shard.total, clock.steady)
        self.store = LoggingStore(clock)
        self.exposition = Exposition(self.telemetry, self.store.snapshot, clock.steady)
        self.poller = Poller(
            clock,
            recorder=self.store,
            make_client=self._make_client,
            on_defect=self.telemetry.defect,
            on_lag=self.telemetry.lagged,
        )
        self.problems: tuple[str, ...] = ()
        self.started_at = self.loaded_at = clock.wall()
        self.environ = environ
        self.clock = clock
        self._plan = NOTHING
        self._content = b""
        self._retry_at = math.inf
        self._ready = False
        self._asking = threading.Lock()
        self._next_reload: threading.Event | None = None
        self._load()
        self.poller.timetable.add_periodic_task(options.watch_interval, self._watch_file)
        self.poller.timetable.add_periodic_task(PRUNE_EVERY, self.poller.prune)

    def start(self) -> None:
        """Begin to poll."""
        self.poller.start()

    def stop(self) -> None:
        """Start no further request."""
        self.poller.stop()

    def reload(self) -> tuple[str, ...]:
        """Load the configuration anew and wait for it; return every problem, or none if it is in use."""
        if not self.request_reload().wait(MISSED_TICKS * LONGEST_SLEEP):
            return ("the timetable does not answer; see /-/healthy",)
        return self.problems

    def request_reload(self) -> threading.Event:
        """Have the configuration loaded anew; return what is set afterwards.

        Whoever asks before a reload has begun shares it.
        """
        with self._asking:
            if self._next_reload is None:
                self._next_reload = threading.Event()
                self.poller.call(self._requested_reload)
            return self._next_reload

    def healthy(self) -> tuple[bool, str]:
        """Return whether the timetable's thread runs, and a message; does not depend on NativeChat."""
        silent = self.clock.steady() - self.poller.last_tick_at
        if silent > MISSED_TICKS * LONGEST_SLEEP or not self.poller.alive:
            return False, f"the timetable has not moved for {silent:.0f} s: restart this process"
        if self.poller.has_no_worker:
            return (
                False,
                "the system refuses threads: raise the limit of processes, such as a container's pids",
            )
        return True, "healthy"

    def ready(self) -> tuple[bool, str]:
        """Return whether every query was attempted once since the start, and a message."""
        self._ready = self._ready or self.store.all_attempted()
        return self._ready, "ready" if self._ready else "not every query has been attempted yet"

    # On the timetable's thread

    def _watch_file(self) -> None:
        """Reload the configuration once its file has changed and then stayed the same.

        A missing file changes nothing. If the configuration was refused because of a missing secret
        file, an unchanged file is read again too: the secret may have been added.
        """
        content = self._read()
        if content is None:
            return
        if content == self._content:
            if self.clock.steady() >= self._retry_at:
                self._reload(is_retry=True)
            return
        self.clock.sleep(SETTLE)
        if self._read() == content:
            self._reload()

    def _read(self) -> bytes | None:
        try:
            return source.content(self.options.config_file)
        except ConfigError:
            return None

    def _requested_reload(self) -> None:
        with self._asking:
            done, self._next_reload = self._next_reload, None
        try:
            self._reload()
        finally:
            if done:
                done.set()

    def _reload(self, *, is_retry: bool = False) -> None:
        began, self._retry_at = self.clock.steady(), math.inf
        try:
            self._load()
        except ConfigError as error:
            if any(problem.may_pass for problem in error.problems):
                now = self.clock.steady()
                self._retry_at = now + RETRY_FACTOR * (now - began)
            problems = tuple(map(str, error.problems))
            if not is_retry or problems != self.problems:
                self._refuse(problems)
        except Exception:
            self._refuse(("internal error of the exporter, see its log",))
            raise

    def _refuse(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        self.telemetry.reloaded(None)
        for problem in self.problems:
            log.error("configuration refused, the old one stays", extra=fields(problem=problem))

    def _load(self) -> None:
        self._content = source.content(self.options.config_file)
        self._use(parse(self._content, self.options.config_file, self.environ))

    def _use(self, loaded: Loaded) -> None:
        """Put a configuration into effect: plan, store and metrics page change at the same moment."""
        for warning in loaded.warnings:
            log.warning("configuration warning", extra=fields(problem=warning))
        config = loaded.config
        if self.options.demo_url is not None:
            config = demo_config(config, self.options.demo_url)
        self._plan = plan = keep_same(make_plan(config, self.options.shard), self._plan)
        self.exposition.apply(plan, with_it=lambda: self.store.apply(plan))
        self.poller.apply(plan)
        self.problems = ()
        self.loaded_at = self.clock.wall()
        self.telemetry.reloaded(self.loaded_at)
        log.info(
            "configuration in use",
            extra=fields(
                file=self.options.config_file,
                bots=len(plan.bots),
                queries=len(plan.queries),
                series=sum(len(poll.series) for poll in plan.polls),
                requests_per_minute=round(plan.requests_per_minute, 1),
            ),
        )

    def _make_client(self, bot: Bot) -> BotClient:
        # Imported at the first run: it loads requests, which would take a third of the start.
        from exporter.daemon.bot_client import BotClient

        token = TokenReader(bot.token, self.environ)
        return BotClient(bot, token, self.clock, partial(self.telemetry.attempted, bot.name))


def demo_config(config: Config, api_url: str) -> Config:
    """Return the configuration for a demonstration: every API at `api_url`, and short intervals."""
    return replace(
        config,
        bots=tuple(replace(bot, api=replace(bot.api, url=api_url)) for bot in config.bots),
        queries=tuple(replace(query, every=min(query.every, DEMO_EVERY)) for query in config.queries),
    )
