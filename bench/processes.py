"""Starts processes and looks at them from outside: their CPU, their memory, their wake-ups."""

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
from typing import Final, TypeVar

from bench.configs import ENVIRON
from bench.pages import Reader

PATIENCE: Final = 120.0
"""Seconds after which whatever is waited for will not come."""

_LOOK: Final = 0.002
"""Seconds between two looks at a process that starts."""

_COUNT: Final = re.compile(rb"^nativechat_query_\w+(?<!_new_total)\{", re.MULTILINE)
"""A line of the page with a count: not with the sum of its rises."""

AnyPopen = TypeVar("AnyPopen", "subprocess.Popen[bytes]", "subprocess.Popen[str]")


class Subject:
    """A process that serves a page of metrics; `lines` of it stand for one count."""

    def __init__(
        self, process: subprocess.Popen[bytes], began: float, port: int, log: Path, lines: int
    ) -> None:
        self.port = port
        self._process = process
        self._began = began
        self._log = log
        self._lines = lines

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def cpu(self) -> float:
        """Return the seconds of CPU it has used in all its threads."""
        # The clock that clock_getcpuclockid(3) gives, which Python lacks: it counts nanoseconds, where
        # /proc/PID/stat counts hundredths of a second.
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident(self) -> float:
        """Return the memory it holds, in bytes."""
        return resident(self.pid)

    def wakes(self) -> int:
        """Return how often its threads went to sleep, each time to be woken."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(_number("voluntary_ctxt_switches", task / "status") for task in tasks)

    @contextmanager
    def awake(self, settling: float = 0.3) -> Iterator[None]:
        """Let it run for some seconds and then for the body of a `with`; it is stopped afterwards."""
        os.kill(self.pid, signal.SIGCONT)
        time.sleep(settling)
        try:
            yield
        finally:
            self.freeze()

    def freeze(self) -> None:
        """Stop it where it is, so that it takes nothing from the others."""
        os.kill(self.pid, signal.SIGSTOP)

    def page(self) -> bytes:
        """Return its page as it is without compression."""
        with Reader(self.port, gzip=False) as reader:
            return reader.read()

    def until_answers(self) -> float:
        """Wait for its first page; return how many seconds after its start that came."""
        return self.until(lambda: bool(self.page()), _LOOK)

    def until_counted(self, counts: int, pause: float = 0.1) -> float:
        """Wait until its page shows so many counts; return how many seconds after its start that was."""
        return self.until(lambda: len(_COUNT.findall(self.page())) >= counts * self._lines, pause)

    def until(self, holds: Callable[[], bool], pause: float) -> float:
        """Wait until something holds; return how many seconds after its start that was."""
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
def serving(command: Callable[[Path, int], Sequence[str]], lines: int = 1) -> Iterator[Subject]:
    """Run a command that serves; it is made from a folder for its files and a free port."""
    with TemporaryDirectory() as name, socket.socket() as place:
        # Held, so that nobody else is given the port; whoever also says SO_REUSEADDR may listen on it.
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        words = command(Path(name), port)
        log = Path(name) / "log"
        with log.open("wb") as said:
            began = time.perf_counter()
            process = subprocess.Popen(words, stdout=said, stderr=said, env=environment())
        with _ended(process):
            yield Subject(process, began, port, log, lines)


def environment() -> dict[str, str]:
    """Return the environment of what is started: bytecode is kept, as it is where a program is installed."""
    here = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**here, **ENVIRON}


@contextmanager
def talking(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command that is spoken to by its input and output."""
    pipe = subprocess.PIPE
    with _ended(subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment())) as process:
        yield process


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the next line a process says; raise where it ended instead."""
    assert process.stdout is not None
    if not (line := process.stdout.readline()):
        raise RuntimeError(f"{process.args!r} ended")
    return line


def resident(pid: int) -> float:
    """Return the memory a process holds, in bytes."""
    return 1024.0 * _number("VmRSS", Path(f"/proc/{pid}/status"))


def _number(name: str, file: Path) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", file.read_text("ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1])


@contextmanager
def _ended(process: AnyPopen) -> Iterator[AnyPopen]:
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.communicate(timeout=10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
