"""Laws of the workers: bounded, created as needed, and not ended by an internal error."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.polling.workers import Workers

PATIENCE = 20.0


def ran(script: str, *, prints: str) -> str:
    """Run a script in a process of its own, which may refuse itself threads; return its log."""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=90, check=False
    )
    assert (ended.stdout, ended.returncode) == (prints, 0), ended.stderr
    return ended.stderr


class Jobs:
    """Jobs that block until `go` is set."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.go = threading.Event()
        self.threads: set[str] = set()

    def __call__(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.started.release()
        assert self.go.wait(PATIENCE)

    def wait_for(self, jobs: int) -> None:
        for _ in range(jobs):
            assert self.started.acquire(timeout=PATIENCE)


def nothing() -> None:
    """Do nothing."""


def run_and_wait(workers: Workers, times: int = 1) -> None:
    """Run quick jobs, one after the other."""
    for _ in range(times):
        done = threading.Event()
        workers.submit(done.set)
        assert done.wait(PATIENCE)


@settings(max_examples=20)
@given(st.integers(1, 10), st.integers(1, 20))
def test_as_many_jobs_run_at_once_as_the_limit_allows(limit: int, jobs: int) -> None:
    workers, blocked = Workers(limit, nothing), Jobs()
    for _ in range(jobs):
        workers.submit(blocked)
    blocked.wait_for(min(limit, jobs))
    assert len(blocked.threads) == min(limit, jobs)
    blocked.go.set()
    blocked.wait_for(jobs - min(limit, jobs))
    assert len(blocked.threads) <= limit
    workers.stop()


def test_a_raised_limit_gives_a_job_a_thread_whatever_ran_before() -> None:
    workers, blocked = Workers(1, nothing), Jobs()
    for _ in range(5):
        relayed = threading.Event()
        workers.submit(lambda relayed=relayed: workers.submit(relayed.set))  # type: ignore[misc]
        assert relayed.wait(PATIENCE)
    workers.limit = 3
    for _ in range(3):
        workers.submit(blocked)
    blocked.wait_for(3)
    blocked.go.set()
    workers.stop()


def test_a_jobs_first_submission_runs_on_its_thread_and_any_other_on_another() -> None:
    workers, threads, ended = Workers(2, nothing), [], threading.Semaphore(0)

    def note() -> None:
        threads.append(threading.current_thread().name)
        ended.release()

    def submit_two() -> None:
        note()
        workers.submit(note)
        other = Jobs()
        workers.submit(other)
        other.wait_for(1)  # on the other thread, while this one is not done
        other.go.set()

    workers.submit(submit_two)
    for _ in range(2):
        assert ended.acquire(timeout=PATIENCE)
    assert threads == ["worker-1", "worker-1"]
    workers.stop()


def test_a_job_that_raises_is_logged_and_ends_no_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = threading.Semaphore(0)
    workers = Workers(1, told.release)

    def defective() -> None:
        raise RuntimeError("a defect")

    for _ in range(3):
        workers.submit(defective)
        assert told.acquire(timeout=PATIENCE)
    run_and_wait(workers)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["a defect"] * 3
    workers.stop()


def test_threads_end_once_they_are_idle_after_a_stop() -> None:
    before = set(threading.enumerate())
    workers, blocked = Workers(4, nothing), Jobs()
    for _ in range(4):
        workers.submit(blocked)
    blocked.wait_for(4)
    made = set(threading.enumerate()) - before
    workers.stop()
    blocked.go.set()
    for thread in made:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_an_idle_thread_keeps_no_reference_to_its_finished_job() -> None:
    class Job:
        def __init__(self, done: threading.Event) -> None:
            self.done = done

        def __call__(self) -> None:
            self.done.set()

    workers, done = Workers(1, nothing), threading.Event()
    job = Job(done)
    held = weakref.ref(job)
    workers.submit(job)
    assert done.wait(PATIENCE)
    del job
    give_up = time.monotonic() + PATIENCE
    while held() is not None:
        assert time.monotonic() < give_up
    workers.stop()


def test_a_refused_first_thread_is_tried_again_and_no_job_is_lost() -> None:
    script = """
import threading
from exporter.polling.workers import Workers
workers, done = Workers(8, lambda: None), threading.Semaphore(0)
before = threading.stack_size(1 << 48)
for _ in range(3):
    workers.submit(done.release)
workers.retry()
threading.stack_size(before)
workers.retry()
assert all(done.acquire(timeout=30.0) for _ in range(3))
print(workers.limit)
"""
    told = ran(script, prints="8\n")
    assert told.count("the system allows no more threads") == 1, "not at each try"


def test_a_poller_goes_on_once_the_system_allows_its_first_thread() -> None:
    script = """
import sys, threading
from dataclasses import replace
from exporter.clock import SystemClock
from exporter.model import Bot, Config, Query, TokenSource
from exporter.plan import make_plan
from exporter.polling.poller import Poller

class Client:
    def count(self, collection, predicate_text, budget): return 7
    def has_new_token(self): return False
    def prune(self): pass
    def renew(self): pass
    def close(self): pass

class Recorder:
    def __init__(self): self.counts, self.skips = threading.Semaphore(0), threading.Semaphore(0)
    def counted(self, poll, row, count): self.counts.release()
    def skipped(self, poll): self.skips.release()
    def __getattr__(self, name): return lambda *_: None

recorder = Recorder()
poller = Poller(SystemClock(), recorder=recorder, make_client=lambda bot: Client(),
                on_defect=lambda: print("defect"), on_lag=lambda lag: None)
query = Query("q", "Help.", "messages", 1.0, 5.0, ("a",))
poller.apply(make_plan(Config((Bot("a", "a", TokenSource(env="T")),), (query,))))
poller.start()
before = threading.stack_size(1 << 48)
assert recorder.skips.acquire(timeout=30.0), "the first run waits for a thread"
threading.stack_size(before)
assert recorder.counts.acquire(timeout=30.0)
print("counted")
"""
    ran(script, prints="counted\n")


def test_refused_threads_lower_the_limit_and_no_job_is_lost() -> None:
    script = """
import threading
from exporter.polling.workers import Workers
workers, go, done = Workers(8, lambda: None), threading.Event(), threading.Semaphore(0)
def job():
    go.wait(10.0)
    done.release()
workers.submit(job)
threading.stack_size(1 << 48)
for _ in range(4):
    workers.submit(job)
go.set()
assert all(done.acquire(timeout=10.0) for _ in range(5))
print(workers.limit)
"""
    told = ran(script, prints="1\n")
    assert told.count("the system allows no more threads") == 1
