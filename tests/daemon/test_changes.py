"""Laws of what a reload is said to have changed."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from exporter.alert import Alert, Rise
from exporter.daemon.changes import MOST_NAMES, changes
from exporter.model import Bot, Config, Query, TokenSource

MAIN = Bot("main", "1", TokenSource(env="TOKEN"))
SALES = replace(MAIN, name="sales")
QUERY = Query("conversations", "Help.", "conversations", every=60.0, stale_after=300.0, bots=("main",))
MESSAGES = replace(QUERY, name="messages", collection="messages")
CONFIG = Config((MAIN,), (QUERY, MESSAGES))


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (CONFIG, "none"),
        (replace(CONFIG, bots=(replace(MAIN, token=TokenSource(env="OTHER")),)), "bots changed: main"),
        (replace(CONFIG, queries=(QUERY,)), "queries removed: messages"),
        (replace(CONFIG, queries=(replace(QUERY, every=30.0), MESSAGES)), "queries changed: conversations"),
        (
            replace(CONFIG, queries=(QUERY, replace(MESSAGES, alerts=(Alert(Rise(1, 60.0)),)))),
            "queries changed: messages",
        ),
        (
            replace(CONFIG, queries=(replace(QUERY, name="other"), replace(MESSAGES, help="More."))),
            "queries added: other; queries removed: conversations; queries changed: messages",
        ),
        (replace(CONFIG, zone=ZoneInfo("Europe/Sofia"), workers=8), "settings changed: timezone, workers"),
        (replace(CONFIG, max_series=5, shard_by="query"), "settings changed: max_series, shard_by"),
    ],
)
def test_a_change_is_named(after: Config, said: str) -> None:
    assert changes(CONFIG, after) == said


def test_a_bot_that_every_query_gets_is_the_only_change() -> None:
    both = tuple(replace(query, bots=("main", "sales")) for query in CONFIG.queries)
    two = Config((MAIN, SALES), both)
    assert changes(CONFIG, two) == "bots added: sales"
    assert changes(two, CONFIG) == "bots removed: sales"


def test_a_query_that_gets_another_of_the_bots_is_changed() -> None:
    two = replace(CONFIG, bots=(MAIN, SALES))
    after = replace(two, queries=(QUERY, replace(MESSAGES, bots=("sales",))))
    assert changes(two, after) == "queries changed: messages"


def test_many_names_are_counted() -> None:
    many = tuple(replace(QUERY, name=f"q{number}") for number in range(MOST_NAMES + 1))
    listed = ", ".join(query.name for query in many[:-1])
    nothing = replace(CONFIG, queries=())
    assert changes(nothing, replace(CONFIG, queries=many)) == f"queries added: {MOST_NAMES + 1}"
    assert changes(nothing, replace(CONFIG, queries=many[:-1])) == f"queries added: {listed}"
