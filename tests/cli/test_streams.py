"""Laws of a download in progress: it streams, it can stop at any time, and it says after how many rows."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import Popen, run
from threading import Event

import pytest

from exporter.simulator.faults import Fault
from exporter.simulator.simulation import Simulation

PATIENCE = 30.0

Made = Callable[..., tuple[Simulation, Path]]
Started = Callable[..., Popen[str]]
Paged = Callable[..., tuple[Event, Event, Path]]


def line(process: Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_rows_are_printed_before_the_next_page_arrives(started: Started, paged: Paged) -> None:
    kept_back, go_on, config = paged(2, keep_back=1)
    process = started("messages", "--config.file", config)
    first = [json.loads(line(process))["_id"] for _ in range(100)]
    assert kept_back.wait(PATIENCE)
    go_on.set()
    rest, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert first + [json.loads(row)["_id"] for row in rest.splitlines()] == list(range(200))
    assert told == ""


def test_an_interrupt_prints_the_number_of_rows(started: Started, paged: Paged) -> None:
    kept_back, _, config = paged(9, keep_back=2)
    process = started("conversations", "--config.file", config, "--skip", "50", "--limit", "500")
    rows = [line(process) for _ in range(200)]
    assert kept_back.wait(PATIENCE)
    process.send_signal(signal.SIGINT)
    rest, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert len([*rows, *rest.splitlines()]) == 200
    assert told == "stopped after 200 conversations: interrupted; go on with --skip 250 --limit 300\n"


def test_a_failure_in_the_middle_keeps_the_rows_before_it(started: Started, paged: Paged) -> None:
    kept_back, _, config = paged(9, keep_back=1)
    config.write_text(config.read_text("utf-8").replace("timeout: 30s", "timeout: 1s, retries: 0"), "utf-8")
    process = started("conversations", "--config.file", config)
    rows, told = process.communicate(timeout=PATIENCE)
    assert kept_back.is_set()
    assert process.returncode == 1
    assert [json.loads(row)["_id"] for row in rows.splitlines()] == list(range(100))
    assert told.startswith("stopped after 100 conversations: timeout: ")
    assert told.endswith("; go on with --skip 100\n")


def test_a_reader_that_closes_the_pipe_gets_no_message(started: Started, paged: Paged) -> None:
    kept_back, go_on, config = paged(3, keep_back=1)
    process = started("conversations", "--config.file", config)
    assert json.loads(line(process)) == {"_id": 0, "Text": ""}
    assert kept_back.wait(PATIENCE)
    assert process.stdout is not None
    process.stdout.close()
    go_on.set()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(PATIENCE) == 1


def test_a_full_disk_prints_the_number_of_rows(started: Started, paged: Paged) -> None:
    _, _, config = paged(3)
    full = os.open("/dev/full", os.O_WRONLY)
    process = started("conversations", "--config.file", config, stdout=full)
    os.close(full)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert told == "stopped after 0 conversations: cannot print: no space left on device\n"


def test_a_download_is_not_kept_in_memory(started: Started, paged: Paged) -> None:
    text = "x" * 2000
    peaks = []
    for pages in (2, 80):
        _, _, config = paged(pages, text=text)
        null = os.open(os.devnull, os.O_WRONLY)
        process = started("messages", "--config.file", config, stdout=null)
        os.close(null)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss * 1024)
    few, many = peaks
    assert many - few < 78 * 100 * len(text) / 4


def shown_on_a_terminal(started: Started, *words: str | Path, stdout: int | None = None) -> str:
    """Run a command on a terminal, with its output there or in a file; return what the terminal shows."""
    ours, theirs = pty.openpty()
    process = started(*words, stdout=theirs if stdout is None else stdout, stderr=theirs)
    os.close(theirs)
    shown = b""
    # Linux raises an error once the other end of a terminal is closed.
    with suppress(OSError):
        while part := os.read(ours, 1 << 16):
            shown += part
    os.close(ours)
    assert process.wait(PATIENCE) == 0
    return shown.decode()


def test_a_terminal_shows_a_progress_bar(
    started: Started, nativechat: Callable[..., tuple[Simulation, Path]], tmp_path: Path
) -> None:
    simulation, config = nativechat()
    number = simulation.count("support", "conversations")
    results = tmp_path / "rows.jsonl"
    with results.open("w") as file:
        shown = shown_on_a_terminal(
            started, "conversations", "--config.file", config, "--skip", "20", stdout=file.fileno()
        )
    assert f"] {number - 20}/{number - 20}" in " ".join(shown.split())
    assert "{" not in shown
    assert len(results.read_text("utf-8").splitlines()) == number - 20


def test_a_backfill_shows_a_progress_bar_of_its_steps(
    started: Started, nativechat: Callable[..., tuple[Simulation, Path]], tmp_path: Path
) -> None:
    _, config = nativechat()
    words = (
        "backfill",
        "conversations",
        "--config.file",
        config,
        "--since",
        "1d",
        "--to",
        tmp_path / "past.om",
    )
    assert "100%" in shown_on_a_terminal(started, *words)


def test_a_full_disk_ends_a_backfill_with_the_number_of_counts(
    started: Started, nativechat: Callable[..., tuple[Simulation, Path]]
) -> None:
    _, config = nativechat()
    full = os.open("/dev/full", os.O_WRONLY)
    words = ("backfill", "conversations", "--config.file", config, "--since", "1d", "--step", "12h")
    process = started(*words, stdout=full)
    os.close(full)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert re.search(
        r"^stopped after \d counts: cannot print: no space left on device\n\Z",
        told,
        re.MULTILINE,
    )


def test_without_a_count_the_progress_bar_ends_at_the_limit(
    started: Started, nativechat: Callable[..., tuple[Simulation, Path]], tmp_path: Path
) -> None:
    simulation, config = nativechat()
    simulation.faults.set(Fault("count-html", times=1))
    with (tmp_path / "rows.jsonl").open("w") as file:
        shown = shown_on_a_terminal(
            started, "messages", "--config.file", config, "--limit", "30", stdout=file.fileno()
        )
    assert "] 30/30" in " ".join(shown.split())


def test_rows_on_the_same_terminal_have_their_own_lines(started: Started, paged: Paged) -> None:
    _, _, config = paged(1)
    shown = shown_on_a_terminal(started, "messages", "--config.file", config)
    lines = [line.rpartition("\x1b[K")[2] for line in shown.split("\r\n")]
    assert [json.loads(line)["_id"] for line in lines if line.startswith("{")] == list(range(100))
    assert "100/100" in lines[-2]


def test_a_download_to_a_file_draws_its_bar_over_itself(
    started: Started, nativechat: Callable[..., tuple[Simulation, Path]], tmp_path: Path
) -> None:
    simulation, config = nativechat()
    number = simulation.count("support", "messages")
    shown = shown_on_a_terminal(started, "messages", "--config.file", config, "--to", tmp_path / "rows")
    assert f"] {number}/{number}" in " ".join(shown.split())
    assert "{" not in shown
    assert "\x1b[K" not in shown
    assert shown.endswith(f"rows has {number:,} messages\r\n")


def test_without_a_terminal_there_is_no_progress_bar(started: Started, paged: Paged) -> None:
    _, _, config = paged(1)
    _, told = started("messages", "--config.file", config).communicate(timeout=PATIENCE)
    assert told == ""


ZERO = "no conversation has it in `Data.channel.ProviderName`: nothing happened yet, or it is misspelt"
CYRILLIC = """\
queries:
  - name: conversations
    help: Разговори по канал.
    collection: conversations
    labels: {channel: [канал, уеб]}
    query: {Data.channel.ProviderName: "{channel}"}
    alert: {above: 5}
