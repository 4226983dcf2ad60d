"""The clock of every test that does not wait."""

from __future__ import annotations

from collections.abc import Callable


class FakeClock:
    """Stands still until a test moves `now`, its steady time; its wall time is far ahead, and may be stepped.

    `on_sleep` is called at the start of each sleep.
    """

    def __init__(self, steady: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self.now = steady
        self.on_sleep: Callable[[], object] = lambda: None
        self._wall_ahead = wall - steady

    def wall(self) -> float:
        return self.now + self._wall_ahead

    def steady(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.on_sleep()
        self.now += max(0.0, seconds)

    def move_to(self, steady: float) -> None:
        """Move to a later time; stay if it is not later."""
        self.now = max(self.now, steady)

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock alone forward, or back."""
        self._wall_ahead += seconds
