"""Laws of the timetable's own thread and of `run_once`, on the system clock."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from exporter.clock import SystemClock
from exporter.errors import ApiError, ServerError
from exporter.model import Bot, Collection, Poll
from exporter.polling.poller import Poller

if TYPE_CHECKING:
    from tests.polling.conftest import Kit, Recorder

PATIENCE = 10.0


class FakeClient:
    """Answers with the result of a function, in real time."""

    def __init__(self, answer: Callable[[str], int]) -> None:
        self._answer = answer

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        return self._answer(predicate_text)

    def prune(self) -> None:
        pass

    def renew(self) -> None:
        pass

    def has_new_token(self) -> bool:
        return False

    def close(self) -> None:
        """Do nothing: no connection is open."""


class Bell:
    """An event that is set after so many calls."""

    def __init__(self, times: int = 1) -> None:
        self._left = times
        self._rung = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
        if self._left <= 0:
            self._rung.set()

    def heard(self) -> bool:
        return self._rung.wait(PATIENCE)


def make(
    recorder: Recorder, answer: Callable[[str], int], on_defect: Callable[[], None] = lambda: None
) -> Poller:
    def make_client(bot: Bot) -> FakeClient:
        return FakeClient(answer)

    return Poller(
        SystemClock(), recorder=recorder, make_client=make_client, on_defect=on_defect, on_lag=lambda _: None
    )


def timetable_of(poller: Poller) -> threading.Thread:
    return poller._thread


@pytest.fixture
def ended() -> Iterator[Callable[[Poller], Poller]]:
    """Stop a poller at the test's end, and check that its timetable's thread has ended."""
    pollers: list[Poller] = []

    def note(poller: Poller) -> Poller:
        pollers.append(poller)
        return poller

    yield note
    for poller in pollers:
        poller.stop()
        timetable_of(poller).join(PATIENCE)
        assert not poller.alive


def test_a_stop_ends_the_timetable_within_a_second_whatever_hangs(kit: Kit) -> None:
    asked, go = Bell(), threading.Event()

    def hang(url: str) -> int:
        asked()
        go.wait(PATIENCE)
        return 7

    poller = make(kit.Recorder(), hang)
    poller.apply(kit.plan([kit.bot()], [kit.query(every=1.0)]))
    poller.start()
    assert poller.alive
    assert asked.heard()
    poller.stop()
    timetable_of(poller).join(1.0)
    assert not poller.alive
    go.set()


def test_a_stop_ends_the_timetable_within_a_second_even_after_an_internal_error(kit: Kit) -> None:
    defect = Bell()
    poller = make(kit.Recorder(), len, on_defect=defect)
    poller.start()
    poller.call(lambda: 1 // 0)  # type: ignore[arg-type]
    assert defect.heard()
    poller.stop()
    timetable_of(poller).join(0.9)
    assert not poller.alive


def test_nothing_is_started_after_a_stop(kit: Kit) -> None:
    asked, go = Bell(), threading.Event()
    urls: list[str] = []

    def hang(url: str) -> int:
        urls.append(url)
        asked()
        assert go.wait(PATIENCE)
        return 7

    poller = make(kit.Recorder(), hang)
    poller.apply(kit.plan([kit.bot(rate=None)], [kit.query("all", *({"n": n} for n in range(9)), every=1.0)]))
    before = set(threading.enumerate())
    poller.start()
    assert asked.heard()
    made = set(threading.enumerate()) - before
    poller.stop()
    go.set()
    for thread in made:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert len(urls) == 1


def test_a_call_wakes_the_timetable_from_its_sleep(kit: Kit, ended: Callable[[Poller], Poller]) -> None:
    poller = ended(make(kit.Recorder(), len))
    last_tick_at = poller.last_tick_at
    poller.start()
    for _ in range(100):
        done = Bell()
        poller.call(done)
        assert done.heard()
    assert poller.last_tick_at > last_tick_at


def test_a_call_that_raises_is_reported_and_the_next_one_runs(
    kit: Kit, ended: Callable[[Poller], Poller], caplog: pytest.LogCaptureFixture
) -> None:
    defect, done = Bell(), Bell()
    poller = ended(make(kit.Recorder(), len, on_defect=defect))
    poller.start()
    poller.call(lambda: 1 // 0)  # type: ignore[arg-type]
    poller.call(done)
    assert defect.heard()
    assert done.heard()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert poller.alive


def test_a_failure_wakes_the_timetable_in_time_for_the_next_attempt(
    kit: Kit, ended: Callable[[Poller], Poller]
) -> None:
    """A lost wake-up would delay the retry by the timetable's longest sleep, and the test would fail."""
    asked = Bell(3)

    def fail(url: str) -> int:
        asked()
        raise ServerError("ill", status=500)

    poller = ended(make(kit.Recorder(), fail))
    poller.apply(kit.plan([kit.bot(retries=2)], [kit.query(every=3600.0)]))
    poller.start()
    assert asked.heard()


def test_a_plan_applied_by_a_call_is_polled(kit: Kit, ended: Callable[[Poller], Poller]) -> None:
    asked = Bell(3)

    def answer(url: str) -> int:
        asked()
        return 7

    poller = ended(make(kit.Recorder(), answer))
    poller.start()
    poller.call(lambda: poller.apply(kit.plan([kit.bot()], [kit.query(every=1.0)])))
    assert asked.heard()


def test_run_once_ends_with_the_last_answer_and_leaves_no_thread(kit: Kit) -> None:
    chance = random.Random(3)

    def answer(url: str) -> int:
        if chance.random() < 0.2:
            raise ServerError("ill", status=500)
        return 7

    before = set(threading.enumerate())
    recorder = kit.Recorder()
    names = tuple(f"bot_{n}" for n in range(5))
    bots = [
        kit.bot(name, rate=rate) for name, rate in zip(names, (None, 100.0, 200.0, 60.0, 300.0), strict=True)
    ]
    plan = kit.plan(bots, [kit.query(f"query_{n}", bots=names) for n in range(40)])
    make(recorder, answer).run_once(plan)
    assert all(len(recorder.ends[poll.key]) == 1 for poll in plan.polls)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_run_once_ends_even_if_the_recorder_raises(kit: Kit) -> None:
    class Broken(kit.Recorder):  # type: ignore[name-defined, misc]
        def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:
            raise RuntimeError("a defect")

    defect = Bell(2)
    make(Broken(), len, on_defect=defect).run_once(
        kit.plan([kit.bot()], [kit.query("one"), kit.query("two")])
    )
    assert defect.heard()


def test_run_once_of_an_empty_plan_ends_at_once(kit: Kit) -> None:
    make(kit.Recorder(), len).run_once(kit.plan([], []))
