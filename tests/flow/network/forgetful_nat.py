"""Run the exporter behind a NAT that silently forgets connections; print what came of its runs.

`python -m tests.flow.network.forgetful_nat EVERY FORGETS RUNS`, as root, in a network namespace of its own.
The system's connection tracking is the NAT: it forgets a connection that was idle for FORGETS seconds,
and drops what then comes on it, without a reset. The last of the runs is only begun.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.server import Server


def forget_after(seconds: int) -> None:
    """Drop the packets of connections that were idle for so long."""
    for name, value in (("loose", 0), ("timeout_established", seconds)):
        Path(f"/proc/sys/net/netfilter/nf_conntrack_tcp_{name}").write_text(str(value), "utf-8")
    rule = "iptables -A INPUT -i lo -p tcp -m conntrack --ctstate INVALID -j DROP"
    subprocess.run(rule.split(), check=True)


def metrics() -> str:
    """Return the exporter's page; empty while it does not listen."""
    connection = http.client.HTTPConnection("127.0.0.1", 10054, timeout=30)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except ConnectionRefusedError:
        return ""
    finally:
        connection.close()


def value(text: str, name: str) -> float:
    """Return the sum of a metric's values."""
    return sum(map(float, re.findall(rf"^{name}(?:{{[^}}]*}})? (.*)$", text, re.MULTILINE)))


def main() -> None:
    """Wait for so many runs, and print what they came to."""
    every, forgets, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    forget_after(forgets)
    server = Server()
    config = {
        "api": {"url": server.url, "timeout": "3s"},
        "bots": [{"name": "main", "id": "b", "token": {"env": "TOKEN"}}],
        "queries": [
            {
                "name": "chats",
                "help": "Chats.",
                "collection": "conversations",
                "every": every,
                "stale_after": "1h",
            }
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(json.dumps(config), "utf-8")
        command = [sys.executable, "-m", "exporter", "run", f"--config.file={file}"]
        with subprocess.Popen(command, env={**os.environ, "TOKEN": "t"}) as exporter:
            while value(text := metrics(), "nativechat_exporter_query_runs_total") < runs:
                time.sleep(0.1)
            exporter.terminate()
    result = {
        "count": value(text, "nativechat_chats"),
        "failures": value(text, "nativechat_exporter_query_failures_total"),
        "requests": value(text, "nativechat_exporter_api_request_duration_seconds_count"),
        "connections": server.accepts,
    }
    server.stop()
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
