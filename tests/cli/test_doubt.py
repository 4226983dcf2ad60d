"""An answer that nobody had asked for fails a command: it would print what belongs to other requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from exporter.cli.bots import MIXED_UP
from tests.server import Server, Wire

Typed = Callable[..., CompletedProcess[str]]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write a configuration that asks an API, one request at a time."""
    monkeypatch.setenv("TOKEN", "made-up")

    def write(url: str) -> Path:
        query = {
            "name": "q",
            "collection": "conversations",
            "labels": {"n": [0, 1, 2]},
            "query": {"n": "{n}"},
        }
        bot = {"name": "main", "id": "5990b7b5d57ae86c1b2dfd6e", "token": {"env": "TOKEN"}}
        api = {"url": url, "rate": "10/s", "concurrency": 1}
        path = tmp_path / "config.yaml"
        path.write_text(json.dumps({"api": api, "bots": [bot], "queries": [query]}), "utf-8")
        return path

    return write


def test_count_prints_an_error_for_each_series_of_a_bot_whose_answers_are_mixed_up(
    typed: Typed, config: Callable[[str], Path]
) -> None:
    def serve(wire: Wire) -> None:
        if len(server.heads) == 2:
            wire.answer(b'{"count":1000}').pause(0.02)
        wire.answer(wire.true)

    with Server(serve) as server:
        done = typed("count", "--config.file", config(server.url), "--output", "json")
    assert done.returncode == 1
    assert all(each["count"] is None and MIXED_UP in str(each["error"]) for each in json.loads(done.stdout))


def test_a_download_stops(typed: Typed, config: Callable[[str], Path]) -> None:
    def serve(wire: Wire) -> None:
        if len(server.heads) == 2:
            wire.answer(b'[{"_id":"another"}]').pause(0.02)
        wire.answer(b'[{"_id":"%d"}]' % len(server.heads))

    with Server(serve) as server:
        done = typed("conversations", "--config.file", config(server.url))
    assert done.returncode == 1
    assert MIXED_UP in done.stderr
