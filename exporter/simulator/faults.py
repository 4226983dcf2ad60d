"""The faults that are set: for which bot, and for how many further requests."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

BAD_COUNTS: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        "count-negative": b'{"count": -1}',
        "count-fraction": b'{"count": 1.5}',
        "count-boolean": b'{"count": true}',
        "count-null": b'{"count": null}',
        "count-nan": b'{"count": NaN}',
        "count-text": b'{"count": "12"}',
        "count-array": b"[12]",
        "count-empty": b"",
        "count-html": b"<!doctype html><title>Sign in</title><p>Please sign in.",
        "count-disagrees": b'{"count": 12, "Result": 13}',
        "count-error": b'{"count": 12, "error": "InternalError", "errorCode": 1}',
        "count-message": b'{"count": 12, "message": "partial result"}',
        "count-envelope": b'{"Count": 2, "Result": [{"_id": "1"}, {"_id": "2"}]}',
    }
)
"""Bodies that are not counts, by the kind of fault that sends them with a 200."""

KINDS: Final = (
    "status",
    "hang",
    "drip",
    "reset",
    "truncated",
    "wrong-length",
    "redirect",
    "endless",
    *BAD_COUNTS,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault for the next `times` requests; without `times`, until it is cleared.

    `status` and `retry_after` (a header's text) belong to kind status; a 204 has no body. `seconds` is the
    time between two bytes of kind drip. ValueError for a wrong value.
    """

    kind: str
    status: int = 500
    retry_after: str | None = None
    seconds: float = 1.0
    times: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r} (choose from {', '.join(KINDS)})")
        if not 200 <= self.status <= 599:
            raise ValueError("status must be from 200 to 599")
        if self.retry_after is not None and not (
            self.retry_after.isascii() and self.retry_after.isprintable()
        ):
            raise ValueError("retry_after must be plain text (seconds or an HTTP date)")
        if not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError("seconds must not be negative")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1 (leave it out for a fault that stays)")


class Faults:
    """The faults that are set: at most one per bot, which has precedence, and one for all. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: dict[str | None, Fault] = {}

    def set(self, fault: Fault, bot: str | None = None) -> None:
        """Set the fault of one bot, by name, or that of all bots."""
        with self._lock:
            self._set[bot] = fault

    def clear(self, bot: str | None = None) -> None:
        """Clear the fault of one bot; without a name, clear all faults."""
        with self._lock:
            if bot is None:
                self._set.clear()
            else:
                self._set.pop(bot, None)

    def take(self, bot: str | None) -> Fault | None:
        """Return the fault for the next request of this bot, and count down its `times`."""
        with self._lock:
            where = bot if bot in self._set else None
            fault = self._set.get(where)
            if fault is not None and fault.times is not None:
                if fault.times == 1:
                    del self._set[where]
                else:
                    self._set[where] = replace(fault, times=fault.times - 1)
            return fault

    def now(self) -> dict[str | None, Fault]:
        """Return the faults by bot name; the key None is the fault of all bots."""
        with self._lock:
            return dict(self._set)
