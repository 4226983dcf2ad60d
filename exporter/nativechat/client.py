"""Asks NativeChat's Conversations history API."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException
from typing import Final, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies
from urllib3.exceptions import ClosedPoolError, HTTPError
from urllib3.response import HTTPResponse

from exporter.clock import Clock
from exporter.errors import ApiError, BadAnswer, Unreachable
from exporter.model import Bot, Collection, Json, Secret
from exporter.nativechat.attempt import Attempt, TooMuch
from exporter.nativechat.endpoints import COUNT, ROWS, Endpoint
from exporter.nativechat.failures import (
    bad_answer,
    by_cause,
    by_status,
    is_out_of_time,
    judge_age,
    read_retry_after,
)
from exporter.nativechat.headers import request_headers
from exporter.nativechat.transport import Transport

_HEADERS_ROOM: Final = 256 * 1024

# A negative chunk size leaves http.client as a bare ValueError.
_FOREIGN: Final = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError, TooMuch)

Answer = TypeVar("Answer")


Attempted: TypeAlias = Callable[[Collection, int | None, float], None]
"""Told of each attempt: its collection, its HTTP status if there was one, its seconds."""


class Client:
    """Ask the API for one bot, over connections that stay open; any number of threads may call.

    A connection is used again only after a clean exchange, and not for ever (connections.py).

    `token` is called for each attempt, so that a token that changes is followed. Where no token can be
    read nothing is sent, and that is no attempt. HTTP_PROXY, HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE,
    CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR are honoured; a netrc file never is, redirects are not
    followed, cookies not kept.

    Errors are made anew where they leave, without cause or inner frames: those hold the token.
    """

    def __init__(
        self,
        bot: Bot,
        token: Callable[[], Secret],
        clock: Clock,
        on_attempt: Attempted = lambda *_: None,
    ) -> None:
        url = urlsplit(bot.api.url)
        self._bot = bot
        self._peer = f"{url.hostname}:{url.port or (443 if url.scheme == 'https' else 80)}"
        self._token = token
        self._clock = clock
        self._on_attempt = on_attempt
        self._attempt = Attempt(clock)
        self._transport = Transport(
            self._attempt, clock, bot.api.ca_file, concurrency=bot.api.concurrency, timeout=bot.api.timeout
        )
        self._proxies = get_environ_proxies(bot.api.url, no_proxy=None)

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        """Return how many match a predicate in JSON, in one attempt of at most `budget` seconds.

        The empty text means all. Raises ApiError.
        """
        return self._ask(COUNT, COUNT.url(self._bot, collection, query=predicate_text), collection, budget)

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

        `query` is a predicate in JSON; `sort` a field's name or a JSON object of 1 and -1, as the API
        has them. What is empty or None is left to the API. Raises ApiError.
        """
        url = ROWS.url(self._bot, collection, limit=limit, skip=skip, sort=sort, query=query)
        return self._ask(ROWS, url, collection, budget)

    def prune(self) -> None:
        """Close the idle connections that have become too old to be used again; waits for nothing."""
        self._transport.prune()

    def renew(self) -> None:
        """Use no connection again that is open now, so that a moved name and new certificates are seen."""
        self._transport.renew()

    def close(self) -> None:
        """Close the idle connections; one that is in use closes when its attempt ends."""
        self._transport.close()

    def _ask(self, endpoint: Endpoint[Answer], url: str, collection: Collection, budget: float) -> Answer:
        attempt, what = self._attempt, f"GET {endpoint.path(collection)}"
        attempt.begin(budget=budget, room=endpoint.largest + _HEADERS_ROOM)
        failure: ApiError
        try:
            return self._answer(endpoint, url, collection)
        except (BadAnswer, TooMuch) as error:
            failure = bad_answer(what, attempt.status, str(error))
        except ApiError as error:
            failure = type(error)(str(error), retry_after=error.retry_after)
        except _FOREIGN as exc:
            failure = self._failure(exc, what, budget)
        failure.status = attempt.status
        raise failure

    def _answer(self, endpoint: Endpoint[Answer], url: str, collection: Collection) -> Answer:
        request = self._request(url, endpoint.accept_encoding)
        try:
            response = self._send(request)
            try:
                self._judge(response, f"GET {endpoint.path(collection)}")
                body = _receive(response, endpoint.largest)
            finally:
                response.close()
                response.release_conn()
        finally:
            self._on_attempt(collection, self._attempt.status, self._attempt.elapsed)
        marked = response.chunked or response.length_remaining is not None
        return endpoint.read(body, encoding=response.headers.get("Content-Encoding", ""), marked=marked)

    def _request(self, url: str, accept_encoding: str) -> requests.PreparedRequest:
        request = requests.PreparedRequest()
        request.method = "GET"
        request.url = url
        # A plain dict is enough for urllib3, which copies it, and costs a fraction of requests' own.
        request.headers = cast("CaseInsensitiveDict[str]", request_headers(self._token, accept_encoding))
        return request

    def _send(self, request: requests.PreparedRequest) -> HTTPResponse:
        attempt = self._attempt
        try:
            return self._transport.send(request, stream=True, proxies=self._proxies).raw
        except requests.RequestException as exc:
            # The other side, or a NAT in between, gave up an idle connection as it was used again. That
            # is no failure of the API.
            cause = _cause(exc)
            if attempt.dialled or attempt.answered or not isinstance(cause, OSError) or is_out_of_time(cause):
                raise
        attempt.must_dial = True
        return self._transport.send(request, stream=True, proxies=self._proxies).raw

    def _judge(self, response: HTTPResponse, what: str) -> None:
        retry_after = read_retry_after(response.headers.get("Retry-After"), self._clock.wall())
        if failure := by_status(what, response.status, retry_after):
            raise failure
        judge_age(response.headers.get("Age"), self._bot.api.timeout)

    def _failure(self, exc: BaseException, what: str, budget: float) -> ApiError:
        cause, peer = _cause(exc), self._attempt.peer or self._peer
        if isinstance(cause, ClosedPoolError):
            return Unreachable(f"no connection to {peer}: this client is closed")
        return by_cause(cause, self._attempt, what=what, peer=peer, budget=budget)


def _cause(exc: BaseException) -> OSError | ClosedPoolError | None:
    """Return the operating system's own error behind what urllib3 and requests made of it."""
    link: BaseException | None = exc
    while link is not None:
        if isinstance(link, OSError | ClosedPoolError) and not isinstance(link, requests.RequestException):
            return link
        link = link.__context__
    return None


def _receive(response: HTTPResponse, largest: int) -> bytes:
    """Return the body as it came, or its first part of more than `largest` bytes."""
    body = b""
    while len(body) <= largest and (part := response.read(largest + 1, decode_content=False)):
        body += part
    return body
