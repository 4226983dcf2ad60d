"""Laws of proving a format of dates: only one that orders the field's dates is proven."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.explore.dates import MOST_REQUESTS, prove
from exporter.explore.findings import DateField
from exporter.explore.profile import Profile
from exporter.explore.requests import Requests
from exporter.model import DATE_FORMATS, DateFormat
from exporter.simulator.dates import Dates
from tests.explore.conftest import FakeBot

START = datetime(2026, 11, 1, tzinfo=UTC)


def proved(
    store: Callable[[datetime], Any], dates: DateFormat = "iso", *, deleted: int = 0, **how: Any
) -> DateField:
    documents = [{"At": store(START + timedelta(hours=number))} for number in range(60)]
    bot = FakeBot(documents, dates=dates, **how)
    profile = Profile()
    for row in bot.rows("conversations"):
        profile.add(row)
    bot.conversations = documents[deleted:]
    requests = Requests(bot, MOST_REQUESTS)
    [field] = profile.fields()
    return prove(requests, "conversations", field, field.instants, len(bot.conversations))


@pytest.mark.parametrize("dates", DATE_FORMATS)
@pytest.mark.parametrize("shows_text", [True, False])
def test_the_format_in_which_dates_are_stored_is_proven(dates: DateFormat, shows_text: bool) -> None:
    def show(document: dict[str, Any]) -> dict[str, Any]:
        return Dates(dates).show({"StartedAt": document["At"]}) if shows_text else document

    found = proved(
        Dates(dates).store, dates, show=lambda document: {"At": next(iter(show(document).values()))}
    )
    assert found.dates == dates


def test_text_with_an_offset_is_not_proven() -> None:
    assert proved(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}+02:00").dates is None


def test_text_in_another_order_is_not_proven() -> None:
    assert proved(lambda moment: f"{moment:%d.%m.%Y %H:%M}").dates is None


def test_an_api_that_matches_every_date_proves_nothing() -> None:
    class Careless(FakeBot):
        def count(self, collection: Any, text: str) -> int:
            return len(self.conversations)

    documents: list[dict[str, Any]] = [
        {"At": Dates("iso").store(START + timedelta(hours=number))} for number in range(60)
    ]
    profile = Profile()
    for document in documents:
        profile.add(document)
    bot = Careless(documents)
    requests = Requests(bot, MOST_REQUESTS)
    [field] = profile.fields()
    assert prove(requests, "conversations", field, field.instants, len(documents)).dates is None


def test_a_format_is_proven_although_the_field_cannot_be_counted() -> None:
    assert proved(Dates("iso").store, refuses=frozenset({"$exists", "$ne"})).dates == "iso"


def test_a_format_is_proven_although_the_older_half_of_the_sample_is_deleted_meanwhile() -> None:
    assert proved(Dates("iso").store, deleted=40).dates == "iso"


@pytest.mark.parametrize("dates", ["iso", "extended-json"])
@pytest.mark.parametrize("never", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
@pytest.mark.parametrize("many", [1, 2])
def test_a_format_is_proven_although_a_date_far_away_stands_for_none(
    dates: DateFormat, never: datetime, many: int
) -> None:
    found = proved(
        lambda moment: Dates(dates).store(never if moment.hour % 3 < many else moment),
        dates,
    )
    early = 60 if never > START else 60 - 20 * many
    assert found.dates == dates
    assert found.detail == f"{early} match since 1970" + (f", {60 - early} before" if early < 60 else "")


def test_a_date_beyond_those_of_python_changes_nothing() -> None:
    def show(document: dict[str, Any]) -> dict[str, Any]:
        at = document["At"]
        return {"At": {"$date": {"$numberLong": "9" * 18} if at.hour % 2 else at}}

    assert proved(Dates("extended-json").store, "extended-json", show=show).dates == "extended-json"


def test_a_format_is_proven_although_the_sample_has_one_date() -> None:
    assert proved(lambda _: Dates("iso").store(START)).dates == "iso"


def test_other_text_is_not_taken_for_dates_before_1970() -> None:
    found = proved(lambda moment: Dates("iso").store(moment) if moment.hour % 2 else f"{moment:%d %b %Y}")
    assert found.dates is None


def test_dates_that_are_stored_in_two_ways_are_not_proven() -> None:
    ways = [Dates("iso"), Dates("extended-json")]
    found = proved(lambda moment: ways[moment.hour % 2].store(moment), "extended-json")
    assert found.dates is None
    assert found.detail.endswith("matches all; iso matches only 30; extended-json matches only 30")


def test_dates_of_which_some_have_no_zone_are_not_proven() -> None:
    found = proved(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}" + "Z" * (moment.hour % 3 > 0))
    assert (found.dates, "no date in UTC" in found.detail) == (None, True)


def test_dates_of_two_types_are_not_proven() -> None:
    ways = [Dates("iso"), Dates("epoch-ms")]
    found = proved(lambda moment: ways[moment.hour % 2].store(moment))
    assert (found.dates, found.detail) == (
        None,
        "no format fits all of its types: UTC date as text, milliseconds",
    )


def test_without_an_order_nothing_is_proven() -> None:
    assert proved(Dates("iso").store, refuses=frozenset({"$gte"})).dates is None
