"""Answers a scrape: everything the exporter knows at that moment, in the format asked for."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from threading import Lock
from typing import Final
from zoneinfo import ZoneInfo

from prometheus_client.exposition import (
    CONTENT_TYPE_PLAIN_0_0_4,
    choose_encoder,
    generate_latest,
    gzip_accepted,
)

from exporter.exposition.board import Board
from exporter.exposition.family import write_openmetrics
from exporter.exposition.telemetry import Telemetry
from exporter.model import Changes, Plan

_GZIP_LEVEL: Final = 1
"""Text of metrics shrinks tenfold at the lowest level already; a higher one costs more than it saves."""


class Exposition:
    """The metrics page; safe to use from every thread.

    `take_changes` is asked at each scrape what has changed since the last.
    """

    def __init__(self, telemetry: Telemetry, take_changes: Callable[[], Changes]) -> None:
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
        # Not the encoder chosen with the content type: all our names are plain, so no escaping scheme
        # changes them, but prometheus-client's `dots` doubles every underscore.
        write = write_openmetrics if openmetrics else generate_latest
        with self._lock:
            self._board.take(self._take_changes())
            parts = self._board.text(openmetrics=openmetrics)
        body = b"".join((*parts, write(self._telemetry.registry)))
        headers = [("Content-Type", content_type), ("Vary", "Accept, Accept-Encoding")]
        if gzip_accepted(accept_encoding):
            headers.append(("Content-Encoding", "gzip"))
            body = gzip.compress(body, _GZIP_LEVEL)
        return body, headers


def _content_type(accept: str) -> str:
    try:
        return choose_encoder(accept)[1]
    except TypeError:  # it compares a version such as 1.x with numbers
        return CONTENT_TYPE_PLAIN_0_0_4
