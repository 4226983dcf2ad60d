"""A sidecar: two environment variables, the shipped configuration, and little memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, StartExporter

SHIPPED = Path(__file__).parents[2] / "config.yaml"
MOST_KIB = 60 * 1024


def test_two_variables_and_the_shipped_configuration_give_every_value(
    exporter: StartExporter, nativechat: Callable[..., Chat]
) -> None:
    chat = nativechat()
    (bot,) = chat.simulation.bots
    shipped = SHIPPED.read_text("utf-8").replace("\nbots:", f"\napi: {{url: '{chat.url}'}}\nbots:", 1)
    environ = {"NATIVECHAT_BOT_ID": bot.id, "NATIVECHAT_TOKEN": bot.token.reveal()}
    running = exporter(shipped, env=environ)
    metrics = running.until(lambda metrics: metrics.value("nativechat_exporter_series") == 9)

    assert running.ask("/-/config").text == shipped
    assert not [value for value in environ.values() if value in shipped]

    def count(collection: Any = "conversations", query: Any = None) -> int:
        return chat.simulation.count(bot.name, collection, query)

    assert metrics.value("nativechat_conversations", bot="main") == count()
    assert metrics.value("nativechat_messages", bot="main") == count("messages")
    assert metrics.value("nativechat_conversations_engaged", bot="main") == count(
        query={"Messages.user": {"$gt": 3}}
    )
    errors = count(query={"Errors": {"$gt": 0}})
    assert metrics.value("nativechat_conversations_with_errors", bot="main") == errors
    assert metrics.by("outcome", "nativechat_conversations_by_outcome") == {
        "success": count(query={"Status": "success"}),
        "error": errors,
    }
    assert metrics.by("channel", "nativechat_conversations_by_channel") == {
        name: count(query={"Data.channel.ProviderName": name}) for name in ("facebook", "viber", "darvin")
    }
    assert metrics.values("nativechat_exporter_query_up") == [1] * 6
    assert not running.log("query fails")
    assert running.end() == 0
    assert bot.token.reveal() not in running.output


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_sidecar_that_waits_runs_without_its_secrets_or_its_configuration_and_heals(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Callable[..., dict[str, Any]],
    tmp_path: Path,
    is_broken: bool,
) -> None:
    chat = nativechat()
    (bot,) = chat.simulation.bots
    config = chat.config([query()])
    config["bots"][0] |= {name: {"file": str(tmp_path / name)} for name in ("id", "token")}
    right = json.dumps(config)
    flags = ("--config.wait", "--config.watch-interval=1s")
    running = exporter(right[:-1] if is_broken else right, *flags, env={})
    assert running.ask("/-/healthy").status == 200
    ready, metrics = running.ask("/-/ready"), running.metrics()
    assert ready.status == 503
    assert ready.text.startswith("no configuration" if is_broken else "no bot can be asked yet")
    if is_broken:
        assert metrics.value("nativechat_exporter_config_last_reload_successful") == 0
        (running.home / "config.yaml").write_text(right, "utf-8")
    running.until(lambda metrics: metrics.values("nativechat_up") == [0])
    (tmp_path / "id").write_text(bot.id, "utf-8")
    (tmp_path / "token").write_text(bot.token.reveal(), "utf-8")
    running.until(lambda metrics: metrics.values("nativechat_up") == [1])
    assert running.metrics().value("nativechat_conversations", bot=bot.name) == chat.simulation.count(
        bot.name, "conversations", None
    )
    assert running.ask("/-/ready").status == 200
    assert running.end() == 0


def test_a_daemon_with_a_hundred_series_fits_into_60_megabytes(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Callable[..., dict[str, Any]],
) -> None:
    chat = nativechat(bots=2)
    labels = {"turns": list(range(50))}
    by_turns = query(labels=labels, query={"Messages.user": "{turns}"}, every="1m", stale_after="5m")
    config = chat.config([by_turns])
    running = exporter(config, env=chat.environ)
    running.until(lambda metrics: metrics.value("nativechat_exporter_series") == 100)
    running.ask("/")
    status = Path(f"/proc/{running.process.pid}/status").read_text("utf-8")
    (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    assert int(resident) <= MOST_KIB