"""


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.parametrize(
    "command",
    ["check", "rules", "dashboard", "count", "count --output=json", "count --output=prometheus"],
)
def test_the_output_is_utf_8_in_every_locale(
    started: Started, nativechat: Made, monkeypatch: pytest.MonkeyPatch, command: str, encoding: str
) -> None:
    _, config = nativechat()
    before, _, _ = config.read_text("utf-8").partition("queries:")
    config.write_text(before + CYRILLIC, "utf-8")
    config = config.rename(config.with_name("канал.yaml"))
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    process = started(*command.split(), "--config.file", config)
    printed, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "канал" in printed
    assert told.replace(' "канал" or "уеб" ', " it ") in ("", f"support/conversations: {ZERO}\n")


def test_rows_and_errors_are_utf_8_where_the_locale_is_c(
    started: Started, paged: Paged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}.items():
        monkeypatch.setenv(name, value)
    _, _, config = paged(1, text="Грешка \ud83d")
    rows, _ = started("messages", "--config.file", config, "--limit=1").communicate(timeout=PATIENCE)
    assert rows == '{"_id": 0, "Text": "Грешка \\ud83d"}\n'
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("грешка: 1\n", "utf-8")
    _, told = started("rules", "--config.file", wrong).communicate(timeout=PATIENCE)
    assert "wrong.yaml:1:1: грешка: " in told


def test_a_path_that_is_not_utf_8_is_printed_without_a_traceback(started: Started, nativechat: Made) -> None:
    _, config = nativechat()
    odd = config.rename(config.with_name(os.fsdecode(b"\xff.yaml")))
    printed, told = started("check", "--config.file", odd).communicate(timeout=PATIENCE)
    assert told == ""
    assert "\\udcff.yaml: bots: 1" in printed


@pytest.mark.parametrize("command", ["conversations", "check"])
def test_a_closed_output_is_a_failure_and_closed_messages_are_discarded(paged: Paged, command: str) -> None:
    _, _, config = paged(2)
    words = f"{sys.executable} -m exporter {command} --config.file {config}"
    no_output = run(["sh", "-c", f"{words} >&-"], capture_output=True, encoding="utf-8", check=False)
    no_messages = run(["sh", "-c", f"{words} 2>&-"], capture_output=True, encoding="utf-8", check=False)

    assert no_output.returncode == 1
    assert no_output.stderr.endswith("cannot print: bad file descriptor\n")
    assert (no_messages.returncode, no_messages.stdout == "") == (0, False)
