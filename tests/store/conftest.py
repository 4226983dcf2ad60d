"""A store, and a clock that a test moves."""

from __future__ import annotations

import pytest

from exporter.store.store import Store


class HandClock:
    """A clock that a test moves; its wall time is far ahead of its steady time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def wall(self) -> float:
        return self.now + 1_750_000_000.0

    def steady(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(clock: HandClock) -> Store:
    return Store(clock)
