from __future__ import annotations

from collections.abc import Callable
from datetime import time

import pytest

from exporter.config.load import Loaded
from exporter.model import Config

Load = Callable[..., Config]
Problems = Callable[..., list[str]]

TWO_BOTS = """\
bots:
  - name: first
    id: 5990b7b5d57ae86c1b2dfd6e
    token: {env: NATIVECHAT_TOKEN}
  - name: second
    id: 6990b7b5d57ae86c1b2dfd6e
    token: {env: NATIVECHAT_TOKEN}
    labels: {team: care}
"""


def test_a_query_without_optional_keys_has_the_defaults(query: Load) -> None:
    (found,) = query().queries
    assert (found.metric, found.collection) == ("nativechat_conversations", "conversations")
    assert (found.every, found.stale_after, found.at, found.bots) == (60.0, 300.0, None, ("main",))
    assert found.help == "How many conversations match the query conversations."


@pytest.mark.parametrize(
    ("lines", "every", "stale_after"),
    [
        (["every: 2m"], 120.0, 600.0),
        (["stale_after: 7m"], 60.0, 420.0),
        (["every: 2m", "stale_after: 3m"], 120.0, 180.0),
        (["defaults: {every: 2m}"], 120.0, 600.0),
        (["defaults: {every: 2m}", "every: 1s"], 1.0, 5.0),
        (["defaults: {stale_after: 3m}", "every: 1s"], 1.0, 180.0),
        (["defaults: {stale_after: 3m}", "every: 1d"], 86_400.0, 432_000.0),
        (["defaults: {stale_after: 3m}", "every: 179s"], 179.0, 180.0),
        (["defaults: {stale_after: 3m}", "every: 3m"], 180.0, 900.0),
        (["defaults: {stale_after: 3m}", "stale_after: 4m"], 60.0, 240.0),
    ],
)
def test_times_come_from_the_query_then_the_defaults_then_five_times_every(
    query: Load, lines: list[str], every: float, stale_after: float
) -> None:
    own = [line for line in lines if not line.startswith("defaults")]
    shared = [line for line in lines if line.startswith("defaults")]
    (found,) = query(*own, *(f"\n{line}" for line in shared)).queries
    assert (found.every, found.stale_after) == (every, stale_after)


def test_a_time_of_day_needs_an_interval_of_whole_days(query: Load, query_problems: Problems) -> None:
    assert query("every: 2d", 'at: "00:05"').queries[0].at == time(0, 5)
    assert query('at: "00:05"', "\ndefaults: {every: 1w}").queries[0].at == time(0, 5)
    for every in ("23h", "36h", "1d1ms"):
        (problem,) = query_problems(f"every: {every}", 'at: "00:05"')
        assert problem.startswith("9:9: queries[0].at: `at` with `every` of ")


@pytest.mark.parametrize("lines", [["every: soon"], ["\ndefaults: {every: soon}"], ["\ndefaults: soon"]])
def test_a_wrong_every_does_not_cause_other_errors(query_problems: Problems, lines: list[str]) -> None:
    (problem,) = query_problems('at: "00:05"', "stale_after: 1s", *lines)
    assert "every" in problem or "defaults" in problem


def test_a_query_asks_the_bots_it_names_in_its_order(read: Callable[..., Loaded]) -> None:
    text = TWO_BOTS + "queries: [{name: q, collection: messages, bots: [second, first]}]\n"
    assert read(text).config.queries[0].bots == ("second", "first")


def test_an_unknown_bot_and_a_repeated_bot_are_errors(problems: Problems) -> None:
    text = TWO_BOTS + "queries: [{name: q, collection: messages, bots: [first, scond, first, zzz]}]\n"
    assert problems(text) == [
        '9:57: queries[0].bots[1]: no bot has the name "scond" (did you mean "second"?)',
        (
            '9:64: queries[0].bots[2]: the name "first" again'
            " (first on line 9, column 50; write each name once)"
        ),
        '9:71: queries[0].bots[3]: no bot has the name "zzz" (known are first, second)',
    ]


@pytest.mark.parametrize("bots", ["bots: [{id: x, token: {env: NATIVECHAT_TOKEN}}]\n", "bots: first\n", ""])
def test_a_wrong_list_of_bots_does_not_cause_errors_in_queries(problems: Problems, bots: str) -> None:
    text = bots + "queries: [{name: q, collection: messages, bots: [first]}]\n"
    (problem,) = problems(text)
    assert "bots[0].name: missing" in problem or ": bots: " in problem


def test_a_label_of_a_bot_is_an_error_only_in_queries_that_ask_it(problems: Problems) -> None:
    query = "queries: [{name: q, collection: messages, labels: {team: {a: {User: a}}}, bots: [%s]}]\n"
    assert problems(TWO_BOTS + query % "second")[0].startswith(
        '9:52: queries[0].labels.team: the label "team" is also on the bot "second"'
    )
    assert [p.split(": ")[1] for p in problems(TWO_BOTS + query % "first")] == ["bots[1].name"]


def test_series_are_counted_over_bots_and_labels_without_making_them(problems: Problems) -> None:
    text = f"max_series: 7\n{TWO_BOTS}queries:\n  - name: q\n    collection: messages\n"
    labels = "    labels: {a: [1, 2], b: {x: {A: '{a}'}, y: {B: '{a}'}}}\n"
    (problem,) = problems(text + labels)
    assert problem.startswith("13:13: queries[0].labels: makes 8 series, more than max_series of 7")
    assert problems(text.replace("7", "8", 1) + labels) == []
    (problem,) = problems(text.replace("7", "1", 1))
    assert problem.startswith("11:11: queries[0].name: makes 2 series, more than max_series of 1")


@pytest.mark.parametrize(("zone", "stale_after"), [("UTC", 90_000.0), ("Europe/Sofia", 432_000.0)])
def test_a_default_of_25_hours_reaches_to_the_next_day_s_run_only_without_clock_changes(
    query: Load, zone: str, stale_after: float
) -> None:
    lines = ("every: 1d", 'at: "00:05"', "\ndefaults: {stale_after: 25h}", f"\ntimezone: {zone}")
    assert query(*lines).queries[0].stale_after == stale_after
