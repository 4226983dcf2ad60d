"""Downloads a collection, page by page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from typing import Final

from exporter.errors import BadAnswer, Rejected
from exporter.model import Collection, Json
from exporter.nativechat.paced import PacedClient

Row = dict[str, Json]

_ADVICE: Final = "check --query and --sort; `explore` shows which operators and sorts the API takes"


class CannotContinue(BadAnswer):
    """The API does not do what this download needs, so that it would stop again."""


class Pages:
    """Asks for the pages of a collection, of the API's own size once it has refused a `limit`."""

    def __init__(self, client: PacedClient, collection: Collection) -> None:
        self._client = client
        self._collection = collection
        self._refuses_limit = False

    def ask(self, *, query: str, sort: str, limit: int, skip: int | None = None) -> list[Row]:
        """Return one page, which may have less or more than `limit` rows; raises ApiError."""
        page = partial(self._client.rows, self._collection, query=query, sort=sort, skip=skip)
        if not self._refuses_limit:
            try:
                return page(limit=limit)
            except Rejected as error:
                if not error.rejects_predicate:
                    raise
        try:
            rows = page()
        except Rejected as error:
            if not error.rejects_predicate:
                raise
            # Only a download by key sorts without `skip`.
            advice = f"{_ADVICE}; or download without --to" if sort and skip is None else _ADVICE
            raise Rejected(str(error), status=error.status, advice=advice) from error
        self._refuses_limit = True
        return rows


def download(
    client: PacedClient,
    collection: Collection,
    *,
    query: str = "",
    sort: str = "",
    limit: int | None = None,
    skip: int | None = None,
    page: int = 100,
) -> Iterator[Row]:
    """Yield the rows that match, at most `limit` from position `skip` on, one page at a time.

    It ends at an empty page, not at a short one: a server may return fewer rows than requested.
    Without `sort` the order is the API's own, which is not documented: rows may repeat or be missing
    where pages meet. There is no default order, because no field is documented to be in every row.

    Raises ApiError after the last attempt. Raises CannotContinue for a page that begins like the previous
    one, which is what a server that ignores `skip` returns.
    """
    position, wanted = skip or 0, limit
    before: list[bytes] = []
    pages = Pages(client, collection)
    while wanted is None or wanted > 0:
        size = page if wanted is None else min(page, wanted)
        rows = pages.ask(query=query, sort=sort, limit=size, skip=position)
        if not rows:
            return
        digests = [hashlib.sha256(json.dumps(row).encode()).digest() for row in rows]
        alike = min(len(digests), len(before))
        if alike and digests[:alike] == before[:alike]:
            what = f"GET {collection} answered with the same page twice: it seems to ignore `skip`"
            raise CannotContinue(what, advice="download with --to, which needs no `skip`")
        before = digests
        yield from rows[:wanted]
        position += len(rows)
        wanted = None if wanted is None else wanted - len(rows)
