"""A log that nobody reads stops neither the polls, nor the scrapes, nor the end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.web.server import address_of, listen

if TYPE_CHECKING:
    from tests.flow.conftest import Chat


def runs(address: str) -> float:
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return sum(
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("nativechat_exporter_query_runs")
    )


def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path, nativechat: Callable[..., Chat]) -> None:
    chat = nativechat(1)
    queries = [{"name": f"q{n}", "collection": "conversations", "every": "1s"} for n in range(40)]
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(chat.config(queries)))
    free = listen("127.0.0.1:0")
    address = address_of(free)
    free.close()
    full, nobody = os.pipe()
    # Full from the start, so that the first line already stops whoever writes it.
    os.set_blocking(nobody, False)
    with suppress(BlockingIOError):
        while os.write(nobody, b"\n" * 4096):
            pass
    os.set_blocking(nobody, True)
    command = [sys.executable, "-m", "exporter", "run", "--log.level=debug"]
    command += [f"--config.file={config}", f"--web.listen-address={address}"]
    process = subprocess.Popen(command, env={**os.environ, **chat.environ}, stderr=nobody)
    try:
        deadline = time.monotonic() + 30
        found = 0.0
        while found < 120:
            assert process.poll() is None
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
            with suppress(OSError):
                found = runs(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(full)
        os.close(nobody)
