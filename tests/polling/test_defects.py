"""Laws of defects of our own: each is told and costs the run it is in; no worker, no poll, no other run."""

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
    """Makes one function of a recorder or a module raise, until it is repaired, where it is told `of`."""

    def __init__(self, victim: object, method: str, of: str = "bad") -> None:
        self.broken = True
        sound = getattr(victim, method)

        def flawed(*args: Any) -> Any:
            if self.broken and of in str(args):
                raise DEFECT
            return sound(*args)

        setattr(victim, method, flawed)


def polls(kit: Kit, run: World) -> None:
    queries = [kit.query(name, {"Status": name}, every=10.0) for name in ("bad", "good")]
    run.poller.apply(kit.plan([kit.bot()], queries))


@pytest.mark.parametrize("method", ["started", "counted", "finished"])
def test_a_recorder_that_raises_costs_only_the_run_it_is_told_of(
    kit: Kit, world: MakeWorld, method: str
) -> None:
    run = world(quick)
    flaw = Flaw(run.notes, method)
    polls(kit, run)
    run.run(60.0)
    defects = run.defects
    assert defects in (6, 7)
    assert len(run.notes.ends[GOOD]) in (6, 7)
    flaw.broken = False
    run.notes.counts.clear()
    run.run(60.0)
    assert len(run.notes.counts[BAD]) == 6
    assert run.defects == defects
    assert not run.notes.skips


def test_a_recorder_that_raises_for_a_failure_costs_only_that_run(kit: Kit, world: MakeWorld) -> None:
    def behave(call: Call) -> Outcome:
        return 0.01, REJECTED if '"bad"' in call.asked else 7

    run = world(behave)
    Flaw(run.notes, "failed")
    polls(kit, run)
    run.run(60.0)
    assert run.notes.runs[BAD] == run.defects
    assert run.notes.runs[BAD] in (6, 7)
    assert len(run.notes.ends[GOOD]) in (6, 7)


def test_a_predicate_that_cannot_be_written_fails_that_poll_and_no_other(
    kit: Kit, world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    run = world(quick)
    flaw = Flaw(predicate, "write")
    dated = {"Status": "bad", "At": {"$gte": {"$date": "now-1h"}}}
    queries = [kit.query("bad", dated, every=10.0), kit.query("good", {"Status": "good"}, every=10.0)]
    run.poller.apply(kit.plan([kit.bot()], queries))
    run.run(30.0)
    runs = run.notes.runs[BAD]
    assert run.notes.reasons(BAD) == ["bad_answer"] * runs
    assert [str(error) for _, error in run.notes.ends[BAD]] == [
        "internal error of the exporter, see its log"
    ] * runs
    assert run.defects == runs == sum(record.levelno == logging.ERROR for record in caplog.records)
    assert len(run.notes.counts[GOOD]) in (3, 4)
    flaw.broken = False
    run.run(10.0)
    assert run.notes.counts[BAD]


def test_an_asker_that_raises_costs_no_worker_and_the_poll_runs_again(kit: Kit, world: MakeWorld) -> None:
    run = world(lambda _: (0.01, DEFECT))
    polls(kit, run)
    run.run(60.0)
    assert run.defects == len(run.calls) == run.notes.requests["support"]
    assert set(run.notes.reasons(BAD)) == {"bad_answer"}
    run.behave = quick
    run.run(20.0)
    assert run.notes.counts[BAD]
    assert run.notes.counts[GOOD]


def test_what_a_failed_run_still_had_in_flight_is_dropped(kit: Kit, world: MakeWorld) -> None:
    run = world(lambda call: (0.01 if '"bad"' in call.asked else 5.0, 7))
    queries = [kit.query("bad", {"Status": "bad"}, *({"Status": n} for n in range(4)), every=60.0)]
    run.poller.apply(kit.plan([kit.bot()], queries))
    run.run(20.0)
    run.notes.counts.clear()
    run.notes.ends.clear()
    flaw = Flaw(run.notes, "asked", of="support")
    run.run(60.0)
    flaw.broken = False
    run.run(20.0)
    assert not run.notes.counts[BAD]
    assert len(run.notes.ends[BAD]) == run.defects == 1
    run.run(60.0)
    assert len(run.notes.counts[BAD]) == 5


def test_a_request_that_ends_overdue_for_a_defective_recorder_holds_nothing_up(
    kit: Kit, world: MakeWorld
) -> None:
    slow_down = Throttled("slow down", status=429, retry_after=30.0)
    answers: Iterator[Outcome] = iter([(0.1, 7), (0.1, 7), (0.1, Unreachable("gone"))])
    run = world(lambda _: next(answers, (0.1, slow_down)))
    run.poller.apply(kit.plan([kit.bot(rate=None)], [kit.query("bad", {"n": 1}, {"n": 2}, every=10.0)]))
    run.run(10.0)
    flaw = Flaw(run.notes, "asked", of="support")
    run.run(30.0)
    flaw.broken = False
    assert run.defects
    run.behave = quick
    run.run(90.0)
    assert run.notes.counts[BAD][-1:] == [(1, 7)]
