"""Declares the whole configuration file; `python -m exporter.config.schema` prints its JSON Schema."""

from __future__ import annotations

import json
import sys
from typing import Final

from exporter.config import words
from exporter.config.bots import API, BOT
from exporter.config.kinds import Key, Schema, choice, list_of, section, whole
from exporter.config.queries import DEFAULTS, QUERY
from exporter.model import SHARD_BY, Config

_CONFIG: Final = Config(bots=(), queries=())

CONFIG: Final = section(
    "a mapping with bots and queries",
    {
        "api": Key(API, "How requests to NativeChat are made."),
        "timezone": Key(
            words.ZONE, "IANA time zone, for at and for rounding in date math.", str(_CONFIG.zone)
        ),
        "max_series": Key(
            whole(1, 100_000), "Most series one query may make, over all bots.", _CONFIG.max_series
        ),
        "workers": Key(whole(1, 1024), "Most requests in flight, over all bots.", _CONFIG.workers),
        "shard_by": Key(
            choice(SHARD_BY), "What is kept on one shard if there are several.", _CONFIG.shard_by
        ),
        "bots": Key(list_of(BOT, "a list of bots"), "The bots that are asked.", required=True),
        "defaults": Key(DEFAULTS, "The values of keys that a query leaves out."),
        "queries": Key(list_of(QUERY, "a list of queries"), "What is counted.", required=True),
    },
)


def json_schema() -> Schema:
    """Return the JSON Schema, draft 2020-12, of a configuration file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nativechat-exporter configuration",
        **CONFIG.schema,
    }


def text() -> str:
    """Return the JSON Schema as the file that ships."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
