"""Describes the configuration as JSON Schema; `python -m exporter.config.jsonschema` prints it."""

from __future__ import annotations

import json
import sys

from exporter.config.kinds import Schema
from exporter.config.schema import CONFIG


def json_schema() -> Schema:
    """Return the JSON Schema, draft 2020-12, of a configuration file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nativechat-exporter configuration",
        **CONFIG.schema(),
    }


def text() -> str:
    """Return the JSON Schema as the file that ships."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
