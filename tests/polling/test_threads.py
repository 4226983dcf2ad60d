"""Laws of the poller's threads and of `run_once`, on the system clock."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from exporter.clock import SystemClock
from exporter.errors import ApiError, ServerError, Throttled, Unreachable
from exporter.model import Bot, Collection, Plan, Poll
from exporter.polling.dispatcher import Dispatcher
from exporter.polling.poller import Poller
from exporter.polling.queue import QUICK

if TYPE_CHECKING:
    from tests.polling.conftest import Kit, Recorder

PATIENCE = 10.0


class FakeClient:
    """Answers with the result of a function, in real time."""

    def __init__(self, answer: Callable[[str], int]) -> None:
        self._answer = answer
        self.prunings = 0

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        return self._answer(predicate_text)

    def misread_dates(
        self, collection: Collection, field: str, dates: str, descends: bool, budget: float
    ) -> int:
        return 0

    def prune(self) -> None:
        self.prunings += 1

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
    return of_client(FakeClient(answer), recorder, on_defect)


def of_client(client: FakeClient, recorder: Recorder, on_defect: Callable[[], None] = lambda: None) -> Poller:
    clock = SystemClock()

    def make_client(bot: Bot) -> FakeClient:
        return client

    dispatcher = Dispatcher(
        clock, recorder=recorder, make_client=make_client, on_defect=on_defect, on_lag=lambda _: None
    )
    return Poller(clock, dispatcher)


@pytest.fixture
def running(kit: Kit) -> Iterator[Callable[..., Poller]]:
    """Return what starts a poller; all end with the test, and so do their threads."""
    before = set(threading.enumerate())
    pollers: list[Poller] = []

    def run(answer: Callable[[str], int], plan: Plan, recorder: Recorder | None = None) -> Poller:
        poller = make(recorder or kit.Recorder(), answer)
        pollers.append(poller)
        poller.apply(plan)
        poller.start()
        return poller

    yield run
    for poller in pollers:
        poller.stop()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def polling_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("polling-")}


def test_no_request_starts_after_a_stop_and_idle_threads_end(kit: Kit) -> None:
    asked, go = Bell(), threading.Event()
    texts: list[str] = []

    def hang(text: str) -> int:
        texts.append(text)
        asked()
        assert go.wait(PATIENCE)
        return 7

    before = polling_threads()
    poller = make(kit.Recorder(), hang)
    poller.apply(kit.plan([kit.bot(rate=None)], [kit.query("all", *({"n": n} for n in range(9)), every=1.0)]))
    poller.start()
    assert asked.heard()
    threads = polling_threads() - before
    assert len(threads) == 2, "one asks, and one watches the time"
    poller.stop()
    go.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert len(texts) == 1


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_attempts_are_made_by_at_most_as_many_threads_as_workers_and_one_more_watches(
    kit: Kit, running: Callable[..., Poller], workers: int
) -> None:
    ended, names, most = Bell(200), set[str](), [0]
    lock, open_now = threading.Lock(), [0]

    def answer(text: str) -> int:
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
            names.add(threading.current_thread().name)
        with lock:
            open_now[0] -= 1
        ended()
        return 7

    before = polling_threads()
    bots = [kit.bot(f"bot_{n}", rate=None) for n in range(5)]
    query = kit.query("q", *({"n": n} for n in range(40)), bots=tuple(bot.name for bot in bots))
    running(answer, kit.plan(bots, [query], workers=workers))
    assert ended.heard()
    assert most[0] <= workers
    assert len(polling_threads() - before) <= workers + 1


def test_all_workers_are_used_at_once(kit: Kit, running: Callable[..., Poller]) -> None:
    """Three requests that wait for each other end only if three threads make them."""
    meeting, met = threading.Barrier(3), Bell(3)
    first = threading.Event()

    def answer(text: str) -> int:
        if not first.is_set():  # until a bot has answered, and while it is quick, it gets one at a time
            first.wait(2 * QUICK)
            first.set()
            return 7
        meeting.wait(PATIENCE)
        met()
        return 7

    query = kit.query("q", *({"n": n} for n in range(4)))
    running(answer, kit.plan([kit.bot(rate=None)], [query]))
    assert met.heard()


def test_a_thread_is_left_to_watch_the_time_while_all_workers_hang(
    kit: Kit, running: Callable[..., Poller]
) -> None:
    asked, go, skipped = Bell(), threading.Event(), Bell()

    class Skips(kit.Recorder):  # type: ignore[name-defined, misc]
        def skipped(self, poll: Poll) -> None:
            skipped()

    def hang(text: str) -> int:
        asked()
        go.wait(PATIENCE)
        return 7

    poller = running(hang, kit.plan([kit.bot()], [kit.query(every=1.0)], workers=1), Skips())
    assert asked.heard()
    seen = poller.last_tick_at
    assert skipped.heard(), "the run that is due next is skipped while the one before is in flight"
    assert poller.last_tick_at > seen
    go.set()


def test_a_retry_wakes_a_thread_in_time(kit: Kit, running: Callable[..., Poller]) -> None:
    """A lost wake-up would delay the retry by the longest sleep, and the test would fail."""
    asked = Bell(3)

    def fail(text: str) -> int:
        asked()
        raise Unreachable("gone")

    running(fail, kit.plan([kit.bot(retries=2)], [kit.query(every=3600.0)]))
    assert asked.heard()


def test_a_plan_that_is_applied_later_is_polled(kit: Kit, running: Callable[..., Poller]) -> None:
    asked = Bell(3)

    def answer(text: str) -> int:
        asked()
        return 7

    poller = running(answer, kit.plan([], []))
    poller.apply(kit.plan([kit.bot()], [kit.query(every=1.0)]))
    assert asked.heard()


def test_a_poller_says_until_when_a_bot_is_paused(kit: Kit) -> None:
    def throttle(text: str) -> int:
        raise Throttled("slow down", retry_after=120.0)

    clock = SystemClock()
    poller = make(kit.Recorder(), throttle)
    assert poller.paused_until("support") is None
    earliest = clock.steady() + 120.0
    poller.run_once(kit.plan([kit.bot()], [kit.query()]))
    until = poller.paused_until("support")
    assert until is not None
    assert earliest <= until <= clock.steady() + 120.0


def test_maintenance_prunes_the_connections_of_each_bot_that_was_asked(
    kit: Kit,
) -> None:
    asked = Bell()

    def answer(text: str) -> int:
        asked()
        return 7

    client = FakeClient(answer)
    poller = of_client(client, kit.Recorder())
    poller.apply(kit.plan([kit.bot()], [kit.query()]))
    poller.maintain()
    assert client.prunings == 0
    poller.start()
    assert asked.heard()
    poller.maintain()
    poller.stop()
    assert client.prunings == 1


def test_an_internal_error_is_logged_and_ends_no_thread(
    kit: Kit, running: Callable[..., Poller], caplog: pytest.LogCaptureFixture
) -> None:
    asked = Bell(2)

    class Broken(kit.Recorder):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.left = 1

        def skipped(self, poll: Poll) -> None:
            self.left -= 1
            if self.left >= 0:
                raise RuntimeError("a defect")

    go = threading.Event()

    def answer(text: str) -> int:
        asked()
        go.wait(2.5)  # the next run is skipped meanwhile
        return 7

    running(answer, kit.plan([kit.bot()], [kit.query(every=1.0)]), Broken())
    assert asked.heard()
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["a defect"]


def refused(script: str) -> str:
    """Run a script that refuses itself threads in a process of its own; return its log."""
    ended = subprocess.run(
        [sys.executable, "-c", _SETTING + script], capture_output=True, text=True, timeout=90, check=False
    )
    assert (ended.stdout, ended.returncode) == ("counted\n", 0), ended.stderr
    return ended.stderr


_SETTING = """
import threading
from exporter.clock import SystemClock
from exporter.model import Bot, Config, Query, TokenSource
from exporter.plan import make_plan
from exporter.polling.dispatcher import Dispatcher
from exporter.polling.poller import Poller
from exporter.polling.queue import QUICK

