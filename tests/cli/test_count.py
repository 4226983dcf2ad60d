"""Laws of `count`: one run, all results, in three formats."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, Popen
from threading import Event

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.handler import Handler, Request, Response
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import Simulation

Typed = Callable[..., CompletedProcess[str]]
Made = Callable[..., tuple[Simulation, Path]]

CHANNELS = ("facebook", "viber", "darvin")


def counted(simulation: Simulation, bot: str) -> dict[tuple[str, str], int]:
    """Return the simulation's own counts, by query and channel."""
    by_channel = {
        ("by_channel", channel): simulation.count(
            bot, "conversations", {"Data.channel.ProviderName": channel}
        )
        for channel in CHANNELS
    }
    whole = {
        ("conversations", ""): simulation.count(bot, "conversations"),
        ("messages", ""): simulation.count(bot, "messages"),
    }
    return by_channel | whole


def in_json(text: str) -> dict[tuple[str, str, str], int | None]:
    return {
        (one["labels"]["bot"], one["query"], one["labels"].get("channel", "")): one["count"]
        for one in json.loads(text)
    }


def test_json_holds_every_count(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(bots=2)
    done = typed("count", "--config.file", config, "--output", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert in_json(done.stdout) == {
        (bot.name, *key): count
        for bot in simulation.bots
        for key, count in counted(simulation, bot.name).items()
    }
    assert all(one["error"] is None and one["seconds"] > 0 for one in json.loads(done.stdout))


def test_a_table_has_a_line_for_every_series(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat()
    done = typed("count", "--config.file", config)
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["BOT", "QUERY", "LABELS", "COUNT", "TOOK", "ERROR"]
    cells = [line.split() for line in lines]
    assert [line[:3] for line in cells[1:4]] == [
        ["support", "by_channel", f"channel={channel}"] for channel in CHANNELS
    ]
    assert [line[-2] for line in cells] == [
        f"{count:,}" for _, count in sorted(counted(simulation, "support").items(), key=_in_file_order)
    ]
    assert all(line[-1].endswith("s") for line in cells)


def _in_file_order(item: tuple[tuple[str, str], int]) -> tuple[int, int]:
    query, channel = item[0]
    return ("conversations", "by_channel", "messages").index(query), ("", *CHANNELS).index(channel)


def test_the_prometheus_format_can_be_parsed(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(bots=2)
    done = typed("count", "--config.file", config, "--output", "prometheus")
    found = {
        (
            sample.labels["bot"],
            family.name.removeprefix("nativechat_"),
            sample.labels.get("channel", ""),
        ): int(sample.value)
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
    }
    assert found == {
        (bot.name, *key): count
        for bot in simulation.bots
        for key, count in counted(simulation, bot.name).items()
    }
    assert done.stdout.endswith("\n")
    assert not done.stdout.endswith("\n\n")


def test_only_the_named_queries_run(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat()
    done = typed("count", "messages", "conversations", "--config.file", config, "--output=json")
    assert [one["query"] for one in json.loads(done.stdout)] == ["conversations", "messages"]
    assert simulation.requests("support") == 2


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("conversatons", 'did you mean "conversations"?'),
        ("x", "known are conversations, by_channel, messages"),
    ],
)
def test_an_unknown_query_is_wrong_usage(typed: Typed, nativechat: Made, name: str, advice: str) -> None:
    simulation, config = nativechat()
    done = typed("count", name, "--config.file", config)
    assert done.returncode == 2
    assert f"no query is called '{name}' ({advice})" in done.stderr
    assert simulation.requests("support") == 0


def test_a_bot_that_fails_does_not_affect_the_other(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(bots=2)
    simulation.faults.set(Fault("status", status=503), "sales")
    done = typed("count", "--config.file", config, "--output=json")
    assert done.returncode == 1
    found = in_json(done.stdout)
    for key, count in counted(simulation, "support").items():
        assert found["support", *key] == count
        assert found["sales", *key] is None
    failed = [one["error"] for one in json.loads(done.stdout) if one["labels"]["bot"] == "sales"]
    assert failed[0] == {
        "reason": "server_error",
        "status": 503,
        "message": "GET conversations/_count answered 503",
    }


def test_a_bot_without_its_token_gets_no_request_and_the_other_is_counted(
    typed: Typed, nativechat: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation, config = nativechat(bots=2)
    monkeypatch.delenv("TOKEN_SALES")
    done = typed("count", "--config.file", config)
    lines = done.stdout.splitlines()[1:]
    assert (done.returncode, simulation.requests("sales")) == (1, 0)
    why = "unauthorized: environment variable TOKEN_SALES is not set (set it before the exporter runs)"
    assert [why in line for line in lines] == [line.startswith("sales") for line in lines]
    monkeypatch.delenv("TOKEN_SUPPORT")
    assert typed("count", "--config.file", config).returncode == 2


def test_an_error_is_printed_beside_its_series_in_the_table(
    typed: Typed, nativechat: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, config = nativechat()
    monkeypatch.setenv("TOKEN_SUPPORT", "another")
    done = typed("count", "conversations", "--config.file", config)
    assert done.returncode == 1
    [line] = done.stdout.splitlines()[1:]
    assert "unauthorized: GET conversations/_count answered 401 (check the bot's token and id" in line
    assert "another" not in done.stdout


def test_the_prometheus_format_prints_failures_on_standard_error(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat()
    simulation.faults.set(Fault("count-negative"))
    done = typed("count", "by_channel", "--config.file", config, "--output=prometheus")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("support/by_channel: bad_answer: ")


def test_an_interrupt_prints_no_traceback(
    started: Callable[..., Popen[str]], paged: Callable[..., tuple[Event, Event, Path]]
) -> None:
    kept_back, _, config = paged(0, keep_back="count")
    process = started("count", "--config.file", config)
    assert kept_back.wait(30.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30.0)
    assert (process.returncode, out, err.strip()) == (1, "", "nativechat-exporter: interrupted")


ZEROS = """\
queries:
  - {name: misspelt, collection: conversations, query: {Statuss: success, Errors: {$gte: 0}}}
  - {name: never, collection: conversations, query: {Status: sucess}}
  - name: mixed
    collection: conversations
    labels:
      kind:
        all: {$or: [{Erors: {$gt: 0}}, {Errors: {$gte: 0}}]}
        lost: {Erors: {$gt: 0}}
        none: {Errors: {$gt: 1000}}
"""
STATUSS = "no conversation has `Statuss`: nothing happened yet, or it is misspelt (did you mean `Status`?)"
ERORS = STATUSS.replace("Statuss", "Erors").replace("Status", "Errors")


SUCESS = 'no conversation has "sucess" in `Status`: nothing happened yet, or it is misspelt'


def with_zeros(config: Path) -> Path:
    head, _, _ = config.read_text("utf-8").partition("queries:")
    config.write_text(head + ZEROS, "utf-8")
    return config


def test_a_misspelt_field_a_value_that_never_occurs_and_a_true_zero_are_told_apart(
    typed: Typed, nativechat: Made
) -> None:
    _, config = nativechat()
    done = typed("count", "--config.file", with_zeros(config), "--output=json")
    assert (done.returncode, done.stderr) == (0, "")
    found = {
        (one["query"], one["labels"].get("kind")): (
            one["count"] == 0,
            [*one["unknown_fields"], *one["unknown_values"]],
        )
        for one in json.loads(done.stdout)
    }
    assert found == {
        ("misspelt", None): (True, [STATUSS]),
        ("never", None): (True, [SUCESS]),
        ("mixed", "all"): (False, []),
        ("mixed", "lost"): (True, [ERORS]),
        ("mixed", "none"): (True, []),
    }


@pytest.mark.parametrize("output", ["table", "prometheus"])
def test_what_no_document_has_is_printed_once_below_the_counts(
    typed: Typed, nativechat: Made, output: str
) -> None:
    _, config = nativechat()
    done = typed("count", "--config.file", with_zeros(config), "--output", output)
    told = f"support/misspelt: {STATUSS}\nsupport/never: {SUCESS}\nsupport/mixed: {ERORS}\n"
    assert done.returncode == 0
    if output == "table":
        assert done.stdout.endswith(f"\n\n{told}")
        assert done.stderr == ""
    else:
        assert done.stderr == told


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_fields_that_cannot_be_looked_for_change_nothing(
    typed: Typed,
    serve: Callable[[Handler], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    async def rejects_ne(request: Request) -> Response:
        fails = "%24ne" in request.query
        return (
            Response(status, headers=(("Retry-After", "300"),)) if fails else Response(200, b'{"count": 0}')
        )

    config = tmp_path / "config.yaml"
    config.write_text(
        f"api: {{url: {serve(rejects_ne)}}}\n"
        "bots: [{name: main, id: 5990b7b5d57ae86c1b2dfd6e, token: {env: TOKEN}}]\n"
        "queries: [{name: misspelt, collection: conversations, query: {Statuss: success}}]\n",
        "utf-8",
    )
    monkeypatch.setenv("TOKEN", "made-up-token")
    done = typed("count", "--config.file", config, "--output=json")
    assert (done.returncode, done.stderr) == (0, "")
    [one] = json.loads(done.stdout)
    assert (one["count"], one["error"], one["unknown_fields"] + one["unknown_values"]) == (0, None, [])


def test_a_check_that_a_pause_prevents_does_not_delay_the_end(
    started: Callable[..., Popen[str]],
    serve: Callable[[Handler], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def throttles_the_last(request: Request) -> Response:
        if "Errors" in request.query:
            return Response(429, headers=(("Retry-After", "300"),))
        return Response(200, b'{"count": 0}')

    config = tmp_path / "config.yaml"
    config.write_text(
        f"api: {{url: {serve(throttles_the_last)}, concurrency: 1, rate: none}}\n"
        "bots: [{name: main, id: 5990b7b5d57ae86c1b2dfd6e, token: {env: TOKEN}}]\n"
        "queries:\n"
        "  - {name: misspelt, collection: conversations, query: {Statuss: success}}\n"
        "  - {name: errors, collection: conversations, query: {Errors: 1}}\n",
        "utf-8",
    )
    monkeypatch.setenv("TOKEN", "made-up-token")
    process = started("count", "--config.file", config, "--output=json")
    out, _ = process.communicate(timeout=12.0)  # a thread may sleep for 15 seconds
    assert process.returncode == 1
    assert [one["count"] for one in json.loads(out)] == [0, None]
