"""An API of many documents, which finds each by bisection, so that its answers take no time."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from exporter.handler import Handler, Request, Response
from exporter.web.server import Server, address_of, listen

READ: dict[str, Callable[[str], int]] = {
    "_id": lambda text: int(text, 16),
    "StartedAt": lambda text: round(datetime.fromisoformat(text).timestamp() * 1000),
}
"""How to read a document's number from each of its fields."""


def document(number: int) -> dict[str, Any]:
    """Return the document of a number, the milliseconds of its date since the Unix epoch."""
    date = datetime.fromtimestamp(number / 1000, UTC).isoformat(timespec="milliseconds")
    text = f"text {number}\nof two lines"
    return {"_id": f"{number:024x}", "StartedAt": date.replace("+00:00", "Z"), "Text": text}


class Documents:
    """An API that has the documents of `numbers`, sorted; it calls `before_page` before each page."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers
        self.before_page: Callable[[], None] = lambda: None
        self.requests = self.pages = 0

    async def __call__(self, request: Request) -> Response:
        """Answer with a count or a page."""
        self.requests += 1
        asked = {name: values[0] for name, values in parse_qs(request.query).items()}
        query = json.loads(asked.get("query", "{}"))
        if request.path.endswith("/_count"):
            return Response(200, json.dumps({"count": self._count(query)}).encode())
        self.before_page()
        self.pages += 1
        found = self.numbers[slice(*self._range(query))]
        if "-" in asked.get("sort", ""):
            found.reverse()
        return Response(200, json.dumps([document(one) for one in found[: int(asked["limit"])]]).encode())

    def _count(self, query: dict[str, Any]) -> int:
        if "$nor" in query:  # of parts that do not overlap
            return len(self.numbers) - sum(self._count(part) for part in query["$nor"])
        begin, end = self._range(query)
        return end - begin

    def _range(self, query: dict[str, Any]) -> tuple[int, int]:
        begin, end = 0, len(self.numbers)
        for field, bounds in query.items():
            for operator, value in bounds.items():
                if value is None:  # {$ne: null}, as each document has each field
                    continue
                search = bisect_right if operator in ("$gt", "$lte") else bisect_left
                at = search(self.numbers, READ[field](value))
                begin, end = (max(begin, at), end) if operator[:3] == "$gt" else (begin, min(end, at))
        return begin, max(begin, end)


@contextmanager
def served(handler: Handler) -> Iterator[str]:
    """Serve an API on a free port while the context lasts; yield its URL."""
    listener = listen("127.0.0.1:0")
    server = Server(handler, [listener], name="past")
    server.start()
    try:
        yield f"http://{address_of(listener)}/v1"
    finally:
        server.stop(2.0)


def configure(
    home: Path,
    url: str,
    *,
    bot: str = "5990b7b5d57ae86c1b2dfd6e",
    token: str = "past-token",
    queries: Sequence[dict[str, Any]] = ({"name": "conversations", "collection": "conversations"},),
) -> None:
    """Write a configuration for an API, as config.yaml in a folder."""
    config = {
        "api": {"url": url, "rate": "none", "retries": 0, "dates": "auto"},
        "bots": [{"name": "main", "id": bot, "token": {"file": "token"}}],
        "queries": list(queries),
    }
    (home / "config.yaml").write_text(json.dumps(config), "utf-8")
    (home / "token").write_text(token, "utf-8")
