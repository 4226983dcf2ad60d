"""A past that was interrupted and continued, loaded by promtool, and queried in a real Prometheus."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.flow.prometheus import prometheus

if TYPE_CHECKING:
    from tests.flow.conftest import Chat

HOUR = 3600
QUERIES: list[dict[str, Any]] = [
    {"name": "conversations", "collection": "conversations"},
    {
        "name": "by_channel",
        "collection": "conversations",
        "labels": {"channel": ["facebook", "viber"]},
        "query": {"Data.channel.ProviderName": "{channel}"},
    },
]


def at_each_step(
    address: str, expression: str, first: int, last: int, step: int
) -> dict[str, dict[int, float]]:
    """Return the values of a range query by channel, an empty text for none; none while nobody answers."""
    asked = urlencode({"query": expression, "start": first, "end": last, "step": step})
    try:
        with urlopen(f"http://{address}/api/v1/query_range?{asked}", timeout=5) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return {}
    return {
        one["metric"].get("channel", ""): {at: float(value) for at, value in one["values"]} for one in result
    }


def test_query_range_returns_at_every_step_what_the_documents_give(
    nativechat: Callable[..., Chat],
    installed: Callable[[str, str], str],
    eventually: Callable[[Callable[[], Any]], Any],
    plain_environ: Mapping[str, str],
    tmp_path: Path,
) -> None:
    chat = nativechat(history=90, history_days=4.0)
    (tmp_path / "config.yaml").write_text(json.dumps(chat.config(QUERIES)), "utf-8")
    until = int(chat.simulation.wall()) - 4 * HOUR
    dates = (datetime.fromtimestamp(at, UTC).isoformat() for at in (until - 4 * 24 * HOUR, until))

    def started(to: str, *more: str) -> subprocess.Popen[str]:
        words = ["--since", since, "--until", end, "--label", "job=nativechat", "--to", to, *more]
        return subprocess.Popen(
            [sys.executable, "-m", "exporter", "backfill", *words],
            cwd=tmp_path,
            env={**plain_environ, **chat.environ},
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def ended(process: subprocess.Popen[str]) -> str:
        told = process.communicate(timeout=60)[1]
        assert process.returncode == 0, told
        return told

    since, end = dates
    ended(started("whole.om"))
    requests = chat.simulation.requests("support")
    assert requests <= 2 + 3 * 96

    stop_at = requests + random.Random().randrange(5, requests // 2)
    process = started("past.om")
    while chat.simulation.requests("support") < stop_at:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 1, told
    assert told.endswith(" counts: interrupted; go on with --resume\n")
    told = ended(started("past.om", "--resume"))
    assert (tmp_path / "past.om").read_bytes() == (tmp_path / "whole.om").read_bytes()

    command = told.splitlines()[-1].split()
    command[0] = installed("promtool", "prometheus")
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    rows: list[dict[str, Any]] = chat.simulation.page("support", "conversations", limit=10**9)
    first = -(-(until - 4 * 24 * HOUR) // HOUR) * HOUR
    steps = range(first, until, HOUR)

    def independently(channel: str) -> dict[int, float]:
        of_channel = [
            datetime.fromisoformat(row["StartedAt"]).timestamp()
            for row in rows
            if not channel or row["Data"].get("channel", {}).get("ProviderName") == channel
        ]
        return {step: sum(at < step for at in of_channel) for step in steps}

    with prometheus(installed("prometheus", "prometheus"), {}, tmp_path) as address:
        found = eventually(lambda: at_each_step(address, "nativechat_conversations", first, steps[-1], HOUR))
        assert found == {"": independently("")}
        for name in ("nativechat_by_channel", "nativechat_by_channel_new_total"):
            found = at_each_step(address, f'{name}{{job="nativechat",bot="support"}}', first, steps[-1], HOUR)
            assert found == {channel: independently(channel) for channel in ("facebook", "viber")}
