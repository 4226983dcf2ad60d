"""Laws of sharing the workers out among bots that answer and bots that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from exporter.polling.lane import Asker, Lane
from exporter.polling.questions import Owner, Question
from exporter.polling.shares import Shares
from exporter.polling.workers import Workers

if TYPE_CHECKING:
    from tests.polling.conftest import Kit


def nothing(*_: Any) -> None:
    """Stands for a job, and for whoever is told of it."""


def lane(kit: Kit, *, answering: bool) -> Lane:
    made = Lane(kit.bot(), lambda: cast("Asker", None), lambda: 0.0)
    made.answering = answering
    return made


def take(shares: Shares, times: int, *, probes: bool) -> None:
    for _ in range(times):
        question = Question("conversations", str, nothing, cast("Owner", None))
        question.is_probe = probes
        shares.take(question, nothing)


@pytest.mark.parametrize(("limit", "half"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 32)])
def test_probes_get_half_of_the_workers_and_the_others_the_rest(limit: int, half: int) -> None:
    shares = Shares(Workers(limit, nothing))
    for taken in range(half):
        assert shares.has_room(answering=False), taken
        take(shares, 1, probes=True)
    assert not shares.has_room(answering=False) or half == limit
    take(shares, limit - half, probes=False)
    assert not shares.has_room(answering=True)


def test_probes_do_not_make_a_crowd_of_those_that_answer() -> None:
    shares = Shares(Workers(64, nothing))
    take(shares, 32, probes=True)
    assert not shares.crowded
    take(shares, 16, probes=False)
    assert shares.crowded


def test_lanes_wait_once_each_and_those_that_answer_go_first(kit: Kit) -> None:
    shares = Shares(Workers(4, nothing))
    silent, first, second = (lane(kit, answering=answers) for answers in (False, True, True))
    for waiting in (silent, first, second, first, silent):
        shares.wait(waiting)
    assert [shares.next_waiting() for _ in range(4)] == [first, second, silent, None]


def test_a_lane_that_stopped_answering_while_it_waited_does_not_block_those_behind(kit: Kit) -> None:
    shares = Shares(Workers(4, nothing))
    take(shares, 2, probes=True)
    failed, sound = lane(kit, answering=True), lane(kit, answering=True)
    shares.wait(failed)
    shares.wait(sound)
    failed.answering = False
    assert [shares.next_waiting() for _ in range(2)] == [failed, sound]
