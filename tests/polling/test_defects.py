"""Laws of internal errors: each is reported and ends its run, but no worker, no poll and no other run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from exporter.errors import Rejected, Throttled, Unreachable
from exporter.language import predicate

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

BAD, GOOD = ("support", "bad"), ("support", "good")
DEFECT = RuntimeError("a defect")
REJECTED = Rejected("no", status=400)


def quick(call: Call) -> Outcome:
    return 0.01, 7


class Flaw:
    """Make one function raise, until it is repaired, for calls whose arguments contain `of`."""

    def __init__(self, victim: object, method: str, of: str = "bad") -> None:
        self.broken = True
        sound = getattr(victim, method)

        def flawed(*args: Any) -> Any:
            if self.broken and of in str(args):
                raise DEFECT
            return sound(*args)

        setattr(victim, method, flawed)


def polls(kit: Kit, world: World) -> None:
    queries = [kit.query(name, {"Status": name}, every=10.0) for name in ("bad", "good")]
    world.apply(kit.plan([kit.bot()], queries))


@pytest.mark.parametrize("method", ["started", "counted", "finished"])
def test_a_recorder_that_raises_ends_only_the_run_it_was_called_for(
    kit: Kit, make_world: MakeWorld, method: str
) -> None:
    world = make_world(quick)
    flaw = Flaw(world.recorder, method)
    polls(kit, world)
    world.run(60.0)
    defects = world.defects
    assert defects in (6, 7)
    assert len(world.recorder.ends[GOOD]) in (6, 7)
    flaw.broken = False
    world.recorder.counts.clear()
    world.run(60.0)
    assert len(world.recorder.counts[BAD]) == 6
    assert world.defects == defects
    assert not world.recorder.skips


def test_a_recorder_that_raises_for_a_failure_ends_only_that_run(kit: Kit, make_world: MakeWorld) -> None:
    def behave(call: Call) -> Outcome:
        return 0.01, REJECTED if '"bad"' in call.asked else 7

    world = make_world(behave)
    Flaw(world.recorder, "failed")
    polls(kit, world)
    world.run(60.0)
    assert world.recorder.runs[BAD] == world.defects
    assert world.recorder.runs[BAD] in (6, 7)
    assert len(world.recorder.ends[GOOD]) in (6, 7)


def test_a_predicate_that_cannot_be_written_fails_that_poll_and_no_other(
    kit: Kit, make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(quick)
    flaw = Flaw(predicate, "write")
    dated = {"Status": "bad", "At": {"$gte": {"$date": "now-1h"}}}
    queries = [kit.query("bad", dated, every=10.0), kit.query("good", {"Status": "good"}, every=10.0)]
    world.apply(kit.plan([kit.bot()], queries))
    world.run(30.0)
    runs = world.recorder.runs[BAD]
    assert world.recorder.reasons(BAD) == ["bad_answer"] * runs
    assert [str(error) for _, error in world.recorder.ends[BAD]] == [
        "internal error of the exporter, see its log"
    ] * runs
    logged = [record.__dict__["fields"] for record in caplog.records if record.levelno == logging.ERROR]
    assert logged == [{"bot": "support", "query": "bad"}] * runs
    assert world.defects == runs
    assert len(world.recorder.counts[GOOD]) in (3, 4)
    flaw.broken = False
    world.run(10.0)
    assert world.recorder.counts[BAD]


def test_a_client_that_raises_ends_no_worker_and_the_poll_runs_again(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda _: (0.01, DEFECT))
    polls(kit, world)
    world.run(60.0)
    assert world.defects == len(world.calls) == world.recorder.requests["support"]
    assert set(world.recorder.reasons(BAD)) == {"bad_answer"}
    world.behave = quick
    world.run(20.0)
    assert world.recorder.counts[BAD]
    assert world.recorder.counts[GOOD]


def test_what_a_failed_run_still_had_in_flight_is_dropped(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda call: (0.01 if '"bad"' in call.asked else 5.0, 7))
    queries = [kit.query("bad", {"Status": "bad"}, *({"Status": n} for n in range(4)), every=60.0)]
    world.apply(kit.plan([kit.bot()], queries))
    world.run(20.0)
    world.recorder.counts.clear()
    world.recorder.ends.clear()
    flaw = Flaw(world.recorder, "asked", of="support")
    world.run(60.0)
    flaw.broken = False
    world.run(20.0)
    assert not world.recorder.counts[BAD]
    assert len(world.recorder.ends[BAD]) == world.defects == 1
    world.run(60.0)
    assert len(world.recorder.counts[BAD]) == 5


def test_an_overdue_request_and_a_recorder_that_raises_delay_nothing(kit: Kit, make_world: MakeWorld) -> None:
    slow_down = Throttled("slow down", status=429, retry_after=30.0)
    answers: Iterator[Outcome] = iter([(0.1, 7), (0.1, 7), (0.1, Unreachable("gone"))])
    world = make_world(lambda _: next(answers, (0.1, slow_down)))
    world.apply(kit.plan([kit.bot(rate=None)], [kit.query("bad", {"n": 1}, {"n": 2}, every=10.0)]))
    world.run(10.0)
    flaw = Flaw(world.recorder, "asked", of="support")
    world.run(30.0)
    flaw.broken = False
    assert world.defects
    world.behave = quick
    world.run(90.0)
    assert world.recorder.counts[BAD][-1:] == [(1, 7)]
