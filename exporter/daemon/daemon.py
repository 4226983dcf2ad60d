"""Builds the rooms, and puts one configuration after another into effect."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from exporter.clock import Clock
from exporter.config import source
from exporter.config.load import Loaded, parse
from exporter.config.references import Secrets
from exporter.config.secrets import TokenReader
from exporter.daemon.changes import changes
from exporter.daemon.housekeeping import Housekeeping
from exporter.errors import ConfigError, Problem
from exporter.exposition.exposition import Exposition
from exporter.exposition.telemetry import Telemetry
from exporter.files import Limit, read_regular
from exporter.logs import fields
from exporter.model import NOTHING, Bot, Config
from exporter.plan import Shard, keep_same, make_plan
from exporter.polling.dispatcher import Dispatcher
from exporter.polling.poller import LONGEST_SLEEP, Poller
from exporter.store.store import Store

if TYPE_CHECKING:
    from exporter.daemon.bot_client import BotClient

log = logging.getLogger(__name__)

SETTLE: Final = 0.2
"""Seconds that a changed configuration file must stay the same before it is read: it may be half written.

Answers that are on their way have come by then too.
"""

RETRY_FACTOR: Final = 100
"""Read a file again for what was missing no sooner than this many times its last load time."""

MAINTAIN_EVERY: Final = 10.0
"""Seconds between two checks for connections that are too old to be used again."""

MISSED_TICKS: Final = 3
"""Polling counts as dead after this many of its longest sleeps without a tick."""


class Daemon:
    """Everything that runs except the web server.

    `config_file` is checked for changes every `watch_interval` seconds; what `adjust` returns for it is used.
    Only the housekeeping's thread applies a configuration, one after another. `config_text` is the content of
    the file from which the configuration in use was read, empty before there is one. Public methods are safe
    from any thread.

    Raises ConfigError if the first configuration has a problem, unless it `waits`: then it starts without
    one, or with bots that cannot be asked, and is not ready until this is mended.
    """

    def __init__(
        self,
        config_file: Path,
        environ: Mapping[str, str],
        clock: Clock,
        *,
        watch_interval: float = 5.0,
        shard: Shard = Shard(),  # noqa: B008 - frozen
        secrets: Secrets = "of one bot",
        waits: bool = False,
        adjust: Callable[[Config], Config] = lambda config: config,
    ) -> None:
        self.config_file = config_file
        self.environ = environ
        self.clock = clock
        self.shard = shard
        self.telemetry = Telemetry(shard.ordinal, shard.total)
        self.store = Store(clock)
        self.exposition = Exposition(self.telemetry, self.store.snapshot, clock.steady)
        dispatcher = Dispatcher(
            clock,
            recorder=self.store,
            make_client=self._make_client,
            on_defect=self.telemetry.defect,
            on_lag=self.telemetry.lagged,
        )
        self.poller = Poller(clock, dispatcher)
        self.problems: tuple[str, ...] = ()
        self.config_text = b""
        self.started_at, self.loaded_at = clock.wall(), 0.0
        self._files = Limit()
        self._secrets: Secrets = "of no bot" if waits else secrets
        self._waits = waits
        self._adjust = adjust
        self._plan = NOTHING
        self._content: bytes | None = None
        self._loaded: Loaded | None = None
        self._retry_at = math.inf
        self._is_ready, self._was_healthy = False, True
        self._distrusted: SimpleQueue[str] = SimpleQueue()
        self._reload_lock = threading.Lock()
        self._next_reload: threading.Event | None = None
        (self._reload if waits else self._load)()
        self.housekeeping = Housekeeping(clock, self.telemetry.defect)
        self.housekeeping.every(MAINTAIN_EVERY, self.poller.maintain)
        self.watcher = Housekeeping(clock, self.telemetry.defect, "watcher")
        self.watcher.every(watch_interval, self._watch_file)

    def start(self, serve: Callable[[], None] = lambda: None) -> None:
        """Begin to watch the configuration, call `serve`, and begin to poll.

        Polling comes last, because it may take all threads that the system allows. Raises RuntimeError if
        the system refuses one of the others, or polling's first.
        """
        self.housekeeping.start()
        self.watcher.start()
        serve()
        self.poller.start()

    def stop(self) -> None:
        """Start no further request, and reload no more."""
        self.watcher.stop()
        self.housekeeping.stop()
        self.poller.stop()

    def reload(self) -> tuple[str, ...]:
        """Reload the configuration and wait for it; return its problems, none if it is in use."""
        if not self.request_reload().wait(MISSED_TICKS * LONGEST_SLEEP):
            return ("no reload has ended yet; see the log",)
        return self.problems

    def request_reload(self) -> threading.Event:
        """Request a reload; return an event that is set after it.

        Requests that come before the reload begins share it.
        """
        with self._reload_lock:
            if self._next_reload is None:
                self._next_reload = threading.Event()
                self.housekeeping.call(self._requested_reload)
            return self._next_reload

    def healthy(self) -> tuple[bool, str]:
        """Return whether polling and housekeeping go on, and a message; does not depend on NativeChat.

        Log when this changes: what restarts an unhealthy process keeps no message.
        """
        silent = self.clock.steady() - self.poller.last_tick_at
        is_healthy = silent <= MISSED_TICKS * LONGEST_SLEEP and self.housekeeping.alive
        why = f"polling has made no progress for {silent:.0f} s: restart this process"
        if is_healthy != self._was_healthy:
            self._was_healthy = is_healthy
            if is_healthy:
                log.info("healthy again")
            else:
                log.error("not healthy", extra=fields(why=why))
        return is_healthy, "healthy" if is_healthy else why

    def ready(self) -> tuple[bool, str]:
        """Return whether every query was attempted once since the start, and a message.

        Once ready, it stays ready, also if a secret is missing later: a bot goes on with the token it has.
        """
        if self._loaded is None:
            return False, f"no configuration is in use yet: {self.problems[0]}"
        if self._waits and self._loaded.missing and not self._is_ready:
            return False, f"no bot can be asked yet: {self._loaded.missing[0]}"
        self._is_ready = self._is_ready or self.store.all_attempted()
        return self._is_ready, "ready" if self._is_ready else "not every query has been attempted yet"

    # On the watcher's thread: a disk that hangs may block it for ever, and delays no reload that is requested

    def _watch_file(self) -> None:
        """Reload the configuration once its file has changed and then stayed the same.

        A missing file changes nothing in use; while none is in use, it is tried at each look, so that
        `problems` stay true. An unchanged file is read again only if a file that it names was missing: that
        one may have been added.
        """
        content = self._read()
        if content is None and self._loaded is None:
            self.housekeeping.call(partial(self._reload, is_retry=True))  # it may say another reason now
        elif content == self._content:
            if self.clock.steady() >= self._retry_at:
                self.housekeeping.call(partial(self._reload, is_retry=True))
        elif content is not None:
            self.clock.sleep(SETTLE)
            if self._read() == content != self._content:  # a requested reload may have loaded it meanwhile
                self.housekeeping.call(partial(self._reload, is_retry=self._content is None))

    def _read(self) -> bytes | None:
        with suppress(OSError):
            return read_regular(self.config_file, source.MAX_BYTES + 1)[0]
        return None

    # On the housekeeping's thread

    def _count_again(self) -> None:
        """Look for more answers that nobody had asked for once they have come; let bots count again soon."""
        if self._distrusted.empty():  # an earlier call did this
            return
        self.clock.sleep(SETTLE)
        self.poller.maintain()
        bots = set()
        while not self._distrusted.empty():
            bots.add(self._distrusted.get())
        for bot in bots:
            self.poller.repeat(bot)

    def _requested_reload(self) -> None:
        with self._reload_lock:
            done, self._next_reload = self._next_reload, None
        try:
            self._reload()
        finally:
            if done:
                done.set()

    def _reload(self, *, is_retry: bool = False) -> None:
        began, self._retry_at = self.clock.steady(), math.inf
        try:
            self._load(is_retry=is_retry)
        except ConfigError as error:
            self._plan_retry(error.problems, began)
            problems = tuple(map(str, error.problems))
            if not is_retry or problems != self.problems:
                self._refuse(*problems)
        except Exception:
            self._refuse("internal error of the exporter, see its log")
            raise

    def _refuse(self, *problems: str) -> None:
        self.problems = problems
        self.telemetry.reloaded(None)
        for problem in problems:
            if self._loaded:
                log.error("configuration refused, the old one stays", extra=fields(problem=problem))
            else:
                log.error("configuration refused, waiting for a right one", extra=fields(problem=problem))

    def _plan_retry(self, problems: Sequence[Problem], began: float) -> None:
        """Retry an attempt to load that began at `began`, if a file that was missing may be added."""
        if any(problem.may_pass for problem in problems):
            now = self.clock.steady()
            self._retry_at = now + RETRY_FACTOR * (now - began)

    def _load(self, *, is_retry: bool = False) -> None:
        """Read the configuration, and let plan, store and metrics page change at the same moment.

        `secrets` says which ids, tokens and certificates may be missing. A retry that finds nothing
        new changes nothing.
        """
        began = self.clock.steady()
        try:
            content = self._content = source.content(self.config_file, self._files)
        except ConfigError:
            self._content = None  # so that it is loaded once it can be read, changed or not
            raise
        loaded = parse(content, self.config_file, self.environ, secrets=self._secrets)
        self._plan_retry(loaded.warnings, began)
        if is_retry and not self.problems and loaded == self._loaded:
            return
        before, self._loaded = self._loaded, loaded
        for warning in loaded.warnings:
            log.warning("configuration warning", extra=fields(problem=warning))
        self._plan = plan = keep_same(make_plan(self._adjust(loaded.config), self.shard), self._plan)
        self.exposition.apply(plan, with_it=lambda: self.store.apply(plan))
        self.poller.apply(plan)
        self.problems = ()
        self.config_text = content
        self.loaded_at = self.clock.wall()
        self.telemetry.reloaded(self.loaded_at)
        size = fields(
            file=self.config_file,
            bots=len(plan.bots),
            queries=len(plan.queries),
            series=plan.series,
            requests_per_minute=round(plan.requests_per_minute, 1),
            changes=changes(before.config, loaded.config) if before else None,
        )
        log.info("configuration in use", extra=size)

    def _make_client(self, bot: Bot) -> BotClient:
        # Imported at the first run: it loads requests, which takes a third of the start.
        from exporter.daemon.bot_client import BotClient

        token = TokenReader(bot.token, self.environ, self.clock)
        on_attempt = partial(self.telemetry.attempted, bot.name)
        return BotClient(bot, token, self.clock, on_attempt, partial(self._distrust, bot.name))

    # From any thread

    def _distrust(self, bot: str) -> None:
        """Drop a bot's counts, and count again soon."""
        self.store.distrust(bot)
        self._distrusted.put(bot)
        self.housekeeping.call(self._count_again)
