"""The least of an API: the same count to every request, over connections that stay open."""

from __future__ import annotations

import socketserver
import sys
from contextlib import suppress
from typing import Final

_BODY: Final = b'{"count":7}'
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        head = b""
        # A daemon that ends leaves its connections as they are.
        with suppress(ConnectionError):
            while part := self.request.recv(65536):
                head += part
                while b"\r\n\r\n" in head:
                    head = head.partition(b"\r\n\r\n")[2]
                    self.request.sendall(ANSWER)


class _Responder(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


def serve() -> None:
    """Serve on a free port, which is printed, until the process is ended."""
    with _Responder(("127.0.0.1", 0), _Connection) as responder:
        sys.stdout.write(f"{responder.server_address[1]}\n")
        sys.stdout.flush()
        responder.serve_forever()


if __name__ == "__main__":
    serve()
