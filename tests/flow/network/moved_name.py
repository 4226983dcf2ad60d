"""Count at a name that moves from one address to another; print the counts.

`python -m tests.flow.network.moved_name`, as root, in a network and a mount namespace of its own. The
clock of the client is set on, so that eleven minutes take none.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from exporter.model import Api, Bot, Secret, TokenSource
from exporter.nativechat.client import Client
from tests.clock import FakeClock
from tests.server import Server, Wire

NAME = "api.moving.example"


def counting(number: int, address: tuple[str, int]) -> Server:
    """Serve this count on an address."""

    def answer(wire: Wire) -> None:
        wire.answer(b'{"count": %d}' % number)

    return Server(answer, address=address)


def main() -> None:
    """Count before the move, after it, after eleven minutes, and once the next address refuses."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    first = counting(1, ("127.0.0.2", 0))
    second, third = (counting(n - 1, (f"127.0.0.{n}", first.port)) for n in (3, 4))
    clock = FakeClock()
    url = f"http://{NAME}:{first.port}/v1"
    client = Client(Bot("main", "b", TokenSource(env="T"), api=Api(url=url)), lambda: Secret("t"), clock)
    with tempfile.NamedTemporaryFile("w+") as hosts:
        subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)

        def move(address: str) -> None:
            Path("/etc/hosts").write_text(f"{address} {NAME}\n", "utf-8")

        def counted() -> int:
            return client.count("conversations", "", 10.0)

        move("127.0.0.2")
        counts = [counted()]
        move("127.0.0.3")
        counts.append(counted())
        for _ in range(22):
            clock.now += 30.0
            count = counted()
        counts.append(count)
        move("127.0.0.4")
        second.stop()
        counts.append(counted())
    for server in (first, third):
        server.stop()
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main()
