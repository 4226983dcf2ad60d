"""Says what a reload changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from exporter.model import Config

MOST_NAMES: Final = 10
"""Most names of one kind that are listed; more are counted."""


def changes(before: Config, after: Config) -> str:
    """Return which bots, queries and settings were added, removed or changed; "none" if nothing was.

    That a new bot gets queries is no change of these queries.
    """
    both = {bot.name for bot in before.bots} & {bot.name for bot in after.bots}
    old, new = _parts(before, both), _parts(after, both)
    return "; ".join(text for kind in old for text in _differences(kind, old[kind], new[kind])) or "none"


def _parts(config: Config, bots: AbstractSet[str]) -> dict[str, dict[str, object]]:
    """Return what can differ, by kind and name; of the queries' bots only these."""
    return {
        "bots": {bot.name: bot for bot in config.bots},
        "queries": {
            query.name: (replace(query, bots=tuple(bot for bot in query.bots if bot in bots)), query.alerts)
            for query in config.queries
        },
        "settings": {
            "timezone": config.zone.key,
            "max_series": config.max_series,
            "workers": config.workers,
            "shard_by": config.shard_by,
        },
    }


def _differences(kind: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    for what, names in (
        ("added", [name for name in after if name not in before]),
        ("removed", [name for name in before if name not in after]),
        ("changed", [name for name in after if name in before and after[name] != before[name]]),
    ):
        if names:
            yield f"{kind} {what}: {len(names) if len(names) > MOST_NAMES else ', '.join(names)}"
