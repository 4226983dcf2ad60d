"""One bot's API on a port of its own: it answers well, or shows its fault while it is sick."""

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
class Scene:
    """What the peers of one test share; `elsewhere` is where a redirect points."""

    contexts: Mapping[str, ssl.SSLContext]
    elsewhere: str = ""
    over: threading.Event = field(default_factory=threading.Event)


class Peer:
    """Listens on a free port; without a fault it counts one more with each answer."""

    def __init__(self, scene: Scene, fault: Fault | None, number: int) -> None:
        self.fault = fault
        self.number = number
        self.heads: list[bytes] = []
        self._scene = scene
        self._sick = False
        self._turns = itertools.count()
        self._fillers: list[socket.socket] = []
        self._socket = _reserved()
        self.port: int = self._socket.getsockname()[1]
        self._open()

    @property
    def url(self) -> str:
        """Where its API is; while the fault is the name's, nowhere."""
        scheme = self.fault.scheme if self.fault else "http"
        wrong = self._sick and self.fault and self.fault.by_name
        return f"{scheme}://{'nowhere.invalid' if wrong else f'127.0.0.1:{self.port}'}/v1"

    def sicken(self) -> None:
        """Show the fault from now on."""
        self._sick = True
        self._turns = itertools.count()
        if self.fault and self.fault.door != "open":
            self._shut()
        if self.fault and self.fault.door == "full":
            self._fill()

    def heal(self) -> None:
        """Answer well from now on."""
        self._sick = False
        if self.fault and self.fault.door != "open":
            for filler in self._fillers:
                filler.close()
            self._open()

    def close(self) -> None:
        self._shut()
        for sock in (self._socket, *self._fillers):
            sock.close()

    def _open(self) -> None:
        self._socket.listen(LONG_QUEUE)
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()

    def _shut(self) -> None:
        """Listen no longer, and let nobody else have the port."""
        with suppress(OSError):  # it may be shut already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._socket = _reserved(self.port)

    def _fill(self) -> None:
        """Let nobody connect: the queue is full, and who comes is neither accepted nor refused."""
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
        scene = self._scene
        if self.fault is None:
            self.number += 1
        wire = Wire(
            connection,
            contexts=scene.contexts,
            over=scene.over,
            elsewhere=scene.elsewhere,
            number=self.number,
            turn=next(self._turns),
        )
        with suppress(OSError):
            if self._sick and self.fault:
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
