"""Laws of `simulate` and `demo`: a NativeChat on this machine, alone or with the daemon."""

from __future__ import annotations

import dataclasses
import http.client
import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, Popen
from urllib.parse import quote, urlsplit

import pytest

from exporter.simulator.bots import simulated_bots
from exporter.simulator.settings import Settings

CONFIG = Path(__file__).parents[2] / "config.yaml"
PATIENCE = 30.0

Typed = Callable[..., CompletedProcess[str]]
Started = Callable[..., Popen[str]]


def get(address: str, path: str, token: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bot-Server-Access-Token {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def results(process: Popen[str], lines: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(lines)]


def test_a_simulation_says_where_it_is_and_who_may_ask(started: Started) -> None:
    process = started("simulate", "--web.listen-address=127.0.0.1:0", "--bots=3", "--seed=7")
    where, *who = results(process, 4)
    url = where.removeprefix("api.url").strip()
    for line, bot in zip(who, simulated_bots(3, seed=7), strict=True):
        assert line == f"{bot.name}  id {bot.id}  token {bot.token.reveal()}\n"
        name, bot_id, token = re.fullmatch(r"(\w+)  id (\w+)  token (\w+)\n", line).groups()  # type: ignore[union-attr]
        at = urlsplit(url)
        status, body = get(at.netloc, f"{at.path}/bots/{bot_id}/messages/_count", token)
        assert status == 200, name
        assert json.loads(body)["count"] > 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_every_switch_of_the_simulation_is_a_flag_that_works(started: Started) -> None:
    values = {
        "seed": 2,
        "count_shape": "bare",
        "dates": "epoch-ms",
        "undecoded_dates": "nothing",
        "default_limit": 5,
        "max_limit": 6,
        "rate": "none",
        "retry_after": "http-date",
        "latency": 0.01,
        "jitter": 0.01,
        "history": 12,
        "history_days": 2,
        "growth": 0,
        "max_conversations": 8,
    }
    assert values.keys() == {switch.name for switch in dataclasses.fields(Settings)}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    process = started("simulate", "--web.listen-address=127.0.0.1:0", "--bots=1", *flags)
    where, who = results(process, 2)
    at = urlsplit(where.split()[1])
    bot_id, token = who.split()[2], who.split()[4]
    rows = json.loads(get(at.netloc, f"{at.path}/bots/{bot_id}/conversations?limit=100", token)[1])
    assert len(rows) == 6
    assert get(at.netloc, f"{at.path}/bots/{bot_id}/conversations/_count", token)[1] == "8"
    since_1970 = quote('{"StartedAt": {"$gte": 0}}')
    assert get(at.netloc, f"{at.path}/bots/{bot_id}/conversations/_count?query={since_1970}", token)[1] == "8"
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("flag", "complaint"),
    [
        ("--latency=-1", "latency must be a number from 0"),
        ("--rate=0", "rate must be a number above 0"),
        ("--rate=fast", "'fast' is not"),
        ("--default-limit=0", "default_limit must be at least 1"),
        ("--count-shape=xml", "'xml' is not one of 'count', 'bare', 'Result', 'Count'"),
        ("--bots=0", "--bots"),
    ],
)
def test_a_switch_that_makes_no_sense_is_wrong_usage(typed: Typed, flag: str, complaint: str) -> None:
    done = typed("simulate", "--web.listen-address=127.0.0.1:0", flag)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_what_is_no_address_is_wrong_usage_of_simulate(typed: Typed) -> None:
    done = typed("simulate", "--web.listen-address=127.0.0.1:none")
    assert done.returncode == 2
    assert "is not an address to listen on" in done.stderr


def test_a_demonstration_counts_what_it_simulates(started: Started) -> None:
    process = started(
        "demo", "--config.file", CONFIG, "--web.listen-address=127.0.0.1:0", "--log.format=json"
    )
    assert process.stderr is not None
    events = (json.loads(line) for line in process.stderr)
    address = next(event["address"] for event in events if event["msg"] == "listening")
    # Not ready yet is a 503; each query is asked within its first five seconds.
    while get(address, "/-/ready")[0] != 200:
        time.sleep(0.05)
    status, page = get(address, "/metrics")
    assert status == 200
    assert re.search(r'^nativechat_conversations\{bot="main"\} [1-9]', page, re.MULTILINE)
    for channel in ("facebook", "viber", "darvin"):
        assert f'nativechat_conversations_by_channel{{bot="main",channel="{channel}"}}' in page
    assert 'nativechat_up{bot="main"} 1' in page
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert process.stdout is not None
    assert process.stdout.read() == ""
