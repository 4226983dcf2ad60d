"""A signal ends the daemon whatever it is doing, and a start that cannot succeed ends with advice."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
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
"""Waits that an answer causes; faults/ tests requests that are in flight at the end."""


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
def test_a_signal_ends_it_whatever_its_clients_do(
    exporter: StartExporter,
    nativechat: Callable[..., Chat],
    query: Query,
    *,
    situation: str,
    number: signal.Signals,
) -> None:
    chat = nativechat()
    running = exporter(chat.config([query()]), env=chat.environ)
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


def start_of(running: Running, wait: float) -> None:
    """Wait until the command blocks signals: some 40 ms after the interpreter has started."""
    eventually = time.monotonic() + 10
    blocked = Path(f"/proc/{running.process.pid}/status")
    while True:
        (held,) = re.findall(r"SigBlk:\s+(\w+)", blocked.read_text("utf-8"))
        (caught,) = re.findall(r"SigCgt:\s+(\w+)", blocked.read_text("utf-8"))
        if (int(held, 16) | int(caught, 16)) >> (signal.SIGTERM - 1) & 1:
            break
        assert time.monotonic() < eventually
    time.sleep(wait)


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_a_signal_as_soon_as_signals_are_held_ends_it(
    exporter: StartExporter, nativechat: Callable[..., Chat], query: Query, wait: float
) -> None:
    chat = nativechat()
    running = exporter(chat.config([query()]), env=chat.environ)
    start_of(running, wait)
    assert running.end() == 0, running.output


@pytest.mark.parametrize("later", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_further_signals_while_it_ends_change_nothing(
    exporter: StartExporter, nativechat: Callable[..., Chat], query: Query, later: str
) -> None:
    chat = nativechat()
    running = exporter(chat.config([query()]), env=chat.environ)
    well(ExitStack(), running)
    running.process.send_signal(signal.SIGTERM)
    with contextlib.suppress(ProcessLookupError):
        while running.process.poll() is None:
            running.process.send_signal(getattr(signal, later))
            time.sleep(0.001)
    assert running.process.wait(5) == 0, running.output


def test_a_storm_of_hangups_costs_at_most_two_reloads(
    exporter: StartExporter, nativechat: Callable[..., Chat], query: Query
) -> None:
    chat = nativechat()
    queries = [query(f"conversations_{number}") for number in range(50)]
    running = exporter(chat.config(queries), "--config.watch-interval=1h", env=chat.environ)
    running.address  # noqa: B018 - waited for
    for _ in range(1_000):
        running.process.send_signal(signal.SIGHUP)
    time.sleep(2.0)
    reloads = len(running.log("configuration in use")) - 1
    print(f"{reloads} reloads")  # noqa: T201 - pytest -s shows what it came to
    assert 1 <= reloads <= 2
    assert running.end() == 0


def test_reloads_asked_for_over_http_at_once_are_few(
    exporter: StartExporter, nativechat: Callable[..., Chat], query: Query
) -> None:
    chat = nativechat()
    queries = [query(f"conversations_{number}") for number in range(200)]
    running = exporter(
        chat.config(queries), "--config.watch-interval=1h", "--web.enable-lifecycle", env=chat.environ
    )
    with ExitStack() as stack:
        ready = [
            stack.enter_context(connected(running, b"POST /-/reload HTTP/1.1\r\nHost: x\r\n"))
            for _ in range(50)
        ]
        for client in ready:
            client.sendall(b"\r\n")
        answers = [client.recv(1000) for client in ready]
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    time.sleep(0.2)
    reloads = len(running.log("configuration in use")) - 1
    print(f"{reloads} reloads")  # noqa: T201 - pytest -s shows what it came to
    assert 1 <= reloads <= 10
    assert running.end() == 0


def test_as_process_1_it_ends_as_well(
    nativechat: Callable[..., Chat], query: Query, tmp_path: Path, plain_environ: dict[str, str]
) -> None:
    """The kernel drops signals to process 1 that it does not handle."""
    if subprocess.run(["unshare", "--pid", "--fork", "true"], check=False).returncode:
        return  # not allowed here
    chat = nativechat()
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(chat.config([query()])), "utf-8")
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "exporter", "run"]
    command += [f"--config.file={config}", "--web.listen-address=127.0.0.1:0"]
    with subprocess.Popen(command, env={**plain_environ, **chat.environ}, stderr=subprocess.PIPE) as process:
        assert process.stderr
        while b"msg=listening" not in process.stderr.readline():
            assert process.poll() is None
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        assert process.wait(5) == 0


@pytest.mark.parametrize("stderr", ["full", "closed"])
def test_a_log_that_cannot_be_written_leaves_the_exit_code(
    nativechat: Callable[..., Chat],
    query: Query,
    tmp_path: Path,
    plain_environ: dict[str, str],
    stderr: str,
) -> None:
    chat = nativechat()
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(chat.config([query()])), "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = f"--config.file={config} --web.listen-address=127.0.0.1:{port}"
    into = "2>/dev/full" if stderr == "full" else "2>&-"
    command = f"exec {sys.executable} -m exporter run {words} {into}"
    with subprocess.Popen(command, shell=True, env={**plain_environ, **chat.environ}) as process:
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
        process.terminate()
        assert process.wait(5) == 0
