"""All problems of a file come at once: a mistake hides no other one, and causes no other one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.config.conftest import HEAD

Problems = Callable[..., list[str]]

MANY = {
    "query: {Errors: {gt: 0}, StartedAt: {$gte: now-1h}, Status: {$in: success}}": [
        "query.Errors.gt",
        "query.StartedAt.$gte",
        "query.Status.$in",
    ],
    "query: {Errors: {$gtt: 0}, StartedAt: {$gte: {$date: now+1h}}}": [
        "query.Errors.$gtt",
        "query.StartedAt.$gte",
    ],
    "query: {$or: [{Errors: {$gtt: 0}}, {Errors: {lt: 0}}]}": [
        "query.$or[0].Errors.$gtt",
        "query.$or[1].Errors.lt",
    ],
    "query: {a: yes, b: {$foo: 1}}": ["query.a", "query.b.$foo"],
    "query: {1: x, b: {$foo: 1}}": ["query", "query.b.$foo"],
    "labels: {c: {x: {a: yes}, y: {b: {$foo: 1}}}}": ["labels.c.x.a", "labels.c.y.b.$foo"],
    "labels: {c: [a, a], d: [x]}\n    query: {z: '{c}'}": ["labels.d", "labels.c[1]"],
    "alert: {rises_by: 0, within: 30s, of: nope}": ["alert.rises_by", "alert.within", "alert.of"],
    "labels: {v: [1.10, 1e2, 1.5]}\n    query: {y: '{v}'}": ["labels.v[0]", "labels.v[1]"],
}

ONE = {
    "alert: {rises_by: 1, within: 30x}": "queries[0].alert.within",
    "every: 5\n    alert: {rises_by: 1, within: 2m}": "queries[0].every",
    "alert: {rises_by: 1, within: 2m}\ndefaults: {every: 5}": "defaults.every",
    "alert: {rises_by: 1, within: 2m}\ndefaults: 5": "defaults",
    "labels: {a-b: [x]}\n    query: {S: '{a-b}'}": "queries[0].labels.a-b",
    "labels: {c: [a]}\n    query: {x: {c: yes}, y: '{c}'}": "queries[0].query.x.c",
}


@pytest.mark.parametrize("lines", MANY)
def test_a_mistake_hides_no_other_one(query_problems: Problems, lines: str) -> None:
    found = [problem.split(": ")[1].removeprefix("queries[0].") for problem in query_problems(lines)]
    assert sorted(found) == sorted(MANY[lines])


@pytest.mark.parametrize("lines", ONE)
def test_a_mistake_causes_no_other_one(query_problems: Problems, lines: str) -> None:
    assert [problem.split(": ")[1] for problem in query_problems(lines)] == [ONE[lines]]


def test_a_wrong_collection_raises_no_doubt_about_fields(problems: Problems) -> None:
    text = HEAD.replace("collection: conversations", "collection: mesages") + "    query: {User: x}\n"
    assert [problem.split(": ")[1] for problem in problems(text)] == ["queries[0].collection"]


@pytest.mark.parametrize(
    ("line", "mistyped", "place"),
    [
        ("token: {env: NATIVECHAT_TOKEN}", "token: {evn: NATIVECHAT_TOKEN}", "bots[0].token.evn"),
        ("id: {env: NATIVECHAT_BOT_ID}", "id: {File: bot}", "bots[0].id.File"),
        ("name: main", "name: {env: BOT, defualt: main}", "bots[0].name.defualt"),
    ],
)
def test_the_keys_of_a_reference_are_suggested(
    problems: Problems, line: str, mistyped: str, place: str
) -> None:
    (problem,) = problems(HEAD.replace(line, mistyped))
    assert f": {place}: unknown key (did you mean " in problem


def test_a_default_of_stale_after_that_no_query_uses_is_doubted(query_problems: Problems) -> None:
    (problem,) = query_problems("every: 1s", "\ndefaults: {every: 1m, stale_after: 1m}")
    assert "defaults.stale_after: warning: not used by a query that runs every 1m" in problem
    assert query_problems("\ndefaults: {every: 1m, stale_after: 61s}") == []
