"""Writes log lines: one event each, as logfmt or JSON, on standard error.

An event is a lower-case phrase and fields: `log.warning("query fails", extra=fields(bot="support"))`.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal

LEVELS: Final = {"debug": 10, "info": 20, "warn": 30, "error": 40}
LogFormat = Literal["logfmt", "json"]


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


def fields(**values: object) -> dict[str, Any]:
    """Return what a logging call takes as `extra`, to put these fields on its line; None is left out."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


class _Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quote(value)}" for name, value in _event(self, record).items())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _json(_event(self, record))


def _event(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, object]:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    event: dict[str, object] = {
        "ts": when.replace("+00:00", "Z"),
        "level": next((name for name, level in LEVELS.items() if level >= record.levelno), "error"),
        "msg": record.getMessage(),
    }
    event.update(getattr(record, "fields", {}))
    if record.exc_info:
        event["traceback"] = formatter.formatException(record.exc_info)
    return event


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
