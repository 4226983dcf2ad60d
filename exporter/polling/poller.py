"""Runs the dispatcher on a bounded pool of threads, each of which waits for due times itself."""

from __future__ import annotations

import logging
import threading
from typing import Final

from exporter.clock import Clock
from exporter.logs import fields
from exporter.model import NOTHING, Plan
from exporter.polling.dispatcher import Dispatcher

log = logging.getLogger(__name__)

LONGEST_SLEEP: Final = 15.0
"""Most seconds that some thread sleeps while it watches the time, to show that polling lives."""

AFTER_A_DEFECT: Final = 1.0
"""Seconds that a thread pauses after an internal error, so that it cannot flood the log."""

AFTER_A_REFUSAL: Final = 5.0
"""Seconds after which another thread is tried, when the system refused one."""

LONGEST_END: Final = 0.1
"""Seconds that a stop waits for an idle thread, which has nothing left to do."""


class _Idle:
    """A thread that waits for something to do, at the latest until the steady time `until`."""

    def __init__(self, lock: threading.Lock) -> None:
        self.until = float("inf")
        self.called = threading.Condition(lock)
        self.thread = threading.current_thread()


class Poller:
    """Poll as the plan says, on daemon threads that are created as needed; safe to use from every thread.

    There is one thread more than the plan has workers, so that one is left to watch the time while all
    attempts wait for the API. An idle thread waits for the next due time and then makes the attempt itself,
    so that a lone request wakes no second thread. If the system refuses a further thread, those that exist
    go on. The dispatcher, which becomes the poller's, is called with the poller's lock held.
    """

    def __init__(self, clock: Clock, dispatcher: Dispatcher) -> None:
        self.last_tick_at = clock.steady()
        self._clock = clock
        self._dispatcher = dispatcher
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._caller: _Idle | None = None
        self._threads = 0
        self._refused_at = float("-inf")
        self._started = self._stopping = False

    def start(self) -> None:
        """Begin to poll, or raise RuntimeError if the system refuses the first thread."""
        with self._lock:
            self._started = True
            self._call_another()

    def apply(self, plan: Plan) -> None:
        """Take a new plan: what is equal in the old one goes on, what is gone is abandoned."""
        with self._lock:
            gone = self._dispatcher.apply(plan)
            self._call_another()
        for client in gone:
            client.close()

    def repeat(self, bot: str) -> None:
        """Run again soon what a bot's polls with a long interval have counted."""
        with self._lock:
            self._dispatcher.repeat(bot)
            self._call_another()

    def run_once(self, plan: Plan) -> None:
        """Run every poll of `plan` once, at once, with this thread too, and check the fields of counts of 0.

        Return when the last answer is in.
        """
        with self._lock:
            self._dispatcher.apply(plan)
            self._dispatcher.timetable.apply(NOTHING)
            for poll in plan.polls:
                self._dispatcher.start(poll, self._clock.steady())
            self._started = True
            self._caller = _Idle(self._lock)
            while self._dispatcher.has_work:
                self._step(self._caller)
        self.stop()

    def stop(self) -> None:
        """Start no further request, and return once idle threads have ended.

        Python may abort if one wakes up while the interpreter ends. Requests in flight end with the process.
        """
        with self._lock:
            self._stopping = True
            idle = self._idle[:]
            for each in idle:
                each.called.notify()
        for each in idle:
            each.thread.join(LONGEST_END)

    def maintain(self) -> None:
        """Close connections that are too old to be used again; call this every few seconds."""
        with self._lock:
            self._call_another()
            queues = list(self._dispatcher.queues.values())
        for queue in queues:
            if queue.existing_client:
                queue.existing_client.prune()

    def in_flight(self) -> dict[str, int]:
        """Return how many requests of each bot are in flight."""
        return {name: queue.in_flight for name, queue in self._dispatcher.queues.items()}

    def paused_until(self, bot: str) -> float | None:
        """Return the steady time until which a bot's Retry-After forbids requests, None if none does."""
        queue = self._dispatcher.queues.get(bot)
        until = queue.limiter.paused_until if queue else float("-inf")
        return until if until > self._clock.steady() else None

    def next_run(self, key: tuple[str, str]) -> float | None:
        """Return the steady time at which a poll is due next, None for an unknown one."""
        return self._dispatcher.next_run(key)

    # On the pool's threads, with the lock held

    def _work(self) -> None:
        me = _Idle(self._lock)
        with self._lock:
            while not self._stopping:
                try:
                    self._step(me)
                except Exception:
                    log.exception("internal error in polling; please report it")
                    self._dispatcher.on_defect()
                    me.called.wait_for(lambda: self._stopping, AFTER_A_DEFECT)

    def _step(self, me: _Idle) -> None:
        """Make one attempt, or wait until there may be one to make."""
        self.last_tick_at = self._clock.steady()
        attempt = self._dispatcher.take()
        if self._caller is not None and not self._dispatcher.has_work:
            self._caller.called.notify()
            if me is self._caller:
                return
        if attempt is None:
            self._wait(me)
            return
        self._call_another()
        self._lock.release()
        try:
            count, error = self._dispatcher.make(attempt)
        finally:
            self._lock.acquire()
        self._dispatcher.settle(attempt, count, error)

    def _wait(self, me: _Idle) -> None:
        """Wait for the next due time, or for the one after it if another thread waits for the next."""
        now = self._clock.steady()
        first, second = self._dispatcher.next_times()
        first = min(first, now + LONGEST_SLEEP)
        waiting = [other.until for other in self._idle]
        if all(until > first for until in waiting):
            me.until = first
        elif sum(until <= second for until in waiting) < 2:
            me.until = second
        else:
            me.until = float("inf")
        self._idle.append(me)
        me.called.wait(None if me.until == float("inf") else max(0.0, me.until - now))
        if me in self._idle:
            self._idle.remove(me)

    def _call_another(self) -> None:
        """Call an idle thread, or create one, if there is more to do now or nobody watches the time."""
        first = min(self._dispatcher.next_times()[0], self._clock.steady() + LONGEST_SLEEP)
        if not self._dispatcher.has_more and any(idle.until <= first for idle in self._idle):
            return
        if self._idle:
            chosen = max(self._idle, key=lambda idle: idle.until)
            self._idle.remove(chosen)
            chosen.called.notify()
        elif self._started and self._threads <= self._dispatcher.workers:
            self._add_thread()

    def _add_thread(self) -> None:
        now = self._clock.steady()
        if now < self._refused_at + AFTER_A_REFUSAL:
            return
        try:
            threading.Thread(target=self._work, name=f"polling-{self._threads + 1}", daemon=True).start()
            self._threads += 1
            self._refused_at = float("-inf")
        except RuntimeError:
            if not self._threads and self._caller is None:
                raise
            if self._refused_at == float("-inf"):
                advice = "raise the limit of processes, such as a container's pids"
                log.warning(
                    "the system allows no more threads", extra=fields(threads=self._threads, advice=advice)
                )
            self._refused_at = now
