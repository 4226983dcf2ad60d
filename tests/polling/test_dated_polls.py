"""Laws of polls with dates: counted only once a format is proven, and without delay for others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exporter.errors import Rejected, ServerError
from exporter.model import Json

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

KEY = ("support", "all")
SINCE: Json = {"StartedAt": {"$gte": {"$date": "now-1h"}}}
EXISTS = 'conversations {"StartedAt":{"$ne":null}}'
WIRES = {
    "iso": '"1970-01-01T00:00:00.000Z"',
    "extended-json": '{"$date":"1970-01-01T00:00:00.000Z"}',
    "epoch-ms": "100000000000",
}


class Api:
    """An API whose dates match in one format only; `there` says how many elements have the field."""

    def __init__(self, matches: str, there: int = 3) -> None:
        self.matches = matches
        self.there = there
        self.failure: Exception | None = None

    def __call__(self, call: Call) -> Outcome:
        if self.failure is not None and "StartedAt" in call.asked:
            return 0.01, self.failure
        if call.asked == EXISTS:
            return 0.01, self.there
        if "StartedAt" not in call.asked:
            return 0.01, 11
        probe = WIRES[self.matches]
        if "1970" in call.asked or call.asked.endswith(":100000000000}}"):
            matches = call.asked == f'conversations {{"StartedAt":{{"$gte":{probe}}}}}'
            return 0.01, self.there if matches else 0
        return 0.01, 5


def test_dates_in_the_right_format_are_counted_after_one_proof(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(Api("iso"))
    world.apply(kit.plan([kit.bot()], [kit.query("all", SINCE, every=10.0)]))
    world.run(60.0)
    assert world.recorder.counts[KEY] == [(0, 5)] * world.recorder.runs[KEY]
    asked = [call.asked for call in world.calls]
    assert len(asked) == world.recorder.runs[KEY] + 4
    assert asked[1:4] == [
        EXISTS,
        *(f"conversations shown StartedAt iso {end}" for end in ("lowest", "highest")),
    ]


def test_dates_that_documents_show_to_be_written_otherwise_are_not_counted(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(Api("iso"))
    world.misread = 1
    world.apply(kit.plan([kit.bot()], [kit.query("all", SINCE, every=10.0)]))
    world.run(60.0)
    assert not world.recorder.counts[KEY]
    assert set(world.recorder.reasons(KEY)) == {"dates_unverified"}
    world.misread = 0
    world.run(20.0)
    assert world.recorder.counts[KEY]


def test_documents_are_not_looked_at_for_dates_of_a_type_of_their_own(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(Api("extended-json"))
    world.misread = 1
    world.apply(kit.plan([kit.bot(dates="extended-json")], [kit.query("all", SINCE, every=10.0)]))
    world.run(30.0)
    assert world.recorder.counts[KEY]
    assert not [call for call in world.calls if " shown " in call.asked]


def test_with_a_wrong_format_nothing_is_counted_and_the_error_says_why(
    kit: Kit, make_world: MakeWorld
) -> None:
    world = make_world(Api("epoch-ms"))
    world.apply(kit.plan([kit.bot(dates="iso")], [kit.query("all", SINCE, SINCE, every=10.0)]))
    world.run(60.0)
    assert not world.recorder.counts[KEY]
    assert set(world.recorder.reasons(KEY)) == {"dates_unverified"}
    assert all(rows == (0, 1) for rows, _ in world.recorder.failures[KEY])
    assert len(world.recorder.failures[KEY]) == world.recorder.runs[KEY]


def test_auto_finds_the_format_and_writes_dates_in_it(kit: Kit, make_world: MakeWorld) -> None:
    for wire in WIRES:
        world = make_world(Api(wire))
        world.apply(kit.plan([kit.bot(dates="auto")], [kit.query("all", SINCE, every=10.0)]))
        world.run(30.0)
        assert world.recorder.counts[KEY] == [(0, 5)] * world.recorder.runs[KEY]
        written = world.calls[-1].asked
        assert ('"$date"' in written, "-" in written) == (wire == "extended-json", wire != "epoch-ms")


@pytest.mark.parametrize(("dates", "lines"), [("auto", 1), ("epoch-ms", 0)])
def test_the_format_that_auto_finds_is_logged_once_for_a_bot(
    kit: Kit, make_world: MakeWorld, caplog: pytest.LogCaptureFixture, dates: str, lines: int
) -> None:
    caplog.set_level(logging.INFO)
    world = make_world(lambda call: (0.01, 0 if "1970-01-01" in call.asked else 3))
    sent: Json = {"SentAt": {"$gte": {"$date": "now-1h"}}}
    queries = [kit.query("all", SINCE, every=10.0), kit.query("sent", sent, every=10.0)]
    world.apply(kit.plan([kit.bot(dates=dates)], queries))
    world.run(60.0)
    found = [line.__dict__["fields"] for line in caplog.records if line.message == "date format found"]
    assert found == [{"bot": "support", "dates": "epoch-ms"}] * lines
    assert all(world.recorder.counts["support", query.name] for query in queries)


def test_no_element_with_the_field_proves_nothing_and_is_asked_again_at_each_run(
    kit: Kit, make_world: MakeWorld
) -> None:
    api = Api("iso", there=0)
    world = make_world(api)
    world.apply(kit.plan([kit.bot()], [kit.query("all", SINCE, every=10.0)]))
    world.run(60.0)
    assert world.recorder.reasons(KEY) == ["dates_unverified"] * world.recorder.runs[KEY]
    assert sum(call.asked == EXISTS for call in world.calls) == world.recorder.runs[KEY]
    assert len(world.calls) == 2 * world.recorder.runs[KEY]
    api.there = 4
    world.run(20.0)
    assert world.recorder.counts[KEY]


def test_a_failure_during_the_proof_counts_by_its_own_reason(kit: Kit, make_world: MakeWorld) -> None:
    api = Api("iso")
    world = make_world(api)
    for failure in (ServerError("ill", status=500), Rejected("no", status=404)):
        api.failure = failure
        world.apply(kit.plan([kit.bot(retries=0)], [kit.query("all", SINCE, every=10.0)]))
        world.run(10.0)
    assert set(world.recorder.reasons(KEY)) == {"server_error", "rejected"}
    assert not world.recorder.counts[KEY]


def test_undated_series_of_the_same_poll_are_not_delayed(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(Api("epoch-ms"))
    world.apply(kit.plan([kit.bot()], [kit.query("all", SINCE, {"Errors": 1}, every=10.0)]))
    world.run(60.0)
    assert world.recorder.counts[KEY] == [(1, 11)] * world.recorder.runs[KEY]
    assert all(rows == (0,) for rows, _ in world.recorder.failures[KEY])
    assert all(
        error is not None and error.reason == "dates_unverified" for _, error in world.recorder.ends[KEY]
    )


def test_a_proof_is_repeated_after_a_reload(kit: Kit, make_world: MakeWorld) -> None:
    api = Api("iso")
    world = make_world(api)
    plan = kit.plan([kit.bot()], [kit.query("all", SINCE, every=10.0)])
    world.apply(plan)
    world.run(30.0)
    api.matches = "epoch-ms"
    world.apply(plan)
    world.recorder.counts.clear()
    world.run(30.0)
    assert sum(call.asked == EXISTS for call in world.calls) >= 2
    assert not world.recorder.counts[KEY]
    assert set(world.recorder.reasons(KEY)) == {"dates_unverified"}


def test_dates_are_worked_out_at_each_run_from_its_start(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(Api("epoch-ms"))
    world.apply(kit.plan([kit.bot(dates="epoch-ms")], [kit.query("all", SINCE, every=10.0)]))
    world.run(60.0)
    probes = (":100000000000}}", "null}}", "lowest", "highest")
    dated = [call for call in world.calls if not call.asked.endswith(probes)]
    instants = [int(call.asked.split(":")[-1].rstrip("}")) / 1000 for call in dated]
    ahead = world.clock.wall() - world.clock.steady() - 3600.0
    assert instants[1:] == [round(call.began + ahead, 3) for call in dated[1:]]


def test_a_reload_leaves_the_dates_of_a_run_in_flight_alone(kit: Kit, make_world: MakeWorld) -> None:
    api = Api("iso")
    world = make_world(lambda call: (5.0, api(call)[1]))
    plan = kit.plan([kit.bot(rate=None, concurrency=1)], [kit.query("all", SINCE, SINCE, SINCE, every=60.0)])
    world.apply(plan)
    world.run(27.0)  # a proof and a first count
    world.apply(plan)
    world.run(30.0)
    assert len(world.recorder.counts[KEY]) == 3
    assert not world.defects
