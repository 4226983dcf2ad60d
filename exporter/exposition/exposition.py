"""Answers a scrape: everything the exporter knows at that moment, in the format asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final
from zoneinfo import ZoneInfo

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, gzip_accepted

from exporter.changes import Changes
from exporter.exposition.board import Board
from exporter.exposition.sheet import Sheet, gzipped, pack
from exporter.exposition.telemetry import Telemetry
from exporter.model import Plan

TAKEN_AT_ONCE: Final = 1000
"""Changes of counts that are taken from the store at once: polling waits for no more than those."""

_END: Final = b"# EOF\n"
_PACKED_END: Final = pack(_END)


class Exposition:
    """The metrics page; safe to use from every thread.

    `take_changes` is asked at each scrape for what has changed since the last, so many counts at a time.
    """

    def __init__(self, telemetry: Telemetry, take_changes: Callable[[int], Changes]) -> None:
        self._telemetry = telemetry
        self._take_changes = take_changes
        self._lock = Lock()
        self._board = Board(Plan(polls=(), zone=ZoneInfo("UTC"), workers=1))

    def apply(self, plan: Plan, with_it: Callable[[], None]) -> None:
        """Show a new plan from the next scrape on; `with_it` is called in the same moment.

        So no scrape sees the values of one plan under the labels of another.
        """
        board = Board(plan)
        with self._lock:
            with_it()
            self._board = board
            self._telemetry.apply(plan)

    def scrape(self, accept: str, accept_encoding: str) -> tuple[bytes, list[tuple[str, str]]]:
        """Return the page and its headers for a request with these two headers."""
        content_type = _content_type(accept)
        openmetrics = content_type.startswith("application/openmetrics-text")
        headers = [("Content-Type", content_type), ("Vary", "Accept, Accept-Encoding")]
        if not gzip_accepted(accept_encoding):
            return self._text(openmetrics=openmetrics), headers
        headers.append(("Content-Encoding", "gzip"))
        return self._gzip(openmetrics=openmetrics), headers

    def _text(self, *, openmetrics: bool) -> bytes:
        with self._lock:
            texts = [sheet.text(openmetrics=openmetrics) for sheet in self._now()]
        return b"".join((*texts, _END) if openmetrics else texts)

    def _gzip(self, *, openmetrics: bool) -> bytes:
        with self._lock:
            pieces = [piece for sheet in self._now() for piece in sheet.packed(openmetrics=openmetrics)]
        return gzipped((*pieces, _PACKED_END) if openmetrics else pieces)

    def _now(self) -> tuple[Sheet, ...]:
        """Return the page's sheets, with everything up to now; with the lock held."""
        complete = False
        while not complete:
            changes = self._take_changes(TAKEN_AT_ONCE)
            self._board.take(changes)
            complete = changes.complete
        self._telemetry.take()
        return self._board.sheet, *self._telemetry.sheets


def _content_type(accept: str) -> str:
    try:
        return choose_encoder(accept)[1]
    except TypeError:  # it compares a version such as 1.x with numbers
        return CONTENT_TYPE_PLAIN_0_0_4
