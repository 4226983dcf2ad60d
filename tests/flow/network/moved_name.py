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
from tests.flow.network.server import Server

NAME = "api.moving.example"


def main() -> None:
    """Count before the move, after it, after eleven minutes, and once the next address refuses."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    first = Server(("127.0.0.2", 0), 1)
    second, third = (Server((f"127.0.0.{n}", first.server_port), n - 1) for n in (3, 4))
    clock = FakeClock()
    url = f"http://{NAME}:{first.server_port}/v1"
    client = Client(Bot("main", "b", TokenSource(env="T"), api=Api(url=url)), lambda: Secret("t"), clock)
    with tempfile.NamedTemporaryFile("w+") as hosts:
        subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)

        def move(server: Server) -> None:
            Path("/etc/hosts").write_text(f"{server.server_address[0]!s} {NAME}\n", "utf-8")

        def counted() -> int:
            return client.count("conversations", "", 10.0)

        move(first)
        counts = [counted()]
        move(second)
        counts.append(counted())
        for _ in range(22):
            clock.now += 30.0
            count = counted()
        counts.append(count)
        move(third)
        second.end()
        counts.append(counted())
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main()
