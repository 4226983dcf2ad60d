"""A sidecar: two environment variables, the shipped configuration, and little memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
