"""Runs attempts on a bounded pool of threads, which are created as needed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from exporter.logs import fields

log = logging.getLogger(__name__)


class _ThisThread(threading.local):
    """The next job of the current thread; `is_worker` only in a worker's thread."""

    is_worker = False
    job: Callable[[], None] | None = None


class Workers:
    """Run jobs, in order of submission, on at most `limit` daemon threads.

    If the system refuses a new thread, `limit` falls to the number of threads that exist: a container
    may have a limit of its own. If there is no thread at all, jobs wait until `retry` gets one.

    The threads are daemons, so the end of the process waits for no answer. A job's own submission runs
    next on the same thread, which saves a wake-up; so a job submits as its last step. Only the first
    submission of a job does so; further ones go to other threads.

    Jobs must not raise. If one does, the error is logged, `on_defect` is called, and the thread goes on.
    """

    def __init__(self, limit: int, on_defect: Callable[[], None]) -> None:
        self.limit = limit
        self._on_defect = on_defect
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._refused = False
        self._unfinished = 0
        self._this_thread = _ThisThread()

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` soon, on a new thread if all are busy and the limit allows it."""
        if self._this_thread.is_worker and self._this_thread.job is None:
            self._this_thread.job = job
            with self._lock:
                self._unfinished += 1
            return
        self._jobs.put(job)
        with self._lock:
            self._unfinished += 1
            if self._threads < min(self._unfinished, self.limit):
                self._add_thread()

    def retry(self) -> None:
        """Create the first thread if the system refused it and jobs wait."""
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
        this_thread = self._this_thread
        this_thread.is_worker = True
        while (job := this_thread.job or self._jobs.get()) is not None:
            this_thread.job = None
            try:
                job()
            except Exception:
                log.exception("internal error in a worker; please report it")
                self._on_defect()
            del job  # an idle thread would keep alive a bot and a poll that a reload has removed
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
            if not self._refused:  # without any thread, each `retry` tries again
                advice = "raise the limit of processes, such as a container's pids"
                log.warning(
                    "the system allows no more threads", extra=fields(workers=self._threads, advice=advice)
                )
            self._refused = True
