"""One bot's API on a port of its own, with a fault that begins and ends."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from tests.flow.faults.row import Fault
from tests.flow.faults.wire import Wire, asked

LONG_QUEUE = 128
FILLERS = 4


@dataclass(frozen=True)
class Shared:
    """What the peers of one test have in common; `elsewhere` is where a redirect points."""

    contexts: Mapping[str, ssl.SSLContext]
    elsewhere: str = ""
    over: threading.Event = field(default_factory=threading.Event)


class Peer:
    """Listens on a free port; without a fault, each count is one higher than the one before."""

    def __init__(self, shared: Shared, fault: Fault | None, number: int) -> None:
        self.fault = fault
        self.number = number
        self.heads: list[bytes] = []
        self._shared = shared
        self._faulty = False
        self._connections = itertools.count()
        self._fillers: list[socket.socket] = []
        self._socket = _reserved()
        self.port: int = self._socket.getsockname()[1]
        self._open()

    @property
    def url(self) -> str:
        """The URL of the API; during a fault of the name, its host does not exist."""
        scheme = self.fault.scheme if self.fault else "http"
        wrong = self._faulty and self.fault and self.fault.by_name
        return f"{scheme}://{'nowhere.invalid' if wrong else f'127.0.0.1:{self.port}'}/v1"

    def begin_fault(self) -> None:
        """Show the fault from now on."""
        self._faulty = True
        self._connections = itertools.count()
        if self.fault and self.fault.listener != "open":
            self._refuse()
        if self.fault and self.fault.listener == "full":
            self._fill()

    def end_fault(self) -> None:
        """Answer well from now on."""
        self._faulty = False
        if self.fault and self.fault.listener != "open":
            for filler in self._fillers:
                filler.close()
            self._open()

    def close(self) -> None:
        self._refuse()
        for sock in (self._socket, *self._fillers):
            sock.close()

    def _open(self) -> None:
        self._socket.listen(LONG_QUEUE)
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()

    def _refuse(self) -> None:
        """Refuse connections, and keep the port."""
        with suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._socket = _reserved(self.port)

    def _fill(self) -> None:
        """Fill the queue of connections: further ones are neither accepted nor refused."""
        self._socket.listen(0)
        self._fillers = [socket.socket() for _ in range(FILLERS)]
        for filler in self._fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        shared = self._shared
        if self.fault is None:
            self.number += 1
        wire = Wire(
            connection,
            contexts=shared.contexts,
            over=shared.over,
            elsewhere=shared.elsewhere,
            number=self.number,
            connection=next(self._connections),
        )
        with suppress(OSError):
            if self._faulty and self.fault:
                self.fault.script(wire)
            else:
                self._answer_well(wire)
        self.heads.append(wire.head)
        wire.close()

    def _answer_well(self, wire: Wire) -> None:
        if self.fault and self.fault.scheme == "https":
            wire.secure("good")
        asked(Wire.count)(wire)


def _reserved(port: int = 0) -> socket.socket:
    """Return a socket that holds a port, which refuses connections until somebody listens."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock
