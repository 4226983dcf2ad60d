"""A bot for explorations: any documents, behind an API that may differ from what is assumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from exporter.errors import ApiError, Rejected
from exporter.handler import Request, Response
from exporter.model import DateFormat
from exporter.simulator.dates import Dates
from exporter.simulator.matching import matcher
from exporter.simulator.parameters import read_sort
from exporter.simulator.refusal import Refused
from exporter.simulator.values import ordered
from tests.cli.conftest import logging_as_before, plain_environment, serve, typed

__all__ = ["FakeApi", "FakeBot", "logging_as_before", "plain_environment", "serve", "typed"]

Document = dict[str, Any]


@dataclass
class FakeBot:
    """Answers as NativeChat would: documents as stored (dates as datetime), and as shown.

    `refuses` are operators that get a 400, or parameters of a list; `ignores` are parameters without effect.
    `max_limit` is the largest page. `fails` returns an error for a request, given its number.
    """

    conversations: Sequence[Document] = ()
    messages: Sequence[Document] = ()
    dates: DateFormat = "iso"
    max_limit: int = 1000
    limit_refused_above: int = 10**9
    refuses: frozenset[str] = frozenset()
    ignores: frozenset[str] = frozenset()
    show: Callable[[Document], Document] = dict
    fails: Callable[[int], ApiError | None] = lambda number: None
    requests: int = 0
    predicates: list[str] = field(default_factory=list)

    def count(self, collection: str, text: str) -> int:
        self._arrive()
        self.predicates.append(text)
        return len(self.found(collection, text))

    def count_shape(self, collection: str) -> str:
        return f'{{"count": {self.count(collection, "")}}}'

    def rows(
        self,
        collection: str,
        *,
        query: str = "",
        sort: str = "",
        limit: int | None = None,
        skip: int | None = None,
    ) -> list[Document]:
        self._arrive()
        given = {"sort": sort, "limit": limit, "skip": skip}
        if wrong := [name for name, value in given.items() if value and name in self.refuses]:
            raise Rejected(f"GET {collection} answered 400 for {wrong[0]}", status=400)
        if limit and limit > self.limit_refused_above:
            raise Rejected(f"GET {collection} answered 400", status=400)
        given = {name: None if name in self.ignores else value for name, value in given.items()}
        rows = self.found(collection, query)
        if given["sort"]:
            try:
                rows = list(ordered(rows, read_sort(sort)))
            except Refused as error:
                raise Rejected(f"GET {collection} answered 400", status=400) from error
        start = skip if given["skip"] else 0
        size = min(limit if limit and given["limit"] else 100, self.max_limit)
        return [
            json.loads(json.dumps(self.show(row), default=_shown))
            for row in rows[start : (start or 0) + size]
        ]

    def found(self, collection: str, text: str) -> list[Document]:
        documents = self.conversations if collection == "conversations" else self.messages
        if not text:
            return list(documents)
        if wrong := [operator for operator in self.refuses if f'"{operator}"' in text]:
            raise Rejected(f"GET {collection}/_count answered 400 for {wrong[0]}", status=400)
        try:
            matches = matcher(json.loads(text), Dates(self.dates))
        except Refused as error:
            raise Rejected(f"GET {collection}/_count answered 400", status=400) from error
        return [document for document in documents if matches(document)]

    def _arrive(self) -> None:
        self.requests += 1
        if error := self.fails(self.requests):
            raise error


def _shown(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class FakeApi:
    """Serves a FakeBot over HTTP at `/v1/bots/<any id>/…`, to whoever has `token`.

    `count_body` and `rows_body` make the bodies. With `throttles`, every so many requests one gets a 429.
    `forbidden` is a collection that gets a 403.
    """

    bot: FakeBot
    token: str = "made-up-token"
    count_body: Callable[[int], Any] = lambda number: {"count": number}
    rows_body: Callable[[list[Document]], Any] = list
    throttles: int = 0
    forbidden: str = ""
    received: int = 0

    async def __call__(self, request: Request) -> Response:
        self.received += 1
        if self.throttles and self.received % self.throttles == 0:
            return _json(429, {}, ("Retry-After", "0"))
        if request.headers.get("Authorization") != f"Bot-Server-Access-Token {self.token}":
            return _json(401, {})
        _, _, _, _, collection, *count = request.path.split("/")
        if collection == self.forbidden:
            return _json(403, {})
        asked = dict(parse_qsl(request.query))
        try:
            if count:
                return _json(200, self.count_body(self.bot.count(collection, asked.get("query", ""))))
            limit, skip = (int(asked[name]) if name in asked else None for name in ("limit", "skip"))
            rows = self.bot.rows(collection, sort=asked.get("sort", ""), limit=limit, skip=skip)
            return _json(200, self.rows_body(rows))
        except ApiError as error:
            return _json(error.status or 500, {"error": "refused"})


def _json(status: int, content: Any, *headers: tuple[str, str]) -> Response:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Response(status, body, (("Content-Type", "application/json"), *headers))
