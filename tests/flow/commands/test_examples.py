"""Every documented example query, through the commands, gives what plain Python makes of the same rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.flow.commands.conftest import Finished
    from tests.flow.conftest import Chat

    Command = Callable[..., Finished]

Row = dict[str, Any]


class Example(NamedTuple):
    """A documented query, and what it means; {user} and {conversation} stand for ids that exist."""

    collection: str
    query: dict[str, Any]
    means: Callable[[Row, dict[str, str]], bool]


def provider(row: Row) -> object:
    return row["Data"].get("channel", {}).get("ProviderName")


EXAMPLES = {
    "messages_of_a_user": Example(
        "messages", {"User": "{user}"}, lambda row, ids: row["User"] == ids["user"]
    ),
    "messages_of_a_conversation": Example(
        "messages",
        {"Conversation": "{conversation}"},
        lambda row, ids: row["Conversation"] == ids["conversation"],
    ),
    "successes_on_facebook": Example(
        "conversations",
        {"Data.channel.ProviderName": "facebook", "Status": "success"},
        lambda row, _: provider(row) == "facebook" and row.get("Status") == "success",
    ),
    "on_facebook_or_viber": Example(
        "conversations",
        {"$or": [{"Data.channel.ProviderName": "facebook"}, {"Data.channel.ProviderName": "viber"}]},
        lambda row, _: provider(row) in {"facebook", "viber"},
    ),
    "with_errors": Example(
        "conversations", {"Errors": {"$gt": 0}}, lambda row, _: "Errors" in row and row["Errors"] > 0
    ),
    "engaged": Example(
        "conversations", {"Messages.user": {"$gt": 3}}, lambda row, _: row["Messages"]["user"] > 3
    ),
    "on_facebook": Example(
        "conversations",
        {"Data.channel.ProviderName": "facebook"},
        lambda row, _: provider(row) == "facebook",
    ),
    "everything": Example("conversations", {}, lambda _row, _ids: True),
}


@pytest.fixture(scope="module")
def chat(nativechat: Callable[..., Chat]) -> Chat:
    return nativechat(history=150, max_limit=40)


@pytest.fixture(scope="module")
def rows(chat: Chat) -> dict[str, list[Row]]:
    """Every row there is, past the API."""
    page = chat.simulation.page
    return {
        "conversations": page(chat.names[0], "conversations", limit=10**9),
        "messages": page(chat.names[0], "messages", limit=10**9),
    }


@pytest.fixture(scope="module")
def ids(rows: dict[str, list[Row]]) -> dict[str, str]:
    return {"user": rows["messages"][7]["User"], "conversation": rows["messages"][7]["Conversation"]}


@pytest.fixture
def config_file(chat: Chat, ids: dict[str, str], query: Callable[..., Row], tmp_path: Path) -> Path:
    """A configuration that has each example as a query, with its ids filled in as label values."""
    queries = []
    for name, example in EXAMPLES.items():
        labels = {name: [value] for name, value in ids.items() if f"{{{name}}}" in example.query.values()}
        keys: Row = {"labels": labels} if labels else {}
        queries.append(query(name, collection=example.collection, query=example.query, **keys))
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(chat.config(queries)), "utf-8")
    return path


def meant(example: Example, rows: dict[str, list[Row]], ids: dict[str, str]) -> list[Row]:
    return [row for row in rows[example.collection] if example.means(row, ids)]


def test_every_example_matches_some_rows_and_spares_others(
    rows: dict[str, list[Row]], ids: dict[str, str]
) -> None:
    for name, example in EXAMPLES.items():
        found = len(meant(example, rows, ids))
        assert found > 0, name
        assert (found == len(rows[example.collection])) == (name == "everything"), name


def test_count_gives_what_plain_python_counts(
    chat: Chat, command: Command, config_file: Path, rows: dict[str, list[Row]], ids: dict[str, str]
) -> None:
    ended = command("count", f"--config.file={config_file}", "--output=json", env=chat.environ)
    assert ended.code == 0, ended
    assert {one["query"]: one["count"] for one in json.loads(ended.out)} == {
        name: len(meant(example, rows, ids)) for name, example in EXAMPLES.items()
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_download_gives_the_rows_that_plain_python_finds(
    *,
    chat: Chat,
    command: Command,
    config_file: Path,
    rows: dict[str, list[Row]],
    ids: dict[str, str],
    name: str,
) -> None:
    example = EXAMPLES[name]
    predicate = json.dumps(example.query)
    for placeholder, value in ids.items():
        predicate = predicate.replace(f"{{{placeholder}}}", value)
    ended = command(
        example.collection, f"--config.file={config_file}", f"--query={predicate}", env=chat.environ
    )
    assert ended.code == 0, ended
    assert [json.loads(line) for line in ended.out.splitlines()] == meant(example, rows, ids)


@pytest.mark.parametrize(
    "sort", ["StartedAt", "-StartedAt", '{"Data.user.FirstName": -1, "Data.user.LastName": 1}']
)
def test_a_sorted_and_cut_download_gives_what_python_sorts_and_cuts(
    chat: Chat, command: Command, config_file: Path, rows: dict[str, list[Row]], sort: str
) -> None:
    def names(row: Row) -> tuple[str, str]:
        user = row["Data"].get("user", {})
        return user.get("FirstName", ""), user.get("LastName", "")

    ordered = sorted(rows["conversations"], key=lambda row: row["StartedAt"], reverse=sort[0] == "-")
    if sort[0] == "{":
        by_last = sorted(rows["conversations"], key=lambda row: names(row)[1])
        ordered = sorted(by_last, key=lambda row: names(row)[0], reverse=True)
    ended = command(
        "conversations",
        f"--config.file={config_file}",
        f"--sort={sort}",
        "--skip=5",
        "--limit=77",
        env=chat.environ,
    )
    assert ended.code == 0, ended
    shown = [json.loads(line) for line in ended.out.splitlines()]
    key = names if sort[0] == "{" else lambda row: row["StartedAt"]
    assert [key(row) for row in shown] == [key(row) for row in ordered[5:82]]
    assert len({row["_id"] for row in shown}) == 77
