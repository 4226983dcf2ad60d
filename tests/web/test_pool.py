"""Laws of the thread pool: bounded threads, bounded jobs, and no work for clients that have left."""

from __future__ import annotations

import asyncio
import threading

import pytest

from exporter.web.pool import MOST_WAITING, Busy, Pool


class Job:
    """A job that blocks its thread until `gate` is open."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()
        self.threads: set[str] = set()

    def __call__(self) -> str:
        self.threads.add(threading.current_thread().name)
        self.begun.release()
        assert self.gate.wait(30.0)
        return "done"

    async def fill(self, pool: Pool, threads: int, waiting: int) -> list[asyncio.Task[str]]:
        """Occupy all threads of a pool, and let further jobs wait for them."""
        begun = [asyncio.create_task(pool.run(self)) for _ in range(threads)]
        for _ in range(threads):
            assert await asyncio.to_thread(self.begun.acquire, timeout=30.0)
        tasks = [*begun, *(asyncio.create_task(pool.run(self)) for _ in range(waiting))]
        await asyncio.sleep(0)  # so that each task has handed over its job
        return tasks


@pytest.fixture
def job() -> Job:
    return Job()


def test_a_job_gives_its_result_or_its_error() -> None:
    async def run() -> None:
        pool = Pool()
        assert await pool.run(lambda: 6 * 7) == 42
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 // 0)
        assert await pool.run(lambda: "next") == "next"

    asyncio.run(run())


def test_jobs_that_follow_each_other_share_one_thread() -> None:
    async def run() -> set[str]:
        pool = Pool("one")
        return {await pool.run(lambda: threading.current_thread().name) for _ in range(100)}

    assert asyncio.run(run()) == {"one-1"}


def test_a_job_that_nobody_wants_when_a_thread_is_free_never_begins() -> None:
    async def run() -> None:
        pool, begun = Pool(), []
        with pytest.raises(asyncio.CancelledError):
            await pool.run(lambda: begun.append(1), is_wanted=lambda: False)
        assert not begun

    asyncio.run(run())


def test_jobs_at_once_get_a_thread_each_up_to_the_limit(job: Job) -> None:
    async def run() -> list[str]:
        tasks = await job.fill(Pool("few", 3), threads=3, waiting=5)
        job.gate.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(run()) == ["done"] * 8
    assert job.threads == {"few-1", "few-2", "few-3"}


def test_jobs_that_may_wait_are_limited(job: Job) -> None:
    async def run() -> None:
        pool = Pool("full", 2)
        tasks = await job.fill(pool, threads=2, waiting=MOST_WAITING)
        with pytest.raises(Busy):
            await pool.run(job)
        job.gate.set()
        await asyncio.gather(*tasks)
        assert await pool.run(job) == "done"

    asyncio.run(run())


def test_a_job_that_is_cancelled_while_it_waits_never_begins(job: Job) -> None:
    async def run() -> None:
        pool = Pool("left", 2)
        begun, *left = await job.fill(pool, threads=2, waiting=10)
        for task in left[1:]:
            task.cancel()
        await asyncio.sleep(0)
        job.gate.set()
        assert await pool.run(lambda: "last") == "last"
        assert await begun == "done"

    asyncio.run(run())
    assert not job.begun.acquire(blocking=False)


def test_a_pool_without_its_first_thread_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        Pool()


def test_one_thread_is_enough_where_the_system_refuses_more(
    monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def run() -> list[str]:
        pool = Pool()
        monkeypatch.setattr(threading.Thread, "start", refuse)
        tasks = [asyncio.create_task(pool.run(job)) for _ in range(2)]
        await asyncio.sleep(0)
        job.gate.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(run()) == ["done"] * 2
    assert len(job.threads) == 1
