from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from exporter.simulator.settings import SHAPES, Settings

ALIKE = {
    "seed",
    "rate",
    "latency",
    "jitter",
    "history",
    "history_days",
    "growth",
    "max_conversations",
}
"""Settings that say how much there is and how fast, not how the API or its data look."""


def test_there_are_six_shapes_and_the_first_has_the_defaults() -> None:
    assert list(SHAPES) == ["documented", "flat", "extended", "untidy", "unordered", "delivered"]
    assert SHAPES["documented"] == Settings()


@pytest.mark.parametrize("name", [field.name for field in fields(Settings) if field.name not in ALIKE])
def test_the_shapes_differ_in_everything_that_is_assumed(name: str) -> None:
    assert len({getattr(shape, name) for shape in SHAPES.values()}) > 1


def of_type(documents: list[dict[str, Any]], kind: type) -> set[str]:
    return {name for row in documents for name, value in row.items() if type(value) is kind}


@pytest.fixture
def shaped(serve: Any) -> Any:
    def start(name: str) -> Any:
        settings = replace(SHAPES[name], throttle=0.0)
        return serve(**{field.name: getattr(settings, field.name) for field in fields(Settings)})

    return start


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_counts_what_it_lists(shaped: Any, name: str) -> None:
    served, shape = shaped(name), SHAPES[name]
    number = {"conversations": "Status", "messages": "User"}
    for collection, field in number.items():
        rows = served.rows(collection)
        (kept,) = [field] if field in rows[0] else ["Outcome"]
        value = next(row[kept] for row in rows if kept in row)
        answer = served.get(f"{collection}/_count", query={kept: value}).json
        counted = answer if isinstance(answer, int) else answer[shape.count_shape]
        assert counted == sum(row.get(kept) == value for row in rows)
        assert served.get(collection, limit=5).json == rows[:5]
        assert len({row[shape.id_field] for row in rows}) == len(rows)


@pytest.mark.parametrize("name", ["flat", "delivered"])
def test_flat_documents_have_neither_nesting_nor_documented_fields(shaped: Any, name: str) -> None:
    served = shaped(name)
    rows = served.rows("conversations")

    assert not of_type(rows, dict) | of_type(rows, list)
    assert rows[0].keys() & {"CreatedAt", "UserMessages", "BotMessages"}
    assert not {name for row in rows for name in row} & {"StartedAt", "Status", "Errors", "Messages", "Data"}
    assert {row["Sender"] for row in served.rows("messages")} == {"user", "bot"}


def test_untidy_documents_mix_types_and_have_keys_of_every_kind(shaped: Any) -> None:
    rows = shaped("untidy").rows("conversations")

    assert {type(row["Errors"]) for row in rows if "Errors" in row} == {int, str, list}
    assert {type(row["Status"]) for row in rows if "Status" in row} == {int, str}
    assert {type(row["Rating"]) for row in rows} == {int, str, type(None)}
    assert {"Канал", "utm.source", "$origin"} <= {name for row in rows for name in row}
    assert 0 < sum("StartedAt" not in row for row in rows) < len(rows) / 5


def test_a_key_with_a_dot_is_not_reached_by_a_path_and_one_in_any_script_is(shaped: Any) -> None:
    served = shaped("untidy")

    assert served.get("conversations/_count", query={"utm.source": {"$exists": True}}).json == {"Count": 0}
    assert served.get("conversations/_count", query={"Канал": {"$ne": "facebook"}}).json["Count"] > 0
