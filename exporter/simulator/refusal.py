"""Requests that are refused, and JSON that may be the reason."""

from __future__ import annotations

import json

from exporter.model import Json


class Refused(Exception):
    """The request is refused, with this reason, status and headers."""

    def __init__(self, reason: str, status: int = 400, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers


def json_object(text: str | bytes, name: str) -> dict[str, Json]:
    """Return the JSON object in a text that is called `name`; Refused for anything else, such as NaN."""
    try:
        value: Json = json.loads(text, parse_constant=int)  # int refuses NaN and Infinity, which are no JSON
    except (ValueError, RecursionError) as error:
        raise Refused(f"{name} is not valid JSON") from error
    if not isinstance(value, dict):
        raise Refused(f"{name} must be a JSON object")
    return value
