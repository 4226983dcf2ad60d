"""Laws of the metrics of the process itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

import prometheus_client.openmetrics.exposition
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.parser import text_string_to_metric_families

from exporter.exposition.telemetry import MOST_CODES, Telemetry
from exporter.model import Bot, Config, Plan, Query, TokenSource
from exporter.plan import make_plan

MakeQuery = Callable[..., Query]
PlanOf = Callable[..., Plan]
Meanwhile = Callable[[Callable[[], None]], AbstractContextManager[None]]

# prometheus-client leaves this one untyped
write_openmetrics = cast(
    "Callable[[CollectorRegistry], bytes]", prometheus_client.openmetrics.exposition.generate_latest
)
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OF_BOTS = "nativechat_exporter_api_request"


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry(2, 5)


def samples(telemetry: Telemetry) -> list[Any]:
    text = telemetry.text(openmetrics=False)
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    found = [
        sample.value
        for sample in samples(telemetry)
        if (sample.name, sample.labels) == (f"nativechat_exporter_{name}", labels)
    ]
    assert len(found) <= 1
    return float(found[0]) if found else None


def bots_shown(telemetry: Telemetry) -> set[str]:
    return {sample.labels["bot"] for sample in samples_of_bots(telemetry)}


def samples_of_bots(telemetry: Telemetry) -> list[Any]:
    return [sample for sample in samples(telemetry) if sample.name.startswith(OF_BOTS)]


def test_the_shard_is_exposed(telemetry: Telemetry) -> None:
    assert (value(telemetry, "shard_ordinal"), value(telemetry, "shard_total")) == (2.0, 5.0)


def test_two_telemetries_share_nothing() -> None:
    one, other = Telemetry(0, 1), Telemetry(0, 1)
    one.defect()
    assert (value(one, "internal_errors_total"), value(other, "internal_errors_total")) == (1.0, 0.0)


@pytest.mark.parametrize(("seconds", "shown"), [(0.5, 0.5), (0.0, 0.0), (-0.25, 0.0)])
def test_a_run_is_never_early(telemetry: Telemetry, seconds: float, shown: float) -> None:
    telemetry.lagged(seconds)
    assert value(telemetry, "schedule_lag_seconds") == shown


def test_a_failed_reload_keeps_the_time_of_the_last_good_one(telemetry: Telemetry) -> None:
    successful, when = "config_last_reload_successful", "config_last_reload_success_timestamp_seconds"
    telemetry.reloaded(1_750_000_000.0)
    assert (value(telemetry, successful), value(telemetry, when)) == (1.0, 1_750_000_000.0)
    telemetry.reloaded(None)
    assert (value(telemetry, successful), value(telemetry, when)) == (0.0, 1_750_000_000.0)


def test_attempts_count_by_status_and_are_timed(
    telemetry: Telemetry, make: MakeQuery, plan_of: PlanOf
) -> None:
    telemetry.apply(plan_of(make("conversations")))
    of_main = {"bot": "main"}
    for status in (200, 200, 503, None):
        telemetry.attempted("main", status, 0.25)
    counted = {
        code: value(telemetry, "api_requests_total", **of_main, code=code) for code in ("200", "503", "none")
    }
    assert counted == {"200": 2.0, "503": 1.0, "none": 1.0}
    assert value(telemetry, "api_request_duration_seconds_count", **of_main) == 4.0
    assert value(telemetry, "api_request_duration_seconds_sum", **of_main) == 1.0


def test_statuses_that_a_server_invents_make_at_most_ten_codes_of_a_bot(
    telemetry: Telemetry, make: MakeQuery, plan_of: PlanOf
) -> None:
    both = ("main", "support")
    telemetry.apply(plan_of(make("conversations", bots=both)))
    telemetry.attempted("support", 404, 0.25)
    for status in range(100, 1000):
        telemetry.attempted("main", status, 0.25)
    counts: dict[str, dict[str, float]] = {"main": {}, "support": {}}
    for sample in samples_of_bots(telemetry):
        if sample.name.endswith("_requests_total"):
            codes = counts[sample.labels["bot"]]
            codes[sample.labels["code"]] = codes.get(sample.labels["code"], 0.0) + sample.value
    assert len(counts["main"]) == MOST_CODES
    assert {"200", "none", "100", "other"} < counts["main"].keys()
    assert sum(counts["main"].values()) == 900
    assert counts["support"] == {"200": 0, "none": 0, "404": 1}


def test_a_reload_keeps_the_counts_of_a_bot_that_stays(
    telemetry: Telemetry, make: MakeQuery, plan_of: PlanOf
) -> None:
    telemetry.apply(plan_of(make("conversations")))
    telemetry.attempted("main", 200, 0.25)
    telemetry.apply(plan_of(make("conversations", every=30.0), make("messages", collection="messages")))
    of_main = {"bot": "main", "code": "200"}
    assert value(telemetry, "api_requests_total", **of_main) == 1.0


def test_every_label_set_of_a_bot_that_is_gone_vanishes(
    telemetry: Telemetry, make: MakeQuery, plan_of: PlanOf
) -> None:
    telemetry.apply(plan_of(make("conversations", bots=("main", "support"))))
    for status in (200, 418, None):
        telemetry.attempted("support", status, 0.25)
    telemetry.apply(plan_of(make("conversations")))
    assert bots_shown(telemetry) == {"main"}


def test_an_attempt_for_a_bot_that_is_gone_does_not_bring_it_back(
    telemetry: Telemetry, make: MakeQuery, plan_of: PlanOf
) -> None:
    telemetry.apply(plan_of(make("conversations")))
    telemetry.attempted("gone", 200, 0.25)
    assert bots_shown(telemetry) == {"main"}


def test_a_bot_that_came_back_starts_from_0(telemetry: Telemetry, make: MakeQuery, plan_of: PlanOf) -> None:
    plan = plan_of(make("conversations"))
    telemetry.apply(plan)
    telemetry.attempted("main", 200, 0.25)
    telemetry.apply(plan_of())
    telemetry.apply(plan)
    assert {sample.value for sample in samples_of_bots(telemetry)} == {0.0}


def test_attempts_in_flight_over_reloads_leave_nothing_of_a_bot_that_is_gone(
    telemetry: Telemetry, make: MakeQuery, plan_of: PlanOf, meanwhile: Meanwhile
) -> None:
    both, one = plan_of(make("conversations", bots=("main", "gone"))), plan_of(make("conversations"))
    statuses = itertools.count(200)

    with meanwhile(lambda: telemetry.attempted("gone", next(statuses), 0.25)):
        for _ in range(100):
            telemetry.apply(both)
            telemetry.apply(one)
            assert bots_shown(telemetry) == {"main"}


@given(st.lists(st.tuples(st.sampled_from([200, 503, None]), st.floats(0, 100)), max_size=20))
@pytest.mark.parametrize("openmetrics", [False, True])
def test_attempts_read_as_prometheus_client_itself_would_write_them(
    openmetrics: bool, attempts: list[tuple[int | None, float]]
) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client leaves it untyped
    registry = CollectorRegistry()
    requests = Counter(f"{OF_BOTS}s", "", ("bot", "code"), registry=registry)
    durations = Histogram(f"{OF_BOTS}_duration_seconds", "", ("bot",), registry=registry, buckets=BUCKETS)
    requests.labels("main", "200")
    requests.labels("main", "none")
    durations.labels("main")
    ours = Telemetry(0, 1)
    ours.apply(plan_of_messages())
    for status, seconds in attempts:
        requests.labels("main", "none" if status is None else str(status)).inc()
        durations.labels("main").observe(seconds)
        ours.attempted("main", status, seconds)
    write = write_openmetrics if openmetrics else generate_latest
    text = ours.text(openmetrics=openmetrics)
    assert _of_bots(text) == _of_bots(write(registry).decode())


def _of_bots(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.removeprefix("# TYPE ").startswith(OF_BOTS)]


def plan_of_messages() -> Plan:
    query = Query("any", "Any.", "messages", 60.0, 300.0, ("main",))
    return make_plan(Config((Bot("main", "id", TokenSource(env="TOKEN")),), (query,)))
