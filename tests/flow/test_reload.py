"""A good configuration is used at once; a bad one changes nothing but the two gauges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Metrics, Running, StartExporter

    Query = Callable[..., dict[str, Any]]

LIFECYCLE = "--web.enable-lifecycle"
SELDOM = "--config.watch-interval=1h"
OFTEN = "--config.watch-interval=1s"
GOOD = "nativechat_exporter_config_last_reload_successful"
WHEN = "nativechat_exporter_config_last_reload_success_timestamp_seconds"


@pytest.fixture(scope="module")
def chat(nativechat: Callable[..., Chat]) -> Chat:
    return nativechat(bots=2)


@pytest.fixture
def start(exporter: StartExporter, chat: Chat, query: Query) -> Callable[..., Running]:
    """Start an exporter that counts conversations, and wait until it has."""

    def start(*flags: str, config: Path | None = None) -> Running:
        running = exporter(config or chat.config([query()]), *flags, env=chat.environ)
        running.until(lambda metrics: len(metrics.values("nativechat_conversations")) == 2)
        return running

    return start


@pytest.fixture
def written(chat: Chat, query: Query) -> Callable[..., str]:
    """Write a configuration that has queries of these names."""

    def text(*names: str, **keys: Any) -> str:
        return json.dumps(chat.config([query(name, **keys) for name in names]))

    return text


def names(metrics: Metrics) -> set[str]:
    return set(metrics.by("query", "nativechat_exporter_query_up"))


def test_a_reload_uses_the_new_configuration_and_keeps_what_stayed(
    start: Callable[..., Running], written: Callable[..., str]
) -> None:
    running = start(LIFECYCLE, SELDOM)
    before = running.metrics()
    (running.home / "config.yaml").write_text(written("conversations", "talks"), "utf-8")
    answer = running.ask("/-/reload", method="POST")
    assert (answer.status, answer.text) == (200, "reloaded\n")
    after = running.metrics()
    assert names(after) == {"conversations", "talks"}
    assert after.values("nativechat_conversations") == before.values("nativechat_conversations")
    assert len(after.values("nativechat_exporter_query_up", query="talks")) == 2
    assert (after.value(GOOD), before.value(GOOD)) == (1, 1)
    assert (after.value(WHEN) or 0) > (before.value(WHEN) or 0)
    running.until(lambda metrics: len(metrics.values("nativechat_talks")) == 2)


def test_a_reload_removes_what_is_no_longer_polled(
    start: Callable[..., Running], written: Callable[..., str]
) -> None:
    running = start(LIFECYCLE, SELDOM)
    (running.home / "config.yaml").write_text(written("talks", bots=["support"]), "utf-8")
    assert running.ask("/-/reload", method="POST").status == 200
    metrics = running.until(lambda metrics: metrics.values("nativechat_talks"))
    assert names(metrics) == {"talks"}
    assert "nativechat_conversations" not in metrics.text
    assert 'bot="sales"' not in metrics.text


def test_a_query_that_changed_its_meaning_shows_no_value_of_the_old_one(
    start: Callable[..., Running], written: Callable[..., str]
) -> None:
    running = start(LIFECYCLE, SELDOM)
    before = running.metrics().values("nativechat_conversations")
    (running.home / "config.yaml").write_text(written("conversations", query={"Errors": {"$gt": 0}}), "utf-8")
    assert running.ask("/-/reload", method="POST").status == 200
    assert not set(running.metrics().values("nativechat_conversations")) & set(before)
    running.until(lambda metrics: len(metrics.values("nativechat_conversations")) == 2)
    assert not set(running.metrics().values("nativechat_conversations")) & set(before)


def test_a_bad_file_is_refused_with_its_problems_and_the_old_one_goes_on(
    start: Callable[..., Running], written: Callable[..., str]
) -> None:
    running = start(LIFECYCLE, SELDOM)
    before = running.metrics()
    file = running.home / "config.yaml"
    good = file.read_text("utf-8")
    file.write_text(good.replace('"1s"', '"soon"').replace('"30s"', '"late"'), "utf-8")
    answer = running.ask("/-/reload", method="POST")
    assert answer.status == 422
    assert [line.split(": ")[1] for line in answer.text.splitlines()] == [
        "defaults.every",
        "defaults.stale_after",
    ]
    assert all(line.startswith(f"{file}:") for line in answer.text.splitlines())
    assert len(running.logged("configuration refused, the old one stays", 2)) == 2
    assert "defaults.stale_after" in running.ask("/").text
    runs = before.values("nativechat_exporter_query_runs_total")
    later = running.until(
        lambda metrics: min(metrics.values("nativechat_exporter_query_runs_total")) > max(runs)
    )
    assert later.values("nativechat_conversations") == before.values("nativechat_conversations")
    assert later.value(GOOD) == 0
    assert later.value(WHEN) == before.value(WHEN)
    file.write_text(good, "utf-8")
    assert running.ask("/-/reload", method="POST").status == 200
    assert running.metrics().value(GOOD) == 1
    assert "defaults.stale_after" not in running.ask("/").text


def test_without_the_flag_nobody_reloads_over_http(start: Callable[..., Running]) -> None:
    answer = start(SELDOM).ask("/-/reload", method="POST")
    assert answer.status == 403
    assert "--web.enable-lifecycle" in answer.text


def test_only_a_post_reloads(start: Callable[..., Running]) -> None:
    assert start(LIFECYCLE, SELDOM).ask("/-/reload").status == 405


def test_a_changed_file_is_noticed(start: Callable[..., Running], written: Callable[..., str]) -> None:
    running = start(OFTEN)
    (running.home / "config.yaml").write_text(written("talks"), "utf-8")
    running.until(lambda metrics: len(metrics.values("nativechat_talks")) == 2)


def test_a_config_map_that_kubernetes_swaps_is_noticed(
    start: Callable[..., Running], written: Callable[..., str], tmp_path: Path
) -> None:
    def publish(version: str, text: str) -> None:
        (tmp_path / version).mkdir()
        (tmp_path / version / "config.yaml").write_text(text, "utf-8")
        (tmp_path / "..data_tmp").symlink_to(version)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    publish("..2026_01", written("conversations"))
    (tmp_path / "config.yaml").symlink_to("..data/config.yaml")
    running = start(OFTEN, config=tmp_path / "config.yaml")
    publish("..2026_02", written("talks"))
    (tmp_path / "..2026_01/config.yaml").unlink()
    running.until(lambda metrics: len(metrics.values("nativechat_talks")) == 2)
