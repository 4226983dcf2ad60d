"""Laws of downloads: every row once, within the rate, even if the server ignores `limit`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ApiError, BadAnswer, Rejected, ServerError, Throttled, TimedOut, Unreachable
from exporter.model import Api, Bot, Collection, Json, TokenSource
from exporter.nativechat.history import download
from exporter.nativechat.paced import PacedClient
from exporter.rate_limiter import RETRY_AFTER_CAP
from tests.clock import FakeClock

if TYPE_CHECKING:
    from exporter.nativechat.client import Client
    from tests.nativechat.conftest import Caller
    from tests.server import Server, Wire

Row = dict[str, Json]


class FakePages:
    """Holds rows, returns at most `most` in a page, and raises the errors in `failures` first."""

    def __init__(self, total: int, *, most: int = 1000, clock: FakeClock | None = None) -> None:
        self.rows_held: list[Row] = [{"_id": str(number)} for number in range(total)]
        self.most = most
        self.clock = clock or FakeClock()
        self.failures: list[ApiError] = []
        self.takes = 0.0
        self.asked: list[tuple[int | None, int | None]] = []
        self.times: list[float] = []
        self.budgets: list[float] = []

    def rows(
        self,
        collection: Collection,
        *,
        query: str = "",
        sort: str = "",
        limit: int | None = None,
        skip: int | None = None,
        budget: float,
    ) -> list[Row]:
        self.asked.append((limit, skip))
        self.times.append(self.clock.now)
        self.budgets.append(budget)
        self.clock.now += self.takes
        if self.failures:
            raise self.failures.pop(0)
        start = skip or 0
        return self.rows_held[start : start + min(limit or self.most, self.most)]

    def download(self, *, rate: float | None = None, retries: int = 2, **options: Any) -> Iterator[Row]:
        bot = Bot("main", "id", TokenSource(), api=Api(rate=rate, retries=retries, timeout=10.0))
        client = PacedClient(cast("Client", self), bot, self.clock, jitter=lambda: 0.0)
        return download(client, "messages", **options)


@given(
    total=st.integers(0, 60),
    most=st.integers(1, 30),
    page=st.integers(1, 30),
    limit=st.none() | st.integers(0, 70),
    skip=st.none() | st.integers(0, 70),
)
def test_every_row_comes_once_whatever_the_server_gives_at_a_time(
    total: int, most: int, page: int, limit: int | None, skip: int | None
) -> None:
    pages = FakePages(total, most=most)
    start, stop = skip or 0, None if limit is None else (skip or 0) + limit
    assert list(pages.download(page=page, limit=limit, skip=skip)) == pages.rows_held[start:stop]


def test_only_an_empty_page_ends_a_download() -> None:
    pages = FakePages(5, most=2)
    assert len(list(pages.download(page=3))) == 5
    assert pages.asked == [(3, 0), (3, 2), (3, 4), (3, 5)]


def test_a_limit_that_is_reached_asks_no_further() -> None:
    pages = FakePages(500)
    assert len(list(pages.download(limit=150))) == 150
    assert pages.asked == [(100, 0), (50, 100)]


def test_a_server_that_ignores_limit_gives_no_more_than_wanted() -> None:
    pages = FakePages(50)
    pages.rows = lambda *_, **__: pages.rows_held  # type: ignore[method-assign]
    assert list(pages.download(limit=7)) == pages.rows_held[:7]


def test_a_page_is_yielded_before_the_next_is_asked_for() -> None:
    pages = FakePages(5)
    rows = pages.download(page=2)
    assert pages.asked == []
    assert [row["_id"] for row in itertools.islice(rows, 2)] == ["0", "1"]
    assert len(pages.asked) == 1


def test_the_same_page_twice_is_a_bad_answer() -> None:
    pages = FakePages(3)
    pages.rows = lambda *_, **__: pages.rows_held  # type: ignore[method-assign]
    rows = pages.download()
    assert list(itertools.islice(rows, 3)) == pages.rows_held
    with pytest.raises(BadAnswer, match="ignore `skip`"):
        next(rows)


def test_a_server_that_ignores_skip_is_found_out_by_a_shorter_page_as_well() -> None:
    pages = FakePages(300)
    pages.rows = lambda *_, limit, **__: pages.rows_held[:limit]  # type: ignore[method-assign]
    rows = pages.download(limit=150)
    assert len(list(itertools.islice(rows, 100))) == 100
    with pytest.raises(BadAnswer, match="ignore `skip`"):
        next(rows)


def test_pages_keep_to_the_rate() -> None:
    pages = FakePages(3)
    assert len(list(pages.download(page=1, rate=0.5))) == 3
    assert [later - earlier for earlier, later in itertools.pairwise(pages.times)] == pytest.approx(
        [2.0] * 3, abs=0.06
    )


@pytest.mark.parametrize("error", [Unreachable("x"), ServerError("x"), Throttled("x")])
def test_a_passing_failure_is_retried_with_growing_waits(error: ApiError) -> None:
    pages = FakePages(1)
    pages.failures = [error, error]
    assert len(list(pages.download(limit=1))) == 1
    assert pages.times == [1000.0, 1000.125, 1000.375]
    assert pages.budgets == [10.0, 9.875, 9.625]


@pytest.mark.parametrize("error", [Rejected("x"), BadAnswer("x"), TimedOut("x")])
def test_a_lasting_failure_is_not_retried(error: ApiError) -> None:
    pages = FakePages(1)
    pages.failures = [error]
    with pytest.raises(type(error)):
        list(pages.download())
    assert len(pages.asked) == 1


def test_the_last_attempt_ends_it_and_the_rows_before_have_come() -> None:
    pages = FakePages(4)
    rows = pages.download(page=2)
    assert len(list(itertools.islice(rows, 2))) == 2
    pages.failures = [ServerError("x")] * 3
    with pytest.raises(ServerError):
        next(rows)
    assert pages.asked[1:] == [(2, 2)] * 3


def test_attempts_share_one_timeout() -> None:
    pages = FakePages(1)
    pages.takes = 6.0
    pages.failures = [ServerError("x")] * 9
    with pytest.raises(ServerError):
        list(pages.download(retries=9))
    assert len(pages.asked) == 2
    assert pages.budgets[1] == pytest.approx(10.0 - 6.125)


def test_a_rate_that_leaves_no_time_ends_the_retries() -> None:
    pages = FakePages(1)
    pages.failures = [ServerError("x")]
    with pytest.raises(ServerError):
        list(pages.download(rate=1 / 60))
    assert len(pages.asked) == 1


def test_a_retry_after_is_waited_for_and_gives_new_time() -> None:
    pages = FakePages(1)
    pages.failures = [Throttled("x", retry_after=60.0), Throttled("x", retry_after=1e9)]
    assert len(list(pages.download(limit=1))) == 1
    assert pages.times == [1000.0, 1060.0, 1060.0 + RETRY_AFTER_CAP]
    assert pages.budgets == [10.0, 10.0, 10.0]


def test_a_download_through_the_real_client_asks_as_documented(
    serve: Callable[..., Server], ask: Callable[..., Caller]
) -> None:
    def page(wire: Wire) -> None:
        target = server.request_lines()[-1].split(" ")[1]
        given = parse_qs(urlsplit(target).query)
        assert (given["sort"], given["query"], given["limit"]) == (["-StartedAt"], ['{"Errors":0}'], ["2"])
        wire.answer(b'[{"_id":%b}]' % given["skip"][0].encode() if given["skip"] < ["5"] else b"[]")

    server = serve(page)
    bot = Bot("main", "id", TokenSource(), api=Api(rate=None))
    rows = download(
        PacedClient(ask(server.url).client, bot, FakeClock()),
        "conversations",
        query='{"Errors":0}',
        sort="-StartedAt",
        skip=1,
        page=2,
    )
    assert [row["_id"] for row in rows] == [1, 2, 3, 4]


def test_an_api_that_refuses_the_limit_is_asked_with_one_once() -> None:
    pages = FakePages(25, most=10)
    pages.failures.append(Rejected("no limit", status=400))
    assert list(pages.download(page=10)) == pages.rows_held
    assert [limit for limit, _ in pages.asked] == [10, None, None, None, None]


@pytest.mark.parametrize("status", [401, 404, 500])
def test_what_ends_a_page_without_a_limit_is_no_matter_of_the_predicate(status: int) -> None:
    pages = FakePages(25, most=10)
    pages.failures += [Rejected("no limit", status=400), Rejected("gone", status=status)]
    with pytest.raises(Rejected, match="gone") as caught:
        list(pages.download(page=10))
    assert "--query" not in caught.value.advice
