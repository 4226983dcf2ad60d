"""Laws of sampling: old, new and in between, however the API's lists behave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.errors import ServerError
from exporter.explore.requests import Requests
from exporter.explore.sampling import Sampler, most_requests
from tests.explore.conftest import Document, FakeBot

SAMPLE = 100


def history(number: int) -> list[Document]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        {
            "_id": f"c{place:05}",
            "StartedAt": f"{start + timedelta(seconds=place):%Y-%m-%dT%H:%M:%SZ}",
            "Place": place // 100,
            "Odd": place * 7 % 13,
        }
        for place in range(number)
    ]


def sampled(bot: FakeBot, total: int, sample: int = SAMPLE) -> tuple[Sampler, dict[str, str]]:
    requests = Requests(bot, most_requests(sample))
    sampler = Sampler(requests, "conversations", total, sample)
    sampler.run()
    assert bot.requests <= most_requests(sample)
    assert sampler.profile.total <= sample
    return sampler, {check.name: check.verdict for check in sampler.checks}


def places(sampler: Sampler) -> set[Any]:
    [field] = [field for field in sampler.profile.fields() if field.path == ("Place",)]
    return {value for value, _ in field.values}


@pytest.mark.parametrize("max_limit", [1000, 100, 10])
def test_the_sample_has_old_new_and_in_between(max_limit: int) -> None:
    sampler, verdicts = sampled(FakeBot(history(2000), max_limit=max_limit), 2000)
    assert {0, 19} <= places(sampler)
    assert len(places(sampler)) >= 5
    assert sampler.profile.total >= SAMPLE - 5
    assert set(verdicts.values()) == {"ok"}


@pytest.mark.parametrize(("total", "ignores"), [(30, ""), (80, ""), (80, "sort")])
def test_a_small_collection_is_read_whole(total: int, ignores: str) -> None:
    sampler, _ = sampled(FakeBot(history(total), ignores=frozenset({ignores})), total)
    assert sampler.profile.total == total


@pytest.mark.parametrize("total", [0, 1])
def test_almost_nothing_is_sampled_without_complaint(total: int) -> None:
    sampler, verdicts = sampled(FakeBot(history(total)), total)
    assert sampler.profile.total == total
    assert "differs" not in verdicts.values()


@pytest.mark.parametrize(
    ("parameter", "names"),
    [("skip", ["skip"]), ("limit", ["limit"]), ("sort", ["sort by name", "sort by JSON"])],
)
def test_a_parameter_that_is_ignored_is_told(parameter: str, names: list[str]) -> None:
    sampler, verdicts = sampled(FakeBot(history(2000), ignores=frozenset({parameter})), 2000)
    assert [name for name, verdict in verdicts.items() if verdict == "differs"] == names
    assert sampler.profile.total >= 50


@pytest.mark.parametrize(
    ("parameter", "names"),
    [
        ("skip", ["skip"]),
        ("sort", ["sort by name", "sort by JSON"]),
        ("limit", ["limit"]),
    ],
)
def test_a_parameter_that_is_refused_is_told(parameter: str, names: list[str]) -> None:
    sampler, verdicts = sampled(FakeBot(history(2000), refuses=frozenset({parameter})), 2000)
    assert [name for name, verdict in verdicts.items() if verdict == "refused"] == names
    assert sampler.profile.total >= 50


def test_without_limit_and_sort_the_sample_has_old_new_and_in_between() -> None:
    sampler, _ = sampled(FakeBot(history(2000), refuses=frozenset({"limit", "sort"})), 2000, 500)
    assert {0, 19} <= places(sampler)
    assert len(places(sampler)) >= 5
    assert sampler.profile.total == 500


def test_a_limit_that_is_too_large_is_lowered() -> None:
    sampler, verdicts = sampled(FakeBot(history(2000), limit_refused_above=10, max_limit=10), 2000)
    assert sampler.profile.total >= 50
    assert verdicts["largest page"] == "ok"


def test_a_list_that_is_never_answered_leaves_no_sample() -> None:
    sampler, verdicts = sampled(FakeBot(history(50), fails=lambda _: ServerError("answered 500")), 50)
    assert sampler.profile.total == 0
    assert verdicts == {"list": "refused"}


def test_no_page_is_asked_for_twice() -> None:
    pages = []

    class Paged(FakeBot):
        def rows(self, collection: str, **asked: Any) -> list[Document]:
            pages.append(tuple(asked.values()))
            return super().rows(collection, **asked)

    sampled(Paged(history(110), max_limit=100), 110, 500)
    assert len(set(pages)) == len(pages) > 4


def test_a_document_counts_once_however_often_it_is_read() -> None:
    sampler, _ = sampled(FakeBot(history(90), max_limit=40), 90)
    assert sampler.profile.total == 90
