"""Reads pages as Prometheus does: with gzip, over a connection that stays open."""

from __future__ import annotations

import http.client
import time
from contextlib import AbstractContextManager
from typing import Final

_ACCEPT: Final = "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
_PATIENCE: Final = 60.0


class Reader(AbstractContextManager["Reader"]):
    """One connection to the page of metrics on a port."""

    def __init__(self, port: int, *, gzip: bool = True) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        self._headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip" if gzip else "identity"}

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def read(self, path: str = "/metrics") -> bytes:
        """Return the body as it is sent; raise OSError for a status other than 200."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        return body

    def seconds(self) -> float:
        """Return how long a scrape takes, from the first byte sent to the last one read."""
        began = time.perf_counter()
        self.read()
        return time.perf_counter() - began
