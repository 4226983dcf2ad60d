"""Carries one request to an ASGI application, and its answer back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import h11

from exporter.web.asgi import App, Message, Scope, text

MOST_UNREAD: Final = 64 * 1024
"""Bytes of a request's body that wait for the application; the client may send more once it has read them."""

_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}

_log = logging.getLogger(__name__)


class Exchange:
    """One request and its answer; belongs to one event loop.

    `writable` is set while the client takes what is written. `on_answered` is called when the whole
    answer is written. The answer's head is written together with the beginning of its body, if that
    comes at once: a client on this machine may otherwise wait 40 ms for the second of two packets.
    """

    def __init__(
        self,
        scope: Scope,
        wire: h11.Connection,
        transport: asyncio.Transport,
        writable: asyncio.Event,
        on_answered: Callable[[], None],
    ) -> None:
        self.transport = transport
        self.complete = False
        self.keeps_alive = True
        self._scope = scope
        self._wire = wire
        self._writable = writable
        self._on_answered = on_answered
        self._head: list[bytes] = []
        self._started = False
        self._gone = False
        self._body = bytearray()
        self._whole = False
        self._news = asyncio.Event()

    # The connection tells

    async def run(self, app: App) -> None:
        """Have `app` answer; where it fails to, say so, or close what it has begun."""
        try:
            await app(self._scope, self.receive, self.send)
        except Exception:  # noqa: BLE001 - the client is told, and the next one is served
            _log.exception("internal error in an answer; please report it")
        if self.complete or self._gone:
            return
        if self._started:
            self.transport.close()
        else:
            await text(500, "the server failed to answer", headers=(("connection", "close"),)).send(self.send)

    def take(self, part: bytes) -> None:
        """Take a part of the request's body."""
        self._body += part
        if len(self._body) > MOST_UNREAD:
            self.transport.pause_reading()
        self._news.set()

    def end(self) -> None:
        """Take the end of the request's body."""
        self._whole = True
        self._news.set()

    def hang_up(self) -> None:
        """Take that the client is gone."""
        self._gone = True
        self._writable.set()
        self._news.set()

    # The application asks

    async def receive(self) -> Message:
        """Return the next part of the body, or that the client is gone or has its answer."""
        if self._wire.they_are_waiting_for_100_continue and not self._started:
            self._write(
                self._wire.send_with_data_passthrough(h11.InformationalResponse(status_code=100, headers=[]))
            )
        if not self._news.is_set():
            self.transport.resume_reading()
            await self._news.wait()
        self._news.clear()
        if self._gone or self.complete:
            self._news.set()
            return {"type": "http.disconnect"}
        body = bytes(self._body)
        self._body.clear()
        return {"type": "http.request", "body": body, "more_body": not self._whole}

    async def send(self, message: Message) -> None:
        """Send the head of the answer, or a part of its body, once the client can take it."""
        await self._writable.wait()
        if self._gone:
            return
        if message["type"] == "http.response.start":
            self._start(message)
            return
        body = b"" if self._scope["method"] == "HEAD" else message.get("body", b"")
        ends = not message.get("more_body", False)
        parts = self._head
        self._head = []
        parts += self._wire.send_with_data_passthrough(h11.Data(data=body)) or ()
        if ends:
            parts += self._wire.send_with_data_passthrough(h11.EndOfMessage()) or ()
        self._write(parts)
        if ends:
            self.complete = True
            self._news.set()
            self._on_answered()

    def _start(self, message: Message) -> None:
        status = message["status"]
        headers = [(b"date", formatdate(usegmt=True).encode()), *message.get("headers", ())]
        head = h11.Response(status_code=status, headers=headers, reason=_PHRASES.get(status, b""))
        self._head += self._wire.send_with_data_passthrough(head) or ()
        self._started = True
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        head, self._head = self._head, []
        if head and not self._gone:
            self._write(head)

    def _write(self, parts: list[bytes] | None) -> None:
        self.transport.writelines(parts or ())
