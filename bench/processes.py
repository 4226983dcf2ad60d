"""Starts processes, and reads their CPU, memory and wake-ups from the kernel."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.configs import ENVIRON
from bench.pages import Reader

PATIENCE: Final = 120.0
"""Seconds after which a wait is given up."""

_LOOK: Final = 0.002
"""Seconds between two looks at a process that starts."""

_COUNT: Final = re.compile(rb"^nativechat_(?!exporter_|up|bot_info)\w+(?<!_new_total)\{", re.MULTILINE)
"""A line of the page with a count: not with the sum of its rises."""


class Subject:
    """A process that serves a page of metrics."""

    def __init__(self, process: subprocess.Popen[bytes], began: float, port: int, log: Path) -> None:
        self.port = port
        self._process = process
        self._began = began
        self._log = log

    def cpu(self) -> float:
        """Return the seconds of CPU it has used in all its threads."""
        # The clock that clock_getcpuclockid(3) gives, which Python lacks: it counts nanoseconds, where
        # /proc/PID/stat counts hundredths of a second.
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def resident(self) -> float:
        """Return the memory it holds, in bytes."""
        return resident(self._process.pid)

    def wakes(self) -> int:
        """Return how often its threads were woken so far."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(_number("voluntary_ctxt_switches", task / "status") for task in tasks)

    @contextmanager
    def running(self, settling: float = 0.3) -> Iterator[None]:
        """Let it run for `settling` seconds, then for the body of the `with`; stop it afterwards."""
        os.kill(self._process.pid, signal.SIGCONT)
        time.sleep(settling)
        try:
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop it where it is, so that it uses no CPU while others are measured."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def until_answers(self) -> float:
        """Wait for its first page; return how many seconds after its start it came."""
        return self._until(lambda: bool(self.page()), _LOOK)

    def until_counted(self, counts: int, pause: float = 0.1) -> float:
        """Wait until its page shows so many counts; return how many seconds after its start that was."""
        return self._until(lambda: len(_COUNT.findall(self.page())) >= counts, pause)

    def page(self) -> bytes:
        """Return its page as it is without compression."""
        with Reader(self.port, gzip=False) as reader:
            return reader.read()

    def _until(self, holds: Callable[[], bool], pause: float) -> float:
        while time.perf_counter() - self._began < PATIENCE:
            try:
                if holds():
                    return time.perf_counter() - self._began
            except OSError:  # it does not listen yet
                pass
            if self._process.poll() is not None:
                break
            time.sleep(pause)
        said = self._log.read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"no answer from {self._process.args!r}; it said: {said}")


@contextmanager
def serving(command: Callable[[Path, int], Sequence[str]], config: str) -> Iterator[Subject]:
    """Run a command that serves; it is made from the file of its configuration and a free port."""
    with TemporaryDirectory() as name, socket.socket() as place:
        # Held, so that nobody else is given the port; whoever also sets SO_REUSEADDR may listen on it.
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        file, log = Path(name) / "config.yaml", Path(name) / "log"
        file.write_text(config, "utf-8")
        words = command(file, port)
        with log.open("wb") as output:
            began = time.perf_counter()
            process = subprocess.Popen(words, stdout=output, stderr=output, env=_environment())
        with _ended(process):
            yield Subject(process, began, port, log)


@contextmanager
def talking(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command with pipes to its input and from its output."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=_environment())
    with _ended(process):
        yield process


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the next line of a process; raise RuntimeError if it ended instead."""
    assert process.stdout is not None
    if not (line := process.stdout.readline()):
        raise RuntimeError(f"{process.args!r} ended")
    return line


def resident(pid: int) -> float:
    """Return the memory a process holds, in bytes."""
    return 1024.0 * _number("VmRSS", Path(f"/proc/{pid}/status"))


def _environment() -> dict[str, str]:
    """Return an environment in which Python keeps bytecode, as it does where a program is installed."""
    here = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**here, **ENVIRON}


def _number(name: str, file: Path) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", file.read_text("ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1])


@contextmanager
def _ended(process: subprocess.Popen[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.communicate(timeout=10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
