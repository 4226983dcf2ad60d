"""What stands for the application in the Pod: an API that counts 42 for one token, and refuses others.

It runs in the image's own Python, where nothing but the standard library is promised.
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ACCEPTED = Path(__file__).with_name("token")


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        wanted = f"Bot-Server-Access-Token {ACCEPTED.read_text('utf-8')}"
        body = b'{"count":42}' if self.headers["Authorization"] == wanted else b"{}"
        self.send_response(200 if len(body) > 2 else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8080), _Api).serve_forever()
