"""A store, and a clock that a test moves."""

from __future__ import annotations

import pytest

from exporter.store.store import Store
from tests.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> Store:
    return Store(clock)
