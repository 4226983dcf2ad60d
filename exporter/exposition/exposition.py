"""Answers a scrape: all metrics at that moment, in the requested format."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, gzip_accepted

from exporter.exposition.family import EOF
from exporter.exposition.renderer import Families, count_families, render, state_families
from exporter.exposition.telemetry import Telemetry
from exporter.model import NOTHING, Plan
from exporter.snapshot import Snapshot

_LEVEL: Final = 1
"""The lowest level already shrinks metrics tenfold; a higher one costs more than it saves."""

READ_EVERY: Final = 1.0
"""Seconds after which the metrics of the process are read again though nothing else has changed."""

_REFUSED: Final = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*(;|$)", re.IGNORECASE)


class Exposition:
    """The metrics page; safe to use from every thread.

    A finished page is kept until something changes or a count gets stale, for a second at most. All scrapes
    in that time get the same page, as do scrapes that arrive while it is rendered. `snapshot` must return the
    same object until something changes or gets stale.
    """

    def __init__(
        self, telemetry: Telemetry, snapshot: Callable[[], Snapshot], steady: Callable[[], float]
    ) -> None:
        self._telemetry = telemetry
        self._snapshot = snapshot
        self._steady = steady
        self._lock = Lock()
        self._families: Families = state_families(NOTHING)
        self._shown = Snapshot()
        self._version = -1
        self._refreshed_at = float("-inf")
        self._started = self._finished = 0
        self._pages: dict[tuple[bool, bool], bytes] = {}

    def apply(self, plan: Plan, with_it: Callable[[], None]) -> None:
        """Use a new plan from the next scrape on; `with_it` is called under the same lock.

        It changes the source of snapshots, so that no scrape shows values of one plan with labels of another.
        """
        families = [*count_families(plan), *state_families(plan)]
        with self._lock:
            with_it()
            self._families = families
            self._telemetry.apply(plan)
            self._started = self._finished = self._started + 1  # so no scrape gets a page of the old plan

    def scrape(self, accept: str, accept_encoding: str) -> tuple[bytes, list[tuple[str, str]]]:
        """Return the page and its headers for a request with these two headers."""
        content_type = _content_type(_wanted(accept))
        openmetrics = content_type.startswith("application/openmetrics-text")
        headers = [("Content-Type", content_type), ("Vary", "Accept, Accept-Encoding")]
        zipped = gzip_accepted(_wanted(accept_encoding))
        if zipped:
            headers.append(("Content-Encoding", "gzip"))
        under_way = self._started if self._started > self._finished else None
        with self._lock:
            if self._finished != under_way or self._steady() > self._shown.fresh_until:
                self._started += 1
                self._refresh()
            page = self._pages.get((openmetrics, zipped))
            if page is None:
                texts = self._texts(openmetrics=openmetrics)
                page = self._pages[openmetrics, zipped] = _compressed(texts) if zipped else b"".join(texts)
            self._finished = self._started
        return page, headers

    def _refresh(self) -> None:
        """Drop the finished pages if they do not hold any more."""
        snapshot, version, now = self._snapshot(), self._telemetry.version, self._steady()
        process_is_old = now - self._refreshed_at >= READ_EVERY
        if snapshot is not self._shown or version != self._version or process_is_old:
            self._shown, self._version, self._refreshed_at, self._pages = snapshot, version, now, {}

    def _texts(self, *, openmetrics: bool) -> Iterator[bytes]:
        """Yield the page, one family after the other, so that its text is never held as a whole."""
        for text in render(self._families, self._shown, openmetrics=openmetrics):
            yield text.encode()
        yield self._telemetry.text(openmetrics=openmetrics).encode()
        if openmetrics:
            yield EOF.encode()


def _compressed(texts: Iterable[bytes]) -> bytes:
    compressor = zlib.compressobj(_LEVEL, wbits=zlib.MAX_WBITS | 16)
    parts = [compressor.compress(text) for text in texts]
    return b"".join((*parts, compressor.flush()))


def _wanted(header: str) -> str:
    """Return an Accept header without what it refuses with a weight of 0: prometheus-client takes that."""
    return ",".join(item for item in header.split(",") if not _REFUSED.search(item))


def _content_type(accept: str) -> str:
    try:
        return choose_encoder(accept)[1]
    except TypeError:  # raised for a version such as 1.x, which is no number
        return CONTENT_TYPE_PLAIN_0_0_4
