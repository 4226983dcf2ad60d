"""A NativeChat for programs that run in a network of their own: every count is one number."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Counts `count` for all predicates, on one address; tells how many connections there were."""

    def __init__(self, address: tuple[str, int], count: int) -> None:
        self.count = count
        self.connections: list[socket.socket] = []
        super().__init__(address, Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection."""
        sock, address = super().get_request()
        self.connections.append(sock)
        return sock, address

    def end(self) -> None:
        """Refuse from now on, and break every connection off."""
        self.shutdown()
        self.server_close()
        for sock in self.connections:
            with suppress(OSError):  # it may be closed already
                sock.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """Answers every request with the server's count."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer."""
        body = b'{"count": %d}' % self.server.count
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""
