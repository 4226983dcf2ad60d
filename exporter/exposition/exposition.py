"""Answers a scrape: everything the exporter knows at that moment, in the format asked for."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from threading import Lock
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, gzip_accepted

from exporter.exposition.family import EOF
from exporter.exposition.renderer import Renderer
from exporter.exposition.telemetry import LOOK_HOLDS, Telemetry
from exporter.model import NOTHING, Plan
from exporter.snapshot import Snapshot

_LEVEL: Final = 1
"""Text of metrics shrinks tenfold at the lowest level already; a higher one costs more than it saves."""


class Exposition:
    """The metrics page; safe to use from every thread.

    A finished page is kept until something changes, gets stale, or the process was last looked at a second
    ago; whoever asks meanwhile gets that one. `snapshot` gives the same object as long as it holds.
    """

    def __init__(
        self, telemetry: Telemetry, snapshot: Callable[[], Snapshot], steady: Callable[[], float]
    ) -> None:
        self._telemetry = telemetry
        self._snapshot = snapshot
        self._steady = steady
        self._lock = Lock()
        self._renderer = Renderer(NOTHING)
        self._shown: tuple[Snapshot, int] = (Snapshot(), -1)
        self._pages: dict[tuple[bool, bool], bytes] = {}

    def apply(self, plan: Plan, with_it: Callable[[], None]) -> None:
        """Show a new plan from the next scrape on; `with_it` is called in the same moment.

        So no scrape sees the values of one plan under the labels of another.
        """
        renderer = Renderer(plan)
        with self._lock:
            with_it()
            self._renderer = renderer
            self._telemetry.apply(plan)

    def scrape(self, accept: str, accept_encoding: str) -> tuple[bytes, list[tuple[str, str]]]:
        """Return the page and its headers for a request with these two headers."""
        content_type = _content_type(accept)
        openmetrics = content_type.startswith("application/openmetrics-text")
        headers = [("Content-Type", content_type), ("Vary", "Accept, Accept-Encoding")]
        zipped = gzip_accepted(accept_encoding)
        if zipped:
            headers.append(("Content-Encoding", "gzip"))
        with self._lock:
            return self._page(openmetrics=openmetrics, zipped=zipped), headers

    def _page(self, *, openmetrics: bool, zipped: bool) -> bytes:
        snapshot, version = self._snapshot(), self._telemetry.version
        shown, shown_version = self._shown
        looked_long_ago = self._steady() - self._telemetry.looked_at >= LOOK_HOLDS
        if snapshot is not shown or version != shown_version or looked_long_ago:
            self._shown, self._pages = (snapshot, version), {}
        page = self._pages.get((openmetrics, zipped))
        if page is None:
            page = self._render(snapshot, openmetrics=openmetrics)
            if zipped:
                page = gzip.compress(page, _LEVEL, mtime=0)
            self._pages[openmetrics, zipped] = page
        return page

    def _render(self, snapshot: Snapshot, *, openmetrics: bool) -> bytes:
        texts = [
            *self._renderer.text(snapshot, openmetrics=openmetrics),
            *self._telemetry.text(openmetrics=openmetrics),
        ]
        return "".join((*texts, EOF) if openmetrics else texts).encode()


def _content_type(accept: str) -> str:
    try:
        return choose_encoder(accept)[1]
    except TypeError:  # it compares a version such as 1.x with numbers
        return CONTENT_TYPE_PLAIN_0_0_4
