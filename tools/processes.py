"""Starts programs for as long as a context lasts, and reads what they say."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

PATIENCE = 30.0


def exporter(home: Path, *arguments: str, **environ: str) -> AbstractContextManager[Path]:
    """Run a command of the exporter in `home` while the context lasts; give the file of its output."""
    return running(home / arguments[0], [sys.executable, "-m", "exporter", *arguments], environ)


@contextmanager
def running(
    output: Path, arguments: Sequence[str], environ: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Run a program where its output goes while the context lasts; give the file of its output."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            arguments, cwd=output.parent, env={**os.environ, **(environ or {})}, stdout=file, stderr=file
        )
    try:
        yield output
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def serving(output: Path, program: str, *flags: str) -> Iterator[str]:
    """Run a program of Prometheus's family on a free port while the context lasts; give its address."""
    # Held, so that nobody else is given the port; whoever also sets SO_REUSEADDR may listen on it.
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with running(output, (program, f"--web.listen-address={address}", *flags)):
            yield address


@contextmanager
def prometheus(
    home: Path, settings: Mapping[str, object], *flags: str, program: str = "prometheus"
) -> Iterator[str]:
    """Run a Prometheus in `home`, on its folder data, while the context lasts; give its address."""
    (home / "prometheus.yml").write_text(json.dumps(settings), "utf-8")
    log = home / "prometheus.log"
    files = ("--config.file=prometheus.yml", "--storage.tsdb.path=data")
    with serving(log, program, *files, *flags) as address:
        shown(log, "Server is ready to receive web requests")
        yield address


def shown(output: Path, pattern: str) -> str:
    """Wait until the output has what matches; return its first group, or all of it."""
    give_up = time.monotonic() + PATIENCE
    while not (found := re.search(pattern, text(output))):
        if time.monotonic() > give_up:
            sys.exit(f"nothing matches {pattern!r} in:\n{text(output)}")
        time.sleep(0.05)
    return found[found.re.groups]


def text(output: Path) -> str:
    """Return all output so far."""
    return output.read_text("utf-8")
