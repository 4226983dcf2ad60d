"""Laws of bisection: every step is settled as if each had been asked for, with fewer requests."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from exporter.backfill.bisection import settle

growing = st.lists(st.sampled_from([0, 0, 0, 1, 7]), min_size=1, max_size=60).map(
    lambda rises: list(accumulate(rises))
)


def settled(counts: list[int]) -> tuple[list[int], list[int]]:
    """Return the value of each step, and the steps that were asked for."""
    asked: list[int] = []

    def count(step: int) -> int:
        asked.append(step)
        return counts[step]

    values: list[int] = []
    for begin, end, value in settle(len(counts), count):
        assert begin == len(values) < end
        values += [value] * (end - begin)
    return values, asked


@given(growing)
def test_every_step_has_its_count(counts: list[int]) -> None:
    assert settled(counts)[0] == counts


@given(growing)
def test_no_step_is_asked_for_twice(counts: list[int]) -> None:
    asked = settled(counts)[1]
    assert len(asked) == len(set(asked))


@given(growing)
def test_no_step_is_asked_for_between_two_that_are_known_to_be_equal(counts: list[int]) -> None:
    known: set[int] = set()
    for step in settled(counts)[1]:
        before = max((other for other in known if other < step), default=None)
        after = min((other for other in known if other > step), default=None)
        assert before is None or after is None or counts[before] != counts[after]
        known.add(step)


@given(st.integers(1, 100_000))
def test_a_series_without_documents_costs_one_request(steps: int) -> None:
    asked: list[int] = []

    def count(step: int) -> int:
        asked.append(step)
        return 0

    assert {run.value for run in settle(steps, count)} == {0}
    assert asked == [steps - 1]


@given(st.integers(2, 10_000), st.data())
def test_one_rise_costs_no_more_than_halving(steps: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, steps - 1))
    asked: list[int] = []

    def count(step: int) -> int:
        asked.append(step)
        return int(step >= at)

    assert sum(run.value * (run.end - run.begin) for run in settle(steps, count)) == steps - at
    assert len(asked) <= 2 + steps.bit_length()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_what_is_deleted_meanwhile_never_makes_the_past_fall(answers: list[int]) -> None:
    values = settled(answers)[0]
    assert values == sorted(values)
    assert len(values) == len(answers)
    assert values[-1] == answers[-1]
