"""A daemon on a clock that a test moves, whose bots are never reached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from exporter.daemon.daemon import Daemon
from tests.clock import FakeClock

ENVIRON = {"NATIVECHAT_BOT_ID": "5990b7b5d57ae86c1b2dfd6e", "NATIVECHAT_TOKEN": "s3cr3t-t0ken"}

CONFIG = """\
api: {url: "http://127.0.0.1:9"}
bots:
  - name: main
    id: {env: NATIVECHAT_BOT_ID}
    token: {env: NATIVECHAT_TOKEN}
    labels: {team: care}
queries:
  - name: conversations
    collection: conversations
    every: 1m
    stale_after: 5m
  - name: by_channel
    collection: conversations
    every: 1m
    labels: {channel: [facebook, viber]}
    query: {Data.channel.ProviderName: "{channel}"}
"""


WATCH_INTERVAL = 1e-3


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, "utf-8")
    return path


@pytest.fixture
def make_daemon(config_file: Path, clock: FakeClock) -> Iterator[Callable[..., Daemon]]:
    """Return a function that builds a daemon, which is stopped at the test's end."""
    with ExitStack() as stack:

        def made(*, waits: bool = False) -> Daemon:
            daemon = Daemon(config_file, ENVIRON, clock, watch_interval=WATCH_INTERVAL, waits=waits)
            stack.callback(daemon.stop)
            return daemon

        yield made


@pytest.fixture
def daemon(make_daemon: Callable[..., Daemon]) -> Daemon:
    return make_daemon()


@pytest.fixture(autouse=True)
def every_event(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, object]]]:
    """Return what was logged since the last call: level, phrase and fields of each line."""

    def logged() -> list[dict[str, object]]:
        lines = [
            {"level": record.levelname, "msg": record.getMessage(), **getattr(record, "fields", {})}
            for record in caplog.records
        ]
        caplog.clear()
        return lines

    return logged


@pytest.fixture
def look(daemon: Daemon, clock: FakeClock) -> Callable[[], None]:
    """Return a function that lets the daemon check its file once."""

    return partial(look_at, daemon, clock)


def look_at(daemon: Daemon, clock: FakeClock) -> None:
    """Let the daemon check its file once, and apply what it finds."""
    clock.now += WATCH_INTERVAL
    daemon.watcher.run_due()
    daemon.housekeeping.run_due()
