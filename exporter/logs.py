"""Writes log lines: one event each, as logfmt or JSON, on standard error.

An event is a lower-case phrase and fields: `log.warning("query fails", extra=fields(bot="support"))`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from typing import Any, Final, Literal, ParamSpec, cast

LEVELS: Final = {"debug": 10, "info": 20, "warn": 30, "error": 40}
LogFormat = Literal["logfmt", "json"]
_Args = ParamSpec("_Args")

MOST_WAITING: Final = 10_000
"""Most lines that wait for a slow reader; further ones are dropped, and counted."""

MOST_TRACEBACKS: Final = 1000
"""Most different tracebacks that are logged."""

PATIENCE: Final = 1.0
"""Seconds to write the last lines when the process ends; half as many more if the queue is full."""


def set_up(level: str, log_format: LogFormat) -> None:
    """Send every logger's lines at `level` or above to standard error.

    Libraries log at level debug only: the exporter itself logs what matters of theirs, once. urllib3 never
    does: its lines have URLs, with the bot's id and whole predicates.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(_json if log_format == "json" else _logfmt))
    logging.basicConfig(handlers=[handler], level=LEVELS[level], force=True)
    logging.captureWarnings(capture=True)
    for library in ("asyncio", "schedule", "tornado"):
        logging.getLogger(library).setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)


class _Queue(QueueHandler):
    """Queues lines for another thread; drops and counts lines if the queue is full."""

    queue: Queue[logging.LogRecord | None]
    dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # the writer is in this process, so it formats the line

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except Full:
            self.dropped += 1


class _Writer(QueueListener):
    """Writes queued lines, and logs how many were dropped once there is room again."""

    queue: Queue[logging.LogRecord | None]

    def __init__(self, source: _Queue, handlers: list[logging.Handler]) -> None:
        super().__init__(source.queue, *handlers)
        self._source = source

    def handle(self, record: logging.LogRecord) -> None:
        super().handle(record)
        if self._source.dropped and self._source.queue.qsize() < MOST_WAITING / 2:
            lines, self._source.dropped = self._source.dropped, 0
            line = logging.LogRecord(
                __name__, logging.WARNING, __file__, 0, "log lines were lost", None, None
            )
            advice = "read standard error faster, or raise --log.level"
            line.__dict__.update(fields(lines=lines, advice=advice))
            super().handle(line)

    def end(self) -> bool:
        """Write what is queued, and return whether that is done; needs no further thread."""
        try:
            self.queue.put(None, timeout=PATIENCE / 2)  # waits while the queue is full
        except Full:
            return False
        thread = cast("threading.Thread", self._thread)
        thread.join(PATIENCE)
        return not thread.is_alive()


def unblocked(command: Callable[_Args, int]) -> Callable[_Args, int]:
    """Let a command write its log lines on another thread; see PATIENCE for the last ones.

    Standard error is often a pipe. If its reader stops, writing blocks the thread that logs, such as a
    worker; so lines are dropped instead. If the last lines cannot be written, the process ends at once with
    the command's exit code: the interpreter's own shutdown would wait for the stream. Lines of threads that
    outlive the command are dropped: Python aborts if such a thread writes while the interpreter ends.
    """

    @wraps(command)
    def unblocked_command(*args: _Args.args, **kwargs: _Args.kwargs) -> int:
        root, before = logging.getLogger(), set(threading.enumerate())
        direct = root.handlers[:]
        queue = _Queue(Queue(MOST_WAITING))
        writer = _Writer(queue, direct)
        writer.start()
        root.handlers[:] = [queue]
        try:
            code = command(*args, **kwargs)
        finally:
            is_written = writer.end()
            if not set(threading.enumerate()) - before:
                root.handlers[:] = direct
        if not is_written:
            os._exit(code)
        return code

    return unblocked_command


def fields(**values: object) -> dict[str, Any]:
    """Return these fields as the argument `extra` of a logging call, without those that are None."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


class _Formatter(logging.Formatter):
    """Makes a line of an event. Logs each traceback once: an error that repeats would hide other lines."""

    def __init__(self, write: Callable[[dict[str, object]], str]) -> None:
        super().__init__()
        self._write = write
        self._logged: set[str] = set()

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event: dict[str, object] = {
            "ts": when.replace("+00:00", "Z"),
            "level": next((name for name, level in LEVELS.items() if level >= record.levelno), "error"),
            "msg": record.getMessage(),
        }
        event.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1]:
            event["exception"] = repr(record.exc_info[1])
            traceback = self.formatException(record.exc_info)
            if traceback not in self._logged and len(self._logged) < MOST_TRACEBACKS:
                self._logged.add(traceback)
                event["traceback"] = traceback
        return self._write(event)


def _logfmt(event: dict[str, object]) -> str:
    return " ".join(f"{name}={_quote(value)}" for name, value in event.items())


def _quote(value: object) -> str:
    text = str(value)
    if isinstance(value, bool):
        text = text.lower()
    elif isinstance(value, float):
        text = f"{value:.3f}".rstrip("0").rstrip(".")
    if text and not any(mark in text for mark in ' "=\\') and text.isprintable():
        return text
    return _json(text)


def _json(value: object) -> str:
    """Return JSON on one line; other line separators, such as U+2028, are escaped."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if text.isprintable() else json.dumps(value, default=str)
