"""Laws of dividing the workers among bots that answer and bots that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from exporter.polling.queue import BotQueue, CountClient
from exporter.polling.request import Owner, Request
from exporter.polling.worker_limits import WorkerLimits
from exporter.polling.workers import Workers

if TYPE_CHECKING:
    from tests.polling.conftest import Kit


def nothing(*_: Any) -> None:
    """Stands for a job and for a callback."""


def make_queue(kit: Kit, *, answering: bool) -> BotQueue:
    made = BotQueue(kit.bot(), lambda: cast("CountClient", None), lambda: 0.0)
    made.answering = answering
    return made


def take(limits: WorkerLimits, times: int, *, probes: bool) -> None:
    for _ in range(times):
        request = Request("conversations", str, nothing, cast("Owner", None))
        request.is_probe = probes
        limits.run(request, nothing)


@pytest.mark.parametrize(("limit", "half"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 32)])
def test_probes_get_half_of_the_workers_and_the_others_the_rest(limit: int, half: int) -> None:
    limits = WorkerLimits(Workers(limit, nothing))
    for taken in range(half):
        assert limits.has_worker(answering=False), taken
        take(limits, 1, probes=True)
    assert not limits.has_worker(answering=False) or half == limit
    take(limits, limit - half, probes=False)
    assert not limits.has_worker(answering=True)


def test_probes_do_not_make_workers_scarce_for_bots_that_answer() -> None:
    limits = WorkerLimits(Workers(64, nothing))
    take(limits, 32, probes=True)
    assert not limits.scarce
    take(limits, 16, probes=False)
    assert limits.scarce


def test_queues_wait_once_each_and_those_that_answer_go_first(kit: Kit) -> None:
    limits = WorkerLimits(Workers(4, nothing))
    silent, first, second = (make_queue(kit, answering=answers) for answers in (False, True, True))
    for waiting in (silent, first, second, first, silent):
        limits.wait(waiting)
    assert [limits.next_waiting() for _ in range(4)] == [first, second, silent, None]


def test_a_queue_that_stopped_answering_while_it_waited_does_not_block_those_behind(kit: Kit) -> None:
    limits = WorkerLimits(Workers(4, nothing))
    take(limits, 2, probes=True)
    failed, sound = make_queue(kit, answering=True), make_queue(kit, answering=True)
    limits.wait(failed)
    limits.wait(sound)
    failed.answering = False
    assert [limits.next_waiting() for _ in range(2)] == [failed, sound]
