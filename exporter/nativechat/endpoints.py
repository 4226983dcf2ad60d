"""The API's endpoints: their URLs, and the limits of their answers."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import quote, urlencode

from exporter.errors import BadAnswer
from exporter.model import Bot, Collection, Json
from exporter.nativechat.answers import read_count, read_rows, read_shape
from exporter.nativechat.statuses import BROKEN_HTTP

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[Answer]):
    """One of the API's two endpoints of a collection; `largest` is the limit of its answer in bytes."""

    suffix: str
    accept_encoding: str
    largest: int
    parse: Callable[[bytes], Answer]

    def path(self, collection: Collection) -> str:
        """Return the path below the bot's URL."""
        return f"{collection}{self.suffix}"

    def url(self, bot: Bot, collection: Collection, **parameters: str | int | None) -> str:
        """Return the whole URL; a parameter that is empty or None is omitted."""
        url = f"{bot.api.url.rstrip('/')}/bots/{quote(bot.id, safe='')}/{self.path(collection)}"
        present = {name: value for name, value in parameters.items() if value not in ("", None)}
        return f"{url}?{urlencode(present, quote_via=quote, safe='')}" if present else url

    def read(self, body: bytes, *, encoding: str, marked: bool) -> Answer:
        """Return the answer in a body; raises BadAnswer, whose message continues "answered 200 with".

        `encoding` is the Content-Encoding. `marked` is whether a length or chunks mark the end of the body.
        If only the end of the connection does, the body may be truncated, and `12` could be half of `1234`;
        then it must end with a closing bracket.
        """
        encoding = encoding.strip().lower()
        if encoding in {"gzip", "x-gzip"}:
            body = self._gunzip(body)
        elif encoding not in {"", "identity"}:
            raise BadAnswer("a content coding that was not asked for", advice=BROKEN_HTTP)
        if len(body) > self.largest:
            raise BadAnswer(f"more than {self.largest // 1024} KiB")
        if not marked and not body.rstrip().endswith((b"}", b"]")):
            raise BadAnswer("a body that may be cut off", advice=BROKEN_HTTP)
        return self.parse(body)

    def _gunzip(self, body: bytes) -> bytes:
        decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            decoded = decoder.decompress(body, self.largest + 1)
        except zlib.error:
            raise BadAnswer("a body that is not the gzip it claims to be", advice=BROKEN_HTTP) from None
        if not decoder.eof and len(decoded) <= self.largest:
            raise BadAnswer("a gzip body that is cut off", advice=BROKEN_HTTP)
        if decoder.unused_data:
            raise BadAnswer("bytes after its gzip body", advice=BROKEN_HTTP)
        return decoded


COUNT: Final[Endpoint[int]] = Endpoint("/_count", "identity", 64 * 1024, read_count)
SHAPE: Final[Endpoint[str]] = Endpoint("/_count", "identity", 64 * 1024, read_shape)
SAMPLE: Final[Endpoint[list[dict[str, Json]]]] = Endpoint("", "gzip", 1024 * 1024, read_rows)
ROWS: Final[Endpoint[list[dict[str, Json]]]] = Endpoint("", "gzip", 64 * 1024 * 1024, read_rows)
