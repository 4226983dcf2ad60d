"""Laws of the proof that dates are text in UTC: it looks at both ends, or it refuses."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from exporter.cli.stored_dates import MOST_REQUESTS, proven_dates
from exporter.errors import DatesUnverified, Rejected
from exporter.model import Json
from exporter.nativechat.history import Row
from exporter.nativechat.paced import PacedClient

UTC = [f"2026-11-{day:02}T12:00:00Z" for day in range(1, 29)]
LAST = "2026-11-29T05:30:00+02:00"
FORMS = {"StartedAt": False, '{"StartedAt":-1}': True}
"""The documented forms of `sort`, and whether they descend."""


class Chat:
    """An API with conversations of some dates, which takes no parameter whose text has one of `refused`."""

    def __init__(self, dates: list[str], *refused: str, sorts: bool = True) -> None:
        self.dates = dates
        self.refused = refused
        self.sorts = sorts
        self.requests = 0

    def _check(self, *texts: str) -> None:
        self.requests += 1
        if any(each in text for each in self.refused for text in texts):
            raise Rejected("no", status=400)

    def count(self, _collection: str, text: str) -> int:
        self._check(text)
        condition: dict[str, Json] = json.loads(text)["StartedAt"]
        lowest = condition.get("$gte", "")
        return sum(date >= lowest for date in self.dates) if isinstance(lowest, str) else 0

    def rows(
        self, _collection: str, *, query: str, sort: str, limit: int | None = None, **_: Any
    ) -> list[Row]:
        self._check(query, "limit" if limit else "", "sort" if sort else "")
        dates = sorted(self.dates, reverse=FORMS[sort]) if self.sorts and sort in FORMS else self.dates
        return [{"StartedAt": date} for date in dates[: limit or 10]]

    def proven(self) -> str:
        return proven_dates(cast("PacedClient", self), "auto", "conversations", ("StartedAt",))


@pytest.mark.parametrize("refused", [(), ("limit",), ("$ne",), ("limit", "$ne")], ids=str)
def test_dates_in_utc_are_proven_whatever_else_the_api_refuses(refused: tuple[str, ...]) -> None:
    chat = Chat(UTC, *refused)
    assert chat.proven() == "iso"
    assert chat.requests <= MOST_REQUESTS


@pytest.mark.parametrize("refused", [(), ("limit",), ("$ne",)], ids=str)
@pytest.mark.parametrize("other", [LAST, "2025-01-01T00:00:00", "28/11/2026", "2026-13-01"])
def test_one_date_at_an_end_that_is_no_utc_text_is_found(refused: tuple[str, ...], other: str) -> None:
    for dates in ([*UTC, other], [other, *UTC]):
        with pytest.raises(DatesUnverified, match="some conversations have a StartedAt that is no UTC text"):
            Chat(dates, *refused).proven()


@pytest.mark.parametrize(
    "chat",
    [Chat(UTC, sorts=False), Chat(UTC[::-1], sorts=False), Chat(UTC, "sort")],
    ids=["only upwards", "only downwards", "refused"],
)
def test_an_api_that_does_not_sort_shows_no_ends(chat: Chat) -> None:
    with pytest.raises(
        DatesUnverified, match="whether the first and the last dates are in UTC cannot be seen"
    ):
        chat.proven()
