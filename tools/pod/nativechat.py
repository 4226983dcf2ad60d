"""What stands for the application in the Pod: an API that counts 42 for one token, and refuses others.

`/ready` says that it is ready. While the file `mood` says `hangs`, it answers nothing else.

It runs in the image's own Python, where nothing but the standard library is promised.
"""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ACCEPTED = Path(__file__).with_name("token")
MOOD = Path(__file__).with_name("mood")


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        while self.path != "/ready" and MOOD.read_text("utf-8") == "hangs":
            time.sleep(0.1)
        wanted = f"Bot-Server-Access-Token {ACCEPTED.read_text('utf-8')}"
        body = b'{"count":42}' if self.headers["Authorization"] == wanted else b"{}"
        self.send_response(200 if len(body) > 2 or self.path == "/ready" else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), _Api).serve_forever()
