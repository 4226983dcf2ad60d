"""Runs attempts on a bounded number of threads, made as they are needed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from exporter.logs import fields

log = logging.getLogger(__name__)


class _Own(threading.local):
    """What the calling thread is to do next; only a worker may take anything."""

    may_take = False
    job: Callable[[], None] | None = None


class Workers:
    """At most `limit` daemon threads that run what they are handed, in order.

    Where the system refuses a thread, `limit` falls to the number there are: a container may not make
    as many as it likes. Where there is none at all, jobs wait until `retry` gets one.

    They are daemons: at the end of the process nothing waits for an answer that may never come.
    A thread that hands on a job, which it does last of all, takes it itself: to wake another thread for it
    would only cost. Any further one goes to the others.

    What they are handed does not raise; a defect that makes it raise all the same is logged, told to
    `on_defect`, and costs no thread.
    """

    def __init__(self, limit: int, on_defect: Callable[[], None]) -> None:
        self.limit = limit
        self._on_defect = on_defect
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._refused = False
        self._unfinished = 0
        self._own = _Own()

    def run(self, job: Callable[[], None]) -> None:
        """Have `job` run soon, on a new thread if no other is idle and the limit allows one."""
        if self._own.may_take and self._own.job is None:
            self._own.job = job
            with self._lock:
                self._unfinished += 1
            return
        self._jobs.put(job)
        with self._lock:
            self._unfinished += 1
            if self._threads < min(self._unfinished, self.limit):
                self._add_thread()

    def retry(self) -> None:
        """Make the first thread, if jobs wait because the system refused it."""
        with self._lock:
            if self._unfinished and not self._threads:
                self._add_thread()

    @property
    def has_none(self) -> bool:
        """Whether the system refuses the first thread."""
        return self._refused and not self._threads

    def stop(self) -> None:
        """Let each thread end once it is idle."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _work(self) -> None:
        own = self._own
        own.may_take = True
        while (job := own.job or self._jobs.get()) is not None:
            own.job = None
            try:
                job()
            except Exception:
                log.exception("internal error in a worker; please report it")
                self._on_defect()
            del job  # an idle thread would keep a bot and a poll alive that a reload has taken away
            with self._lock:
                self._unfinished -= 1

    def _add_thread(self) -> None:
        name = f"worker-{self._threads + 1}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
            self._threads += 1
            self._refused = False
        except RuntimeError:
            self.limit = self._threads or self.limit
            if not self._refused:  # the first one is tried for again and again
                advice = "raise the limit of processes, such as a container's pids"
                log.warning(
                    "the system allows no more threads", extra=fields(workers=self._threads, advice=advice)
                )
            self._refused = True
