"""Speaks HTTP/1.1 on one connection, for one ASGI application; h11 says what the bytes mean."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

import h11

from exporter.web.asgi import App, Scope, encoded
from exporter.web.exchange import Exchange

_REFUSAL = b"this is no HTTP request, or its headers are longer than is taken here\n"


class Http(asyncio.Protocol):
    """One connection, whose requests are answered one after the other; belongs to one event loop."""

    def __init__(self, app: App, header_size: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_open = False
        self.transport: asyncio.Transport
        self._app = app
        self._h11 = h11.Connection(h11.SERVER, header_size)
        self._writable = asyncio.Event()
        self._writable.set()
        self._exchange: Exchange | None = None
        self._answering: asyncio.Task[None]

    @property
    def is_answering(self) -> bool:
        """Whether a request is being answered."""
        return self._exchange is not None and not self._exchange.complete

    def shutdown(self) -> None:
        """Close when the answer under way is written; at once where there is none."""
        if self._exchange is not None and self.is_answering:
            self._exchange.keeps_alive = False
        else:
            self.transport.close()

    def answered(self) -> None:
        """Go on once an answer is written, with the next request if it is here already."""
        if self._h11.our_state is h11.MUST_CLOSE or (self._exchange and not self._exchange.keeps_alive):
            self.transport.close()
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self._end_cycle()
            self._read()

    # asyncio tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._h11.receive_data(data)
        self._read()

    def eof_received(self) -> bool:
        """Answer a client that has said all it will; tell whether there is somebody to answer."""
        if self._exchange is None or not self.is_answering or self._h11.their_state is not h11.DONE:
            return False
        self._exchange.keeps_alive = False
        # asyncio cannot send over TLS to who has closed their half.
        return self.transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio gives it
        if self._exchange is not None:
            self._exchange.hang_up()

    def _read(self) -> None:
        while (event := self._next_event()) is not None:
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                if self._exchange is not None and self.is_answering:
                    self._exchange.take(bytes(event.data))
            elif self._exchange is not None and self.is_answering:
                self._exchange.end()
            else:
                self._end_cycle()

    def _next_event(self) -> h11.Request | h11.Data | h11.EndOfMessage | None:
        try:
            event = self._h11.next_event()
        except h11.RemoteProtocolError:
            self._refuse()
            return None
        if event is h11.PAUSED:  # by a request that came before the answer to the last one
            self.transport.pause_reading()
        return event if isinstance(event, h11.Request | h11.Data | h11.EndOfMessage) else None

    def _begin(self, request: h11.Request) -> None:
        self._exchange = Exchange(
            self._scope(request), self._h11, self.transport, self._writable, self.answered
        )
        self._answering = self.loop.create_task(self._exchange.run(self._app))

    def _end_cycle(self) -> None:
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()

    def _refuse(self) -> None:
        if self._h11.our_state in {h11.IDLE, h11.SEND_RESPONSE} and not self.is_answering:
            headers = encoded((("content-length", str(len(_REFUSAL))), ("connection", "close")))
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=_REFUSAL),
            ):
                self.transport.write(self._h11.send(event) or b"")
        self.transport.close()

    def _scope(self, request: h11.Request) -> Scope:
        path, _, query = request.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.http_version.decode("ascii"),
            "server": self.transport.get_extra_info("sockname")[:2],
            "client": self.transport.get_extra_info("peername")[:2],
            "scheme": "https" if self.transport.get_extra_info("sslcontext") else "http",
            "method": request.method.decode("ascii"),
            "root_path": "",
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "headers": list(request.headers),
        }
