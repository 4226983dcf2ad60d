"""Configurations of many shapes, for whatever is made from a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from exporter.simulator.bots import simulated_bots

_ALL: Final = {"name": "conversations", "help": "All of them.", "collection": "conversations"}
_ERRORS: Final = {
    "name": "with_errors",
    "help": "With errors",
    "collection": "conversations",
    "query": {"Errors": {"$gt": 0}},
}
_CHANNELS: Final = ["facebook", "viber", "darvin"]
_CHANNEL: Final = {"Data.channel.ProviderName": "{channel}"}
_STATUS: Final = {"Status": "{status}"}
_RISE: Final = {"rises_by": 1, "within": "10s"}


@dataclass(frozen=True)
class Shape:
    """How many bots there are, what they are asked, and whether they have labels."""

    bots: int
    queries: tuple[dict[str, Any], ...]
    labelled: bool = False

    def document(self, **around: object) -> dict[str, Any]:
        """Return the configuration of simulated bots, their tokens in TOKEN_<name>."""
        bots = [
            {"name": bot.name, "id": bot.id, "token": {"env": f"TOKEN_{bot.name}"}}
            for bot in simulated_bots(self.bots)
        ]
        for number, bot in enumerate(bots if self.labelled else ()):
            bot["labels"] = {"team": ("care", "sales")[number % 2], "datasource": "history"}
        return {"bots": bots, "queries": list(self.queries), "defaults": {"every": "1s"}, **around}


SHAPES: Final = {
    "one bot": Shape(1, (_ALL, {**_ERRORS, "alert": _RISE})),
    "ten bots": Shape(
        10,
        (
            {**_ALL, "alert": {"below": 1, "for": "5m", "severity": "critical"}},
            {
                "name": "by_channel",
                "help": "By channel.",
                "collection": "conversations",
                "labels": {"channel": _CHANNELS},
                "query": _CHANNEL,
                "alert": {"above": "90%", "of": "conversations"},
            },
        ),
        labelled=True,
    ),
    "two labels": Shape(
        2,
        (
            {
                "name": "by_channel_and_status",
                "help": "By channel and status.",
                "collection": "conversations",
                "labels": {"channel": _CHANNELS, "status": ["success", "error"]},
                "query": {**_CHANNEL, **_STATUS},
                "alert": {"above": 1000, "severity": "info"},
            },
            {
                "name": "by_outcome_and_length",
                "help": "What may overlap.",
                "collection": "conversations",
                "labels": {
                    "outcome": {"success": {"Status": "success"}, "error": {"Errors": {"$gt": 0}}},
                    "length": {"short": {"Messages.user": {"$lt": 4}}, "any": {}},
                },
            },
        ),
    ),
    "three labels": Shape(
        1,
        (
            {
                "name": "by_three",
                "help": "By three labels",
                "collection": "conversations",
                "labels": {"channel": _CHANNELS, "status": ["success", "error"], "turns": [1, 2]},
                "query": {**_CHANNEL, **_STATUS, "Messages.user": "{turns}"},
                "alert": _RISE,
            },
        ),
    ),
    "only messages": Shape(1, ({"name": "messages", "help": "All messages.", "collection": "messages"},)),
    "no alerts": Shape(
        1,
        (
            _ALL,
            _ERRORS,
            {
                "name": "last_hour",
                "help": "Started in the last hour.",
                "collection": "conversations",
                "query": {"StartedAt": {"$gte": {"$date": "now-1h"}}},
            },
        ),
    ),
}
