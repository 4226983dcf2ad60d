"""Laws of polls with dates: counted only once a format is proven, and no other is held up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from exporter.errors import Rejected, ServerError
from exporter.model import Json

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

KEY = ("support", "all")
SINCE: Json = {"StartedAt": {"$gte": {"$date": "now-1h"}}}
EXISTS = 'conversations {"StartedAt":{"$exists":true}}'
WIRES = {
    "iso": '"1970-01-01T00:00:00.000Z"',
    "extended-json": '{"$date":"1970-01-01T00:00:00.000Z"}',
    "epoch-ms": "0",
}


class Api:
    """An API whose dates match in one format only; `there` says how many elements have the field."""

    def __init__(self, matches: str, there: int = 3) -> None:
        self.matches = matches
        self.there = there
        self.failure: Exception | None = None

    def __call__(self, call: Call) -> Outcome:
        if self.failure is not None and call.asked == EXISTS:
            return 0.01, self.failure
        if call.asked == EXISTS:
            return 0.01, self.there
        if "StartedAt" not in call.asked:
            return 0.01, 11
        probe = WIRES[self.matches]
        if "1970" in call.asked or call.asked.endswith(":0}}"):
            matches = call.asked == f'conversations {{"StartedAt":{{"$gte":{probe}}}}}'
            return 0.01, self.there if matches else 0
        return 0.01, 5


def test_dates_in_the_right_format_are_counted_after_one_proof(kit: Kit, world: MakeWorld) -> None:
    run = world(Api("iso"))
    run.poller.apply(kit.plan([kit.bot()], [kit.query("all", SINCE, every=10.0)]))
    run.run(60.0)
    assert run.notes.counts[KEY] == [(0, 5)] * run.notes.runs[KEY]
    assert sum(call.asked == EXISTS for call in run.calls) == 1
    assert len(run.calls) == run.notes.runs[KEY] + 2


def test_a_format_proven_wrong_counts_nothing_and_says_why(kit: Kit, world: MakeWorld) -> None:
    run = world(Api("epoch-ms"))
    run.poller.apply(kit.plan([kit.bot(dates="iso")], [kit.query("all", SINCE, SINCE, every=10.0)]))
    run.run(60.0)
    assert not run.notes.counts[KEY]
    assert set(run.notes.reasons(KEY)) == {"dates_unverified"}
    assert all(rows == (0, 1) for rows, _ in run.notes.failures[KEY])
    assert len(run.notes.failures[KEY]) == run.notes.runs[KEY]


def test_auto_finds_the_format_and_writes_dates_in_it(kit: Kit, world: MakeWorld) -> None:
    for wire in WIRES:
        run = world(Api(wire))
        run.poller.apply(kit.plan([kit.bot(dates="auto")], [kit.query("all", SINCE, every=10.0)]))
        run.run(30.0)
        assert run.notes.counts[KEY] == [(0, 5)] * run.notes.runs[KEY]
        written = run.calls[-1].asked
        assert ('"$date"' in written, "-" in written) == (wire == "extended-json", wire != "epoch-ms")


def test_no_element_with_the_field_proves_nothing_and_is_asked_again_at_each_run(
    kit: Kit, world: MakeWorld
) -> None:
    api = Api("iso", there=0)
    run = world(api)
    run.poller.apply(kit.plan([kit.bot()], [kit.query("all", SINCE, every=10.0)]))
    run.run(60.0)
    assert run.notes.reasons(KEY) == ["dates_unverified"] * run.notes.runs[KEY]
    assert {call.asked for call in run.calls} == {EXISTS}
    api.there = 4
    run.run(20.0)
    assert run.notes.counts[KEY]


def test_an_api_that_fails_during_the_proof_counts_by_its_own_reason(kit: Kit, world: MakeWorld) -> None:
    api = Api("iso")
    run = world(api)
    for failure in (ServerError("ill", status=500), Rejected("no", status=404)):
        api.failure = failure
        run.poller.apply(kit.plan([kit.bot(retries=0)], [kit.query("all", SINCE, every=10.0)]))
        run.run(10.0)
    assert set(run.notes.reasons(KEY)) == {"server_error", "rejected"}
    assert not run.notes.counts[KEY]


def test_undated_series_of_the_same_poll_are_not_held_up(kit: Kit, world: MakeWorld) -> None:
    run = world(Api("epoch-ms"))
    run.poller.apply(kit.plan([kit.bot()], [kit.query("all", SINCE, {"Errors": 1}, every=10.0)]))
    run.run(60.0)
    assert run.notes.counts[KEY] == [(1, 11)] * run.notes.runs[KEY]
    assert all(rows == (0,) for rows, _ in run.notes.failures[KEY])
    assert all(error is not None and error.reason == "dates_unverified" for _, error in run.notes.ends[KEY])


def test_a_proof_is_repeated_after_a_reload(kit: Kit, world: MakeWorld) -> None:
    api = Api("iso")
    run = world(api)
    plan = kit.plan([kit.bot()], [kit.query("all", SINCE, every=10.0)])
    run.poller.apply(plan)
    run.run(30.0)
    api.matches = "epoch-ms"
    run.poller.apply(plan)
    run.notes.counts.clear()
    run.run(30.0)
    assert sum(call.asked == EXISTS for call in run.calls) >= 2
    assert not run.notes.counts[KEY]
    assert set(run.notes.reasons(KEY)) == {"dates_unverified"}


def test_dates_are_worked_out_at_each_run_from_its_start(kit: Kit, world: MakeWorld) -> None:
    run = world(Api("epoch-ms"))
    run.poller.apply(kit.plan([kit.bot(dates="epoch-ms")], [kit.query("all", SINCE, every=10.0)]))
    run.run(60.0)
    dated = [call for call in run.calls if not call.asked.endswith((":0}}", "true}}"))]
    instants = [int(call.asked.split(":")[-1].rstrip("}")) / 1000 for call in dated]
    ahead = run.clock.wall() - run.clock.steady() - 3600.0
    assert instants[1:] == [round(call.began + ahead, 3) for call in dated[1:]]
