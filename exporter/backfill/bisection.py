"""Settles a count that only grows at every step, with as few requests as its rises allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Run(NamedTuple):
    """The steps from `begin` to before `end` have the same value."""

    begin: int
    end: int
    value: int


def settle(steps: int, count: Callable[[int], int]) -> Iterator[Run]:
    """Yield the runs of `steps` steps, at least one, in order; `count` returns the count at a step.

    It asks for no step twice and for none between two equal counts. The order depends only on the counts, so
    the same counts are asked for in the same order. An answer outside the counts around it is replaced by the
    nearer of them: what is deleted meanwhile cannot make the past fall.
    """
    final = steps - 1
    last = count(final)
    first = min(count(0), last) if last and final else last
    ahead = [(0, first, final, last)]
    while ahead:
        low, at_low, high, at_high = ahead.pop()
        if at_low == at_high or high - low <= 1:
            if low < high:
                yield Run(low, high, at_low)
            continue
        middle = (low + high) // 2
        at_middle = min(max(count(middle), at_low), at_high)
        ahead += [(middle, at_middle, high, at_high), (low, at_low, middle, at_middle)]
    yield Run(final, steps, last)
