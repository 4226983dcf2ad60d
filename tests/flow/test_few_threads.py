"""A limit of processes stops polling from growing, not the pages; one that is too low ends the start."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

ENOUGH = 7
"""main, _monitor, housekeeping, watcher, web, web-1, polling-1."""

LIMIT = """
import threading

start, lock = threading.Thread.start, threading.Lock()

def limited(thread):
    with lock:
        if threading.active_count() >= {}:
            raise RuntimeError("can't start new thread")
        start(thread)

threading.Thread.start = limited
"""

StartLimited = Callable[..., "Running"]


@pytest.fixture
def start_limited(
    tmp_path: Path,
    nativechat: Callable[..., Chat],
    exporter: StartExporter,
    query: Callable[..., dict[str, Any]],
) -> StartLimited:
    """Start `run` as a process that gets so many threads, as if the system allowed no more."""
    chat = nativechat(5)
    config = chat.config([query(f"query_{n}") for n in range(10)])

    def start(threads: int, *flags: str) -> Running:
        site = tmp_path / f"limit-{threads}"
        site.mkdir()
        (site / "sitecustomize.py").write_text(LIMIT.format(threads))
        return exporter(config, *flags, env={**chat.environ, "PYTHONPATH": str(site)})

    return start


@pytest.mark.parametrize("has_users", [False, True])
def test_pages_are_served_after_polling_has_taken_all_threads(
    start_limited: StartLimited, tmp_path: Path, has_users: bool
) -> None:
    web = tmp_path / "web.yaml"
    web.write_text(f"basic_auth_users: {{me: '{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}'}}")
    running = start_limited(ENOUGH + has_users, *[f"--web.config.file={web}"][:has_users])
    running.logged("the system allows no more threads")
    headers = {"Authorization": f"Basic {base64.b64encode(b'me:secret').decode()}"}
    for path in ("/metrics", "/", "/-/config", "/-/healthy"):
        assert running.ask(path, headers=headers).status == 200, path
    if not has_users:
        running.until(lambda metrics: sum(metrics.values("nativechat_exporter_query_up")) == 50)
    assert running.end() == 0


def test_a_process_without_the_threads_that_it_needs_ends_with_one_clear_line(
    start_limited: StartLimited,
) -> None:
    for running in [start_limited(threads) for threads in range(1, ENOUGH)]:
        assert running.process.wait(30.0) == 1
        assert "Traceback" not in running.output
        assert running.output.splitlines()[-1] == (
            "nativechat-exporter: the system allows too few threads "
            "(raise the limit of processes, such as a container's pids)"
        )
