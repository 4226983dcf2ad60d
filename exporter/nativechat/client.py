"""The client of NativeChat's Conversations history API."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from http.client import HTTPException
from typing import Final, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ClosedPoolError, HTTPError
from urllib3.response import HTTPResponse

from exporter import __version__
from exporter.clock import Clock
from exporter.errors import (
    ApiError,
    BadAnswer,
    ExporterError,
    Throttled,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from exporter.language.predicate import exists_probe
from exporter.language.shown_dates import is_misread
from exporter.language.tree import value_at
from exporter.model import Bot, Collection, DateFormat, Json, Secret
from exporter.nativechat.attempt import Attempt
from exporter.nativechat.endpoints import COUNT, ROWS, SAMPLE, SHAPE, Endpoint
from exporter.nativechat.failures import Route, by_cause, is_out_of_time
from exporter.nativechat.statuses import bad_answer, by_status, check_fresh, read_retry_after
from exporter.nativechat.transport import Transport
from exporter.proxies import proxy_of

_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Cache-Control": "no-cache",
    "User-Agent": f"nativechat-exporter/{__version__}",
}
_HEADERS_ROOM: Final = 256 * 1024
_SAMPLE: Final = 5

# http.client and urllib3 raise a plain ValueError for a URL or a header that they refuse.
_FOREIGN: Final = (HTTPError, HTTPException, OSError, ValueError)

Answer = TypeVar("Answer")


Attempted: TypeAlias = Callable[[int | None, float], None]
"""Called after each attempt with its HTTP status, if any, and its seconds."""


class Client:
    """A client for one bot, with connections that stay open; safe to use from every thread.

    A connection is reused only after a clean response, and for a limited time (connections.py).

    `token` is called for each attempt, so that a changed token is used. If no token can be read, nothing is
    sent, and `on_attempt` is not called. HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE,
    CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR are respected; a SOCKS proxy is refused. A netrc file is
    ignored, redirects are not followed, and cookies are not kept.

    Errors are created anew before they leave this class, without cause and inner frames, which contain the
    token.
    """

    def __init__(
        self,
        bot: Bot,
        token: Callable[[], Secret],
        clock: Clock,
        on_attempt: Attempted = lambda *_: None,
        on_doubt: Callable[[], None] = lambda: None,
    ) -> None:
        url = urlsplit(bot.api.url)
        self._bot = bot
        self._host = f"{url.hostname}:{url.port or (443 if url.scheme == 'https' else 80)}"
        self._token = token
        self._clock = clock
        self._on_attempt = on_attempt
        self._attempt = Attempt(clock)
        self._proxy = proxy_of(bot.api.url, os.environ)
        # Through TLS a proxy only relays, so no answer is its own.
        self._answering_proxy = self._proxy if url.scheme == "http" else None
        self._transport = Transport(self._attempt, clock, bot.api, self._proxy, on_doubt)

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        """Return how many documents match a JSON predicate, in one attempt of at most `budget` seconds.

        The empty text matches everything. Raises ApiError.
        """
        return self._ask(COUNT, collection, budget, query=predicate_text)

    def count_shape(self, collection: Collection, budget: float) -> str:
        """Return what the answer to a count looks like, as `answers.read_shape` does; raises ApiError."""
        return self._ask(SHAPE, collection, budget)

    def rows(
        self,
        collection: Collection,
        *,
        query: str = "",
        sort: str = "",
        limit: int | None = None,
        skip: int | None = None,
        budget: float,
    ) -> list[dict[str, Json]]:
        """Return one page of a collection, in one attempt of at most `budget` seconds.

        `query` is a JSON predicate; `sort` is a field's name or a JSON object of 1 and -1, as the API defines
        them. An empty or None argument is not sent. Raises ApiError.
        """
        return self._ask(ROWS, collection, budget, limit=limit, skip=skip, sort=sort, query=query)

    def misread_dates(
        self, collection: Collection, field: str, dates: DateFormat, descends: bool, budget: float
    ) -> int:
        """Return how many of a few documents show a date that would be compared wrongly in a format.

        These are the documents with the lowest values of a dotted field, or the highest if `descends`. 0 if
        the API does not show them. Raises Unreachable, TimedOut or Throttled.
        """
        sort = json.dumps({field: -1 if descends else 1}, separators=(",", ":"))
        query = exists_probe(field)
        try:
            rows = self._ask(SAMPLE, collection, budget, limit=_SAMPLE, sort=sort, query=query)
        except (Unreachable, TimedOut, Throttled):
            raise
        except ApiError:
            return 0
        return sum(is_misread(value_at(row, field), dates) for row in rows)

    def prune(self) -> None:
        """Close the idle connections that are too old to be reused; does not block."""
        self._transport.prune()

    def renew(self) -> None:
        """Stop reusing the connections that are open now, so that names and certificates are read again."""
        self._transport.renew()

    def close(self) -> None:
        """Close the idle connections; one that is in use closes when its attempt ends."""
        self._transport.close()

    def _ask(
        self,
        endpoint: Endpoint[Answer],
        collection: Collection,
        budget: float,
        **parameters: str | int | None,
    ) -> Answer:
        attempt, what = self._attempt, f"GET {endpoint.path(collection)}"
        url = endpoint.url(self._bot, collection, **parameters)
        attempt.begin(budget=budget, room=endpoint.largest + _HEADERS_ROOM)
        failure: ApiError
        try:
            return self._answer(endpoint, url, what)
        except BadAnswer as error:
            failure = bad_answer(what, attempt.status, str(error), error.advice)
        except ApiError as error:
            failure = type(error)(str(error), retry_after=error.retry_after, advice=error.advice)
        except _FOREIGN as exc:
            failure = self._failure(exc, what, budget)
        failure.status = attempt.status
        raise failure

    def _answer(self, endpoint: Endpoint[Answer], url: str, what: str) -> Answer:
        headers = _headers(self._token, endpoint.accept_encoding)
        try:
            response = self._send(url, headers)
            try:
                self._check(response, what)
                body = _receive(response, endpoint.largest)
            finally:
                response.close()
                response.release_conn()
        finally:
            self._on_attempt(self._attempt.status, self._attempt.elapsed)
        marked = response.chunked or response.length_remaining is not None
        return endpoint.read(body, encoding=response.headers.get("Content-Encoding", ""), marked=marked)

    def _send(self, url: str, headers: dict[str, str]) -> HTTPResponse:
        attempt = self._attempt
        try:
            return cast("HTTPResponse", self._transport.get(url, headers))
        except HTTPError as exc:
            # The server, or a NAT in between, closed an idle connection just as it was reused. That is no
            # failure of the API, so the request is sent again within the same attempt.
            cause = _cause(exc)
            if attempt.dialled or attempt.answered or not isinstance(cause, OSError) or is_out_of_time(cause):
                raise
        attempt.must_dial = True
        return cast("HTTPResponse", self._transport.get(url, headers))

    def _check(self, response: HTTPResponse, what: str) -> None:
        retry_after = read_retry_after(response.headers.get("Retry-After"), self._clock.wall())
        if failure := by_status(what, response.status, retry_after, self._answering_proxy):
            raise failure
        headers = response.headers
        check_fresh(headers.get("Age"), headers.get("Warning", ""), self._bot.api.timeout)

    def _failure(self, exc: BaseException, what: str, budget: float) -> ApiError:
        cause = _cause(exc)
        if isinstance(cause, ClosedPoolError):
            advice = "wait for the next run: a reload has replaced this client"
            return Unreachable(f"no connection to {self._host}: this client is closed", advice=advice)
        return by_cause(cause, Route(self._host, self._proxy, self._attempt), what=what, budget=budget)


def _cause(exc: BaseException) -> OSError | ClosedPoolError | None:
    """Return the operating system's error behind an exception of urllib3 or requests."""
    link: BaseException | None = exc
    while link is not None:
        if isinstance(link, OSError | ClosedPoolError) and not isinstance(link, requests.RequestException):
            return link
        link = link.__context__
    return None


def _receive(response: HTTPResponse, largest: int) -> bytes:
    """Return the body as received, or a first part of more than `largest` bytes."""
    body = b""
    while len(body) <= largest and (part := response.read(largest + 1, decode_content=False)):
        body += part
    return body


def _headers(token: Callable[[], Secret], accept_encoding: str) -> dict[str, str]:
    """Return the headers that the API documents, and our own, with the current token: revealed only here.

    Raises Unauthorized if `token` raises an ExporterError, or if a header cannot hold the token.
    """
    try:
        authorization = f"Bot-Server-Access-Token {token().reveal()}"
    except ExporterError as error:
        raise Unauthorized(str(error), advice=getattr(error, "advice", None)) from error
    if not (authorization.isascii() and authorization.isprintable()):
        raise Unauthorized("the token holds a line break or another character that no header can carry")
    return {**_HEADERS, "Accept-Encoding": accept_encoding, "Authorization": authorization}
