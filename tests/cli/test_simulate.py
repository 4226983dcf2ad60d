"""Laws of `simulate`, and of the configuration that `demo` uses; tests/flow runs a demo."""

from __future__ import annotations

import http.client
import json
import re
import signal
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from subprocess import CompletedProcess, Popen
from urllib.parse import quote, urlsplit

import pytest

from exporter.cli.run import DEMO_EVERY, demo_config
from exporter.model import Api, Bot, Config, Query, TokenSource
from exporter.simulator.bots import simulated_bots
from exporter.simulator.settings import Settings

PATIENCE = 30.0
SHIPPED = Path(__file__).parents[2] / "config.yaml"

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


def test_the_output_is_the_url_and_the_bots_that_the_simulator_serves(started: Started) -> None:
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


def test_every_setting_of_the_simulator_is_a_flag_that_works(started: Started) -> None:
    values = {
        "seed": 2,
        "documents": "documented",
        "id_field": "Id",
        "count_shape": "bare",
        "dates": "epoch-ms",
        "shown_dates": "as-stored",
        "undecoded_dates": "nothing",
        "over_limit": "clamp",
        "refuse": "$exists",
        "ignore": "skip",
        "throttle": 0,
        "delivery": "none",
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
    assert values.keys() == {setting.name for setting in fields(Settings)}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    process = started("simulate", "--web.listen-address=127.0.0.1:0", "--bots=1", *flags)
    where, who = results(process, 2)
    at = urlsplit(where.split()[1])
    bot_id, token = who.split()[2], who.split()[4]
    rows = json.loads(get(at.netloc, f"{at.path}/bots/{bot_id}/conversations?limit=100", token)[1])
    assert len(rows) == 6
    assert all(type(row["StartedAt"]) is int and row["Id"] for row in rows)
    assert get(at.netloc, f"{at.path}/bots/{bot_id}/conversations/_count", token)[1] == "8"
    since_1970 = quote('{"StartedAt": {"$gte": 0}}')
    assert get(at.netloc, f"{at.path}/bots/{bot_id}/conversations/_count?query={since_1970}", token)[1] == "8"
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("flag", "complaint"),
    [
        ("--latency=-1", "--latency must be a number from 0"),
        ("--rate=0", "--rate must be a number above 0"),
        ("--rate=fast", "'fast' is neither a number nor none"),
        ("--default-limit=0", "--default-limit must be at least 1"),
        ("--history-days=0", "--history-days must be a number above 0"),
        ("--throttle=1", "--throttle must be a number from 0"),
        ("--count-shape=xml", "'xml' is not one of 'count', 'bare', 'Result', 'Count', 'total'"),
        ("--shape=round", "'round' is not one of 'documented', 'flat'"),
        ("--bots=0", "--bots"),
        ("--web.listen-address=127.0.0.1:none", "is not an address to listen on"),
    ],
)
def test_an_invalid_setting_is_wrong_usage(typed: Typed, flag: str, complaint: str) -> None:
    done = typed("simulate", "--web.listen-address=127.0.0.1:0", flag)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_a_shape_sets_what_no_flag_sets(started: Started) -> None:
    process = started("simulate", "--web.listen-address=127.0.0.1:0", "--shape=delivered", "--max-limit=4")
    where, who, _ = results(process, 3)
    at = urlsplit(where.split()[1])
    bot_id, token = who.split()[2], who.split()[4]
    rows = f"{at.path}/bots/{bot_id}/conversations?skip=2&limit="
    assert get(at.netloc, f"{rows}5", token)[0] == 400
    assert all("CreatedAt" in row for row in json.loads(get(at.netloc, f"{rows}4", token)[1]))
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0


def test_a_demo_makes_every_bot_the_simulated_one_and_shortens_intervals() -> None:
    api = Api(url="https://api.nativechat.com/v1", rate=2.0)
    bots = tuple(Bot(name, name, TokenSource(env="TOKEN"), api=api) for name in ("a", "b"))
    queries = tuple(Query(f"q{every}", "Help.", "messages", every, 300.0, ("a",)) for every in (1.0, 60.0))
    config = demo_config(Config(bots, queries), "http://127.0.0.1:1/v1", "f00d")
    assert [bot.api for bot in config.bots] == [replace(api, url="http://127.0.0.1:1/v1")] * 2
    assert [(bot.name, bot.id, bot.token) for bot in config.bots] == [
        (name, "f00d", TokenSource(env="NATIVECHAT_TOKEN")) for name in ("a", "b")
    ]
    assert [query.every for query in config.queries] == [1.0, DEMO_EVERY]


def test_a_demo_on_every_interface_is_opened_at_localhost(started: Started) -> None:
    process = started("demo", "--config.file", SHIPPED, "--web.listen-address=:0", "--log.level=error")
    assert process.stderr is not None
    found = re.fullmatch(r"open http://(localhost:\d+)/ in a browser; Ctrl-C .*\n", process.stderr.readline())
    assert found is not None
    assert get(found[1], "/")[0] == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
