from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any, get_args

import pytest

from exporter.clock import SystemClock
from exporter.model import DATE_FORMATS
from exporter.simulator.bots import simulated_bots
from exporter.simulator.settings import CountShape, Settings
from exporter.simulator.simulation import Simulation
from tests.clock import FakeClock

EPOCH: dict[str, Any] = {
    "iso": "1970-01-01T00:00:00.000Z",
    "extended-json": {"$date": "1970-01-01T00:00:00.000Z"},
    "epoch-ms": 0,
}


@pytest.mark.parametrize(
    ("switch", "value", "message"),
    [
        ("max_limit", 0, "--max-limit must be at least 1"),
        ("latency", -1.0, "latency must be a number from 0"),
        ("growth", float("nan"), "growth must be a number from 0"),
        ("rate", 0.0, "rate must be a number above 0"),
        ("delivery", 0.0, "delivery must be a number above 0"),
        ("throttle", 1.0, "throttle must be a number from 0 and below 1"),
        ("refuse", "sort,Errors", "Errors is no parameter"),
        ("ignore", "$ne", r"\$ne is no parameter"),
        ("history_days", float("inf"), "--history-days must be a number above 0"),
        ("history_days", 1e9, "--history-days must be a number above 0 and at most 36500"),
    ],
)
def test_a_wrong_setting_is_refused(switch: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**{switch: value})


@pytest.mark.parametrize("shape", get_args(CountShape))
def test_a_count_has_the_configured_shape(serve: Any, shape: str) -> None:
    served = serve(count_shape=shape)
    number = len(served.rows("conversations"))

    assert served.get("conversations/_count").json == (number if shape == "bare" else {shape: number})


@pytest.mark.parametrize("stored_as", DATE_FORMATS)
@pytest.mark.parametrize("written_as", DATE_FORMATS)
def test_a_date_matches_only_in_the_format_of_stored_dates(
    serve: Any, stored_as: str, written_as: str
) -> None:
    served = serve(dates=stored_as, undecoded_dates="nothing")
    expected = len(served.rows("conversations")) if stored_as == written_as else 0
    answer = served.get("conversations/_count", query={"StartedAt": {"$gte": EPOCH[written_as]}})

    assert (answer.status, answer.json) == (200, {"count": expected})


def test_responses_show_dates_in_one_format(serve: Any) -> None:
    shown = [serve(dates=stored_as).get("conversations", limit=5).json for stored_as in DATE_FORMATS]

    assert shown[0] == shown[1] == shown[2]


@pytest.mark.parametrize(
    ("stored_as", "shown"),
    [("iso", str), ("extended-json", dict), ("epoch-ms", int)],
)
def test_dates_can_be_shown_as_stored(serve: Any, stored_as: str, shown: type) -> None:
    served = serve(dates=stored_as, shown_dates="as-stored")
    (row,) = served.get("conversations", limit=1).json

    assert isinstance(row["StartedAt"], shown)
    assert row in served.get("conversations", query={"StartedAt": {"$lte": row["StartedAt"]}}).json


@pytest.mark.parametrize("name", ["sort", "limit", "skip", "query"])
@pytest.mark.parametrize("tail", ["conversations", "messages/_count"])
def test_a_parameter_can_be_refused_or_ignored(serve: Any, name: str, tail: str) -> None:
    parameters = {"sort": "-_id", "limit": 3, "skip": 2, "query": {"_id": "none"}}
    value = {name: parameters[name]}

    assert serve(refuse=f"{name}, $ne").get(tail, **value).status == 400
    served = serve(ignore=name)
    assert served.get(tail, **value).json == served.get(tail).json


@pytest.mark.parametrize(
    ("operator", "query"),
    [
        ("$ne", {"Status": {"$ne": None}}),
        ("$exists", {"$or": [{"Status": {"$exists": True}}]}),
        ("$nin", {"Status": {"$not": {"$nin": ["success"]}}}),
        ("$regex", {"Status": {"$regex": "a"}}),
        ("$or", {"$or": [{"Status": "success"}]}),
    ],
)
def test_an_operator_can_be_refused(serve: Any, operator: str, query: Any) -> None:
    served = serve(refuse=operator)
    answer = served.get("conversations/_count", query=query)

    assert (answer.status, answer.json) == (400, {"error": f"unknown operator {operator}"})
    assert served.get("conversations/_count", query={"Status": {"$gt": ""}}).status == 200


def test_a_limit_above_the_maximum_can_be_refused(serve: Any) -> None:
    served = serve(max_limit=10, over_limit="refuse")

    assert served.get("conversations", limit=11).json == {"error": "limit must be at most 10"}
    assert len(served.get("conversations", limit=10).json) == 10


def test_a_share_of_requests_is_throttled_in_the_order_of_the_seed(serve: Any) -> None:
    first, again = (
        [served.get("conversations/_count").status for _ in range(60)]
        for served in (serve(throttle=0.2), serve(throttle=0.2))
    )

    assert first == again
    assert 3 <= first.count(429) <= 25
    assert set(first) == {200, 429}


def test_a_date_from_a_response_matches_its_row(serve: Any) -> None:
    served = serve(dates="extended-json")
    (row,) = served.get("conversations", limit=1).json

    assert row in served.get("conversations", query={"StartedAt": {"$date": row["StartedAt"]}}).json


@pytest.mark.parametrize("form", ["seconds", "http-date"])
def test_a_429_has_a_retry_after(serve: Any, form: str) -> None:
    served = serve(bots=2, rate=0.25, retry_after=form)
    assert served.get("conversations/_count").status == 200
    refused = served.get("conversations/_count")

    assert refused.status == 429
    wait = refused.headers["Retry-After"]
    assert (
        wait == "4"
        if form == "seconds"
        else parsedate_to_datetime(wait).timestamp() == served.clock.wall() + 4
    )
    served.clock.sleep(4.0)
    assert served.get("conversations/_count").status == 200


def test_a_rate_permits_a_burst_of_one_second() -> None:
    clock = FakeClock()
    [bot] = bots = simulated_bots(1)
    simulation = Simulation(Settings(rate=10.0), bots, clock)

    assert [simulation.admit(bot.name) for _ in range(11)] == [0] * 10 + [1]
    clock.sleep(0.2)
    assert [simulation.admit(bot.name) for _ in range(3)] == [0, 0, 1]


def test_without_a_rate_there_is_no_limit() -> None:
    [bot] = bots = simulated_bots(1)
    simulation = Simulation(Settings(), bots, FakeClock())

    assert not any(simulation.admit(bot.name) for _ in range(1000))


def test_a_response_takes_the_configured_latency(serve: Any) -> None:
    served = serve(latency=0.15, jitter=0.05)
    clock = SystemClock()
    began = clock.steady()
    served.get("conversations/_count")

    assert clock.steady() - began >= 0.15