class Client:
    def count(self, collection, predicate_text, budget): return 7
    def has_new_token(self): return False
    def prune(self): pass
    def renew(self): pass
    def close(self): pass

class Recorder:
    def __init__(self): self.counts = threading.Semaphore(0)
    def counted(self, poll, row, count): self.counts.release()
    def __getattr__(self, name): return lambda *_: None

recorder = Recorder()
dispatcher = Dispatcher(SystemClock(), recorder=recorder, make_client=lambda bot: Client(),
                        on_defect=lambda: print("defect"), on_lag=lambda lag: None)
poller = Poller(SystemClock(), dispatcher)
query = Query("q", "Help.", "messages", 1.0, 5.0, ("a",))
poller.apply(make_plan(Config((Bot("a", "a", TokenSource(env="T")),), (query,))))
"""


def test_a_poller_does_not_start_without_a_thread() -> None:
    log = refused("""
threading.stack_size(1 << 48)
try:
    poller.start()
except RuntimeError:
    print("counted")
""")
    assert log == ""


def test_a_poller_with_a_single_thread_asks_all_the_same_until_the_system_allows_another() -> None:
    log = refused("""
before = threading.stack_size()
poller.start()
threading.stack_size(1 << 48)
assert recorder.counts.acquire(timeout=30.0)
assert recorder.counts.acquire(timeout=30.0)
threading.stack_size(before)
while threading.active_count() < 3:
    SystemClock().sleep(0.1)
    poller.maintain()
print("counted")
""")
    assert log.count("the system allows no more threads") == 1, "not at each try"


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


def test_run_once_asks_with_the_calling_thread_too(kit: Kit) -> None:
    """Nothing else is needed where the system refuses threads."""
    names: set[str] = set()

    def answer(text: str) -> int:
        names.add(threading.current_thread().name)
        return 7

    make(kit.Recorder(), answer).run_once(kit.plan([kit.bot(rate=None)], [kit.query()]))
    assert names == {threading.current_thread().name}


def test_run_once_of_an_empty_plan_ends_at_once(kit: Kit) -> None:
    make(kit.Recorder(), len).run_once(kit.plan([], []))


def test_two_threads_at_most_wait_for_a_moment_at_which_several_polls_are_due(
    kit: Kit, running: Callable[..., Poller], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tuple(f"bot_{n}" for n in range(12))
    bell, gate = Bell(len(names)), threading.Event()

    def answer(_: str) -> int:
        bell()
        gate.wait(PATIENCE)
        return 7

    poller = running(
        answer, kit.plan([kit.bot(n, rate=None) for n in names], [kit.query(bots=names)], workers=30)
    )
    assert bell.heard()
    soon = SystemClock().steady() + 5.0
    monkeypatch.setattr(poller._dispatcher, "next_times", lambda: (soon, soon))
    gate.set()
    deadline = SystemClock().steady() + 3.0
    while len(poller._idle) < len(names) and SystemClock().steady() < deadline:
        threading.Event().wait(0.01)
    assert len(poller._idle) >= len(names)
    assert sum(idle.until <= soon for idle in poller._idle) <= 3
