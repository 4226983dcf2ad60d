"""The daemon ends when it is told to, whatever it is doing, and does not begin what it cannot do."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter.simulator.faults import Fault

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

    Query = Callable[..., dict[str, Any]]

WAITS = {
    "a pause that Retry-After asked for": Fault("status", status=429, retry_after="60"),
    "a wait before the next attempt": Fault("status", status=500),
}
"""What an answer makes it wait for. Requests under way when it ends are among the faults, in faults/."""


@contextmanager
def connected(running: Running, request: bytes) -> Iterator[socket.socket]:
    host, port = running.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(request)
        yield client


def well(stack: ExitStack, running: Running) -> None:
    running.until(lambda metrics: metrics.value("nativechat_exporter_query_up") == 1)


def half_a_request(stack: ExitStack, running: Running) -> None:
    well(stack, running)
    stack.enter_context(connected(running, b"GET /metrics HTTP/1.1\r\nHost: "))


def an_idle_connection(stack: ExitStack, running: Running) -> None:
    well(stack, running)
    client = stack.enter_context(connected(running, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert client.recv(1000).startswith(b"HTTP/1.1 200")


def a_scrape_that_nobody_reads(stack: ExitStack, running: Running) -> None:
    well(stack, running)
    stack.enter_context(connected(running, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 500))


SITUATIONS = {
    "idle": well,
    "half a request": half_a_request,
    "an idle connection": an_idle_connection,
    "scrapes that nobody reads": a_scrape_that_nobody_reads,
}


def assert_ended(running: Running, number: signal.Signals) -> None:
    assert running.end(number) == 0, running.output
    assert "Traceback" not in running.output
    assert [line["msg"] for line in running.log("ending") + running.log("ended")] == ["ending", "ended"]


@pytest.mark.parametrize("wait", WAITS)
def test_a_signal_ends_it_whatever_it_waits_for(
    exporter: StartExporter, nativechat: Callable[..., Chat], query: Query, wait: str
) -> None:
    chat = nativechat()
    chat.simulation.faults.set(WAITS[wait])
    config = chat.config([query()], timeout="60s", retries=10)
    running = exporter(config, env=chat.environ)
    # The first request is under way, and no answer to it will be one.
    running.until(lambda metrics: metrics.value("nativechat_exporter_query_runs_total") == 1)
    assert_ended(running, signal.SIGTERM)


@pytest.mark.parametrize(
    ("situation", "number"),
    [*((situation, signal.SIGTERM) for situation in SITUATIONS), ("idle", signal.SIGINT)],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_signal_ends_it_whatever_its_visitors_do(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Query,
    *,
    covered: dict[str, str],
    situation: str,
    number: signal.Signals,
) -> None:
    chat = nativechat()
    running = exporter(chat.config([query()]), env=chat.environ | covered)
    with ExitStack() as stack:
        SITUATIONS[situation](stack, running)
        assert_ended(running, number)


def test_a_hangup_loads_the_configuration_anew(
    exporter: StartExporter, nativechat: Callable[..., Chat], query: Query
) -> None:
    chat = nativechat()
    running = exporter(chat.config([query()]), "--config.watch-interval=1h", env=chat.environ)
    well(ExitStack(), running)
    file = running.home / "config.yaml"
    file.write_text(file.read_text("utf-8").replace('"conversations"', '"talks"', 1), "utf-8")
    running.process.send_signal(signal.SIGHUP)
    running.until(lambda metrics: metrics.value("nativechat_talks") is not None)
    assert running.end() == 0


def test_a_busy_port_ends_it_with_1_and_advice(
    exporter: StartExporter, nativechat: Callable[..., Chat], query: Query
) -> None:
    chat = nativechat()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        running = exporter(chat.config([query()]), f"--web.listen-address=127.0.0.1:{port}", env=chat.environ)
        assert running.process.wait(30) == 1
    assert f"cannot listen on '127.0.0.1:{port}': address already in use" in running.output
    assert "choose another address or port with --web.listen-address" in running.output
    assert "Traceback" not in running.output


def test_a_bad_configuration_ends_it_with_2_and_every_problem(exporter: StartExporter) -> None:
    five = Path(__file__).parents[1] / "config/five_faults.yaml"
    running = exporter(five, env={})
    assert running.process.wait(30) == 2
    assert len([line for line in running.output.splitlines() if line.startswith(f"{five}:")]) >= 5
    assert "Traceback" not in running.output


def test_a_missing_variable_ends_it_with_2_and_the_variable_s_name(exporter: StartExporter) -> None:
    running = exporter(Path(__file__).parents[2] / "config.yaml", env={"NATIVECHAT_BOT_ID": "x"})
    assert running.process.wait(30) == 2
    assert "NATIVECHAT_TOKEN" in running.output
    assert "Traceback" not in running.output
