from __future__ import annotations

from typing import Any

import pytest

Served = Any


@pytest.fixture
def served(serve: Any) -> Served:
    return serve(bots=2)


def test_the_state_has_bots_counts_and_faults_but_no_token(served: Served) -> None:
    served.get("conversations/_count")
    answer = served.control("GET state")
    first, second = answer.json["bots"]

    assert (first["name"], first["id"]) == (served.bot.name, served.bot.id)
    assert first["conversations"] == len(served.rows("conversations"))
    assert first["messages"] == len(served.rows("messages"))
    assert (first["requests"], second["requests"]) == (1, 0)
    assert answer.json["faults"] == []
    assert not any(bot.token.reveal() in answer.body.decode() for bot in served.simulation.bots)


def test_faults_are_set_and_cleared_over_http(served: Served) -> None:
    order = {"bot": served.bot.name, "kind": "status", "status": 503, "retry_after": 9, "times": 3}
    state = served.control("PUT faults", order).json
    answer = served.get("messages/_count")

    assert state["faults"] == [{**order, "seconds": 1.0}]
    assert (answer.status, answer.headers["Retry-After"]) == (503, "9")
    assert served.control("DELETE faults").json["faults"] == []
    assert served.get("messages/_count").status == 200


def test_the_fault_of_one_bot_can_be_cleared(served: Served) -> None:
    served.control("PUT faults", {"kind": "hang"})
    served.control("PUT faults", {"kind": "hang", "bot": served.bot.name})

    assert [
        fault["bot"] for fault in served.control(f"DELETE faults?bot={served.bot.name}").json["faults"]
    ] == [None]


def test_a_burst_adds_conversations_with_values(served: Served) -> None:
    before = served.get("conversations/_count", query={"Errors": 9}).json
    served.control("POST burst", {"bot": served.bot.name, "number": 30, "fields": {"Errors": 9}})

    assert before == {"count": 0}
    assert served.get("conversations/_count", query={"Errors": 9}).json == {"count": 30}


def test_half_of_an_emoji_is_shown_as_it_was_added(served: Served) -> None:
    served.control("POST burst", {"bot": served.bot.name, "number": 1, "fields": {"Status": "\ud83d"}})
    [row] = served.get("conversations", sort='{"StartedAt":-1}', limit=1).json
    assert row["Status"] == "\ud83d"


def test_counts_fall_when_conversations_are_deleted(served: Served) -> None:
    total, successes = (
        served.get("conversations/_count", query=q).json["count"] for q in ({}, {"Status": "success"})
    )
    forgotten = served.control("POST forget", {"bot": served.bot.name, "query": {"Status": "success"}}).json

    assert forgotten == {"forgotten": {served.bot.name: successes}}
    assert served.get("conversations/_count").json == {"count": total - successes}
    assert served.control("POST forget", {"bot": served.bot.name, "oldest": 5}).json == {
        "forgotten": {served.bot.name: 5}
    }


def test_an_order_without_a_bot_applies_to_all_bots(served: Served) -> None:
    served.control("POST forget", {"oldest": 10_000})

    assert [bot["conversations"] for bot in served.control("GET state").json["bots"]] == [0, 0]
    served.control("POST burst", {"number": 3})
    assert [bot["conversations"] for bot in served.control("GET state").json["bots"]] == [3, 3]


@pytest.mark.parametrize(
    ("request_line", "order", "status", "error"),
    [
        ("PUT faults", {}, 400, "kind must be one of status, hang"),
        ("PUT faults", {"kind": "x"}, 400, "kind must be one of"),
        ("PUT faults", {"kind": 1}, 400, "kind must be one of"),
        ("PUT faults", {"kind": "status", "status": "500"}, 400, "status must be a whole number from 200"),
        ("PUT faults", {"kind": "status", "times": True}, 400, "times must be a whole number from 1"),
        ("PUT faults", {"kind": "status", "retry_after": [9]}, 400, "retry_after must be seconds or"),
        ("PUT faults", {"kind": "drip", "seconds": "1"}, 400, "seconds must be a number from 0"),
        ("PUT faults", {"kind": "hang", "bot": "nobody"}, 404, "no bot is called 'nobody'"),
        ("PUT faults", {"knid": "hang"}, 400, "unknown key 'knid'"),
        ("PUT faults", [], 400, "the body must be a JSON object"),
        ("PUT faults", None, 400, "the body is not valid JSON"),
        ("POST burst", {}, 400, "number must be a whole number from 1 to 10000"),
        ("POST burst", {"number": 10**6}, 400, "number must be a whole number from 1 to 10000"),
        ("POST burst", {"number": 1, "fields": 1}, 400, "fields must be an object"),
        ("POST burst", {"number": 1, "fields": {"_id": "1"}}, 400, "a burst cannot choose ids"),
        ("POST burst", {"number": 1, "fields": {"_id.x": "1"}}, 400, "a burst cannot choose ids"),
        ("POST forget", {}, 400, "give either query or oldest"),
        ("DELETE faults?bto=support", None, 400, "unknown parameter 'bto'"),
        ("DELETE faults?bot=", None, 404, "no bot is called ''"),
        ("POST forget", {"query": {"$where": ""}}, 400, "unknown operator $where"),
        ("POST forget", {"oldest": 1, "bot": 7}, 404, "no bot is called 7"),
    ],
)
def test_a_wrong_order_is_refused(
    served: Served, request_line: str, order: Any, status: int, error: str
) -> None:
    answer = served.control(request_line, order)

    assert answer.status == status
    assert answer.json["error"].startswith(error)
