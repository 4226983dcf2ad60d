from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Row = dict[str, Any]
Served = Any

CONVERSATION_QUERIES: list[tuple[Any, Callable[[Row], bool]]] = [
    (
        {"Data.channel.ProviderName": "facebook", "Status": "success"},
        lambda row: channel(row) == "facebook" and row.get("Status") == "success",
    ),
    (
        {"$or": [{"Data.channel.ProviderName": "facebook"}, {"Data.channel.ProviderName": "viber"}]},
        lambda row: channel(row) in ("facebook", "viber"),
    ),
    ({"Errors": {"$gt": 0}}, lambda row: row.get("Errors", 0) > 0),
    ({"Messages.user": {"$gt": 3}}, lambda row: row["Messages"]["user"] > 3),
    ({"Data.channel.ProviderName": "facebook"}, lambda row: channel(row) == "facebook"),
    ({}, lambda row: True),
]


def channel(row: Row) -> Any:
    return row["Data"].get("channel", {}).get("ProviderName")


@pytest.mark.parametrize(
    ("query", "wanted"), CONVERSATION_QUERIES, ids=[str(q) for q, _ in CONVERSATION_QUERIES]
)
def test_documented_conversation_queries_match_what_plain_python_matches(
    serve: Any, query: Any, wanted: Callable[[Row], bool]
) -> None:
    served = serve(max_limit=1000)
    expected = [row for row in served.rows("conversations") if wanted(row)]

    assert served.get("conversations", query=query, limit=1000).json == expected
    assert served.get("conversations/_count", query=query).json == {"count": len(expected)}
    assert expected


@pytest.mark.parametrize("field", ["User", "Conversation"])
def test_documented_message_queries_match_what_plain_python_matches(served: Served, field: str) -> None:
    wanted = served.rows("messages")[40][field]
    expected = [row for row in served.rows("messages") if row[field] == wanted]

    assert served.get("messages", query={field: wanted}).json == expected
    assert served.get("messages/_count", query={field: wanted}).json == {"count": len(expected)}


def test_a_percent_encoded_query_is_read(served: Served) -> None:
    wanted = served.rows("messages")[0]["Conversation"]
    expected = sum(row["Conversation"] == wanted for row in served.rows("messages"))
    path = served.path("messages/_count") + f"?query=%7B%22Conversation%22%3A%22{wanted}%22%7D"
    answer = served.send(
        "GET", path, {"Authorization": f"Bot-Server-Access-Token {served.bot.token.reveal()}"}
    )

    assert answer.json == {"count": expected}


def test_rows_have_every_documented_field_and_dates_as_text(served: Served) -> None:
    (conversation,) = served.get(
        "conversations", query={"Data.user.LastName": {"$exists": True}, "Status": "success"}, limit=1
    ).json
    (message,) = served.get("messages", limit=1).json

    assert conversation.keys() == {"_id", "StartedAt", "Status", "Errors", "Messages", "Data"}
    assert conversation["Data"]["user"].keys() == {"FirstName", "LastName"}
    assert message.keys() == {"_id", "User", "Conversation", "SentAt", "Text"}
    assert conversation["StartedAt"].endswith("Z")


def test_data_grows_as_time_passes(served: Served) -> None:
    before = served.get("conversations/_count").json["count"]
    served.clock.sleep(10.0)

    assert served.get("conversations/_count").json["count"] > before


@pytest.mark.parametrize(
    "sort", ["StartedAt", "-StartedAt", {"Data.user.FirstName": -1, "Data.user.LastName": 1}]
)
def test_pages_have_every_row_exactly_once_in_order(served: Served, sort: Any) -> None:
    pages: list[list[Row]] = []
    while not pages or pages[-1]:
        pages.append(served.get("conversations", sort=sort, limit=70, skip=70 * len(pages)).json)
    rows = [row for page in pages for row in page]

    assert sorted(row["_id"] for row in rows) == sorted(row["_id"] for row in served.rows("conversations"))
    if isinstance(sort, str):
        started = [row["StartedAt"] for row in rows]
        assert started == sorted(started, reverse=sort.startswith("-"))
    else:
        users = [row["Data"].get("user", {}) for row in rows]
        by_last = sorted(users, key=lambda user: user.get("LastName", ""))
        assert users == sorted(by_last, key=lambda user: user.get("FirstName", ""), reverse=True)


