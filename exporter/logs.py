"""Writes log lines: one event each, as logfmt or JSON, on standard error.

An event is a lower-case phrase and fields: `log.warning("query fails", extra=fields(bot="support"))`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from queue import Full, Queue
from typing import Any, Final, Literal

LEVELS: Final = {"debug": 10, "info": 20, "warn": 30, "error": 40}
LogFormat = Literal["logfmt", "json"]

MOST_WAITING: Final = 10_000
"""Lines that wait for a reader that does not keep up; further ones are lost, and counted."""

MOST_TRACEBACKS: Final = 1000
"""Different tracebacks that are told; so many defects are one."""

PATIENCE: Final = 1.0
"""Seconds that the last lines get to be written at the end."""


def set_up(level: str, log_format: LogFormat) -> None:
    """Send every logger's lines at `level` or above to standard error.

    Libraries speak only where everything is asked for: what of theirs matters is logged by us, once.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Logfmt())
    logging.basicConfig(handlers=[handler], level=LEVELS[level], force=True)
    logging.captureWarnings(capture=True)
    for library in ("asyncio", "schedule", "urllib3"):
        logging.getLogger(library).setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)


class Writer:
    """The thread that writes lines."""

    def __init__(self, handlers: list[logging.Handler]) -> None:
        self._handlers = handlers
        self._lines: Queue[logging.LogRecord | None] = Queue(MOST_WAITING)
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def take(self, record: logging.LogRecord) -> None:
        """Have a line written, or lose it: never wait."""
        try:
            self._lines.put_nowait(record)
        except Full:
            self._lost += 1

    def end(self) -> None:
        """Write what is left, but for no longer than twice PATIENCE."""
        with suppress(Full):
            self._lines.put(None, timeout=PATIENCE)
        self._thread.join(PATIENCE)

    def leave(self, code: int) -> int:
        """Return the process's exit code; where nobody reads the lines, end the process with it here.

        The interpreter's own end would wait for the lock of the stream that is stuck.
        """
        if self._thread.is_alive():
            os._exit(code)
        return code

    def _write(self) -> None:
        while (record := self._lines.get()) is not None:
            self._hand_on(record)
            if self._lines.qsize() < MOST_WAITING / 2:
                self._tell_lost()
        self._tell_lost()

    def _tell_lost(self) -> None:
        lost, self._lost = self._lost, 0
        if lost:
            line = logging.LogRecord(
                __name__, logging.WARNING, __file__, 0, "log lines were lost", None, None
            )
            line.__dict__.update(fields(lines=lost))
            self._hand_on(line)

    def _hand_on(self, record: logging.LogRecord) -> None:
        for handler in self._handlers:
            handler.handle(record)


@contextmanager
def unblocked() -> Iterator[Writer]:
    """Write every line on a thread of its own while this lasts.

    Standard error is often a pipe, and a reader that stops reading it would stop whoever logs: a
    worker, the timetable. So it costs lines instead.
    """
    root = logging.getLogger()
    direct = root.handlers[:]
    writer = Writer(direct)
    handler = _Handing(writer)
    root.handlers[:] = [handler]
    try:
        yield writer
    finally:
        root.handlers[:] = direct
        writer.end()


def fields(**values: object) -> dict[str, Any]:
    """Return what a logging call takes as `extra`, to put these fields on its line; None is left out."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


class _Handing(logging.Handler):
    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        self._writer.take(record)


class _Line(logging.Formatter):
    """Makes a line's fields. A traceback is told once: a defect that repeats would drown the rest."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def event(self, record: logging.LogRecord) -> dict[str, object]:
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
            if traceback not in self._told and len(self._told) < MOST_TRACEBACKS:
                self._told.add(traceback)
                event["traceback"] = traceback
        return event


class _Logfmt(_Line):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quote(value)}" for name, value in self.event(record).items())


class _Json(_Line):
    def format(self, record: logging.LogRecord) -> str:
        return _json(self.event(record))


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
    """Return JSON that is one line to every reader: U+2028 and the like do not print, so they are escaped."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if text.isprintable() else json.dumps(value, default=str)
