"""Writes a configuration with the proposed queries, each below what it rests on."""

from __future__ import annotations

from textwrap import indent, wrap
from typing import Final

from exporter.explore.explore import Explored
from exporter.language import yaml_text
from exporter.model import Json

_WIDTH: Final = 100
_HEAD: Final = """\
# Written by `nativechat-exporter explore`, from what the bot has now.
# Each query is a gauge, nativechat_<name>. The comment above it says what it rests on.
# Change what you like, then run `nativechat-exporter check`.
"""


def configuration(explored: Explored, bot: dict[str, Json]) -> str:
    """Return the configuration as YAML; `bot` is the item of `bots`, whose `api` gets the format of dates."""
    if explored.dates not in (None, "iso"):
        api = bot.get("api")
        bot = {**bot, "api": {**(api if isinstance(api, dict) else {}), "dates": explored.dates}}
    queries = [_item(each.query, each.rests_on) for each in explored.queries]
    return f"{_HEAD}\nbots:\n{_item(bot, 'The bot that was explored.')}\nqueries:\n" + "\n".join(queries)


def _item(document: dict[str, Json], text: str) -> str:
    """Return an item of a list, below a comment that is wrapped at _WIDTH."""
    lines = "\n# ".join(wrap(text, _WIDTH, break_long_words=False))
    return indent(yaml_text.write([document], lines, short=True), "  ")