def test_limit_has_a_default_and_a_maximum(serve: Any) -> None:
    served = serve(default_limit=7, max_limit=9)

    assert len(served.get("conversations").json) == 7
    assert len(served.get("conversations", limit=8).json) == 8
    assert len(served.get("conversations", limit=10).json) == 9


def test_limit_skip_and_sort_do_not_change_a_count(served: Served) -> None:
    assert served.get("messages/_count", limit=1, skip=5, sort="_id").json == {
        "count": len(served.rows("messages"))
    }


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bot-Server-Access-Token",
        "Bot-Server-Access-Token ",
        "Bot-Server-Access-Token {token}x",
        "bot-server-access-token {token}",
        "Bearer {token}",
        "{token}",
        "Bot-Server-Access-Token  {token}",
        "Bot-Server-Access-Token {other}",
        "Bot-Server-Access-Token \xe9",
    ],
)
@pytest.mark.parametrize("tail", ["conversations", "messages/_count"])
def test_anything_but_the_documented_header_of_this_bot_is_unauthorized(
    serve: Any, header: str | None, tail: str
) -> None:
    served = serve(bots=2)
    mine, other = (bot.token.reveal() for bot in served.simulation.bots)
    headers = {} if header is None else {"Authorization": header.format(token=mine, other=other)}
    answer = served.send("GET", served.path(tail), headers)

    assert (answer.status, "error" in answer.json) == (401, True)
    assert mine not in answer.body.decode()


def test_an_unknown_bot_or_path_is_not_found(served: Served) -> None:
    headers = {"Authorization": f"Bot-Server-Access-Token {served.bot.token.reveal()}"}

    assert served.send("GET", f"/v1/bots/{'0' * 24}/conversations", headers).status == 404
    assert served.get("users").status == 404
    assert served.get("conversations/_count/more").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
def test_history_can_only_be_read(served: Served, method: str) -> None:
    assert served.send(method, served.path("conversations/_count"), {}).status == 405


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("query", "{", "query is not valid JSON"),
        ("query", '{"Errors": NaN}', "query is not valid JSON"),
        ("query", "[" * 4_000, "query is not valid JSON"),
        ("query", "[]", "query must be a JSON object"),
        ("query", '{"$where": "1"}', "unknown operator $where"),
        ("query", '{"Errors": {"$grater": 0}}', "unknown operator $grater"),
        ("query", '{"$or": []}', "$or must be a nonempty array"),
        ("sort", '{"StartedAt": 2}', "sort takes an object of field names with 1 or -1"),
        ("limit", "ten", "limit must be a whole number"),
        ("limit", "-1", "limit must be a whole number"),
        ("limit", "0", "limit must be at least 1"),
        ("limit", "9" * 5000, "limit must be a whole number"),
        ("skip", "1.5", "skip must be a whole number"),
        ("qeury", "{}", "unknown parameter 'qeury' (known are query, sort, limit, skip)"),
    ],
)
@pytest.mark.parametrize("tail", ["conversations", "conversations/_count"])
def test_a_wrong_parameter_is_refused(served: Served, tail: str, name: str, text: str, error: str) -> None:
    answer = served.get(tail, **{name: text})

    assert (answer.status, answer.json) == (400, {"error": error})


def test_a_repeated_parameter_is_refused(served: Served) -> None:
    path = served.path("conversations") + "?limit=1&limit=2"
    answer = served.send(
        "GET", path, {"Authorization": f"Bot-Server-Access-Token {served.bot.token.reveal()}"}
    )

    assert (answer.status, answer.json) == (400, {"error": "a parameter is repeated"})
