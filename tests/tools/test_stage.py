"""Laws of what tools watch: the configuration is the shipped one, only quicker and with simulated bots."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from exporter.config.load import load
from tools.stage import quickened

SHIPPED = Path(__file__).parents[2] / "config.yaml"
URL = "http://127.0.0.1:1/v1"
BOTS = [("support", "5990b7b5d57ae86c1b2dfd6e"), ("sales", "5990b7b5d57ae86c1b2dfd6f")]


def test_the_shipped_queries_are_asked_of_every_simulated_bot_every_few_seconds(tmp_path: Path) -> None:
    quick = tmp_path / "config.yaml"
    quick.write_text(json.dumps(quickened(yaml.safe_load(SHIPPED.read_text("utf-8")), URL, BOTS)), "utf-8")
    tokens = {
        "NATIVECHAT_BOT_ID": BOTS[0][1],
        "NATIVECHAT_TOKEN": "x",
        "TOKEN_support": "x",
        "TOKEN_sales": "x",
    }
    shipped, config = (load(file, tokens).config for file in (SHIPPED, quick))
    assert [(query.name, query.variants) for query in config.queries] == [
        (query.name, query.variants) for query in shipped.queries
    ]
    assert {query.every for query in config.queries} == {5.0}
    assert {query.bots for query in config.queries} == {("support", "sales")}
    assert {bot.api.url for bot in config.bots} == {URL}
