"""Laws of the store; tests/truth tries them in random orders, with the poller and the page."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from exporter.errors import REASONS, ApiError, ServerError, TimedOut, Unauthorized
from exporter.model import Bot, Config, Part, Plan, Predicate, Query, TokenSource, Unknown, Variant
from exporter.plan import keep_same, make_plan
from exporter.store.store import Store
from tests.clock import FakeClock

ERROR = ServerError("down", status=500)
TIMEOUT = TimedOut("too slow")
UNKNOWN = Unknown({"Chanel": "none has it"}, frozenset({Part("Errors", "1"), Part("Errors", "2")}))
BOT = Bot("main", "1", TokenSource(env="TOKEN"))
QUERY = Query(
    name="by_channel",
    help="Help.",
    collection="conversations",
    every=60.0,
    stale_after=300.0,
    bots=("main",),
    variants=tuple(
        Variant((("channel", name),), Predicate(f'{{"Channel":"{name}"}}')) for name in ("viber", "darvin")
    ),
)


def plan_of(*queries: Query, bot: Bot = BOT) -> Plan:
    return make_plan(Config((bot,), queries))


def shown(store: Store) -> list[int | None]:
    """Return every count in the store's snapshot, in the plan's order."""
    return [count for poll in store.snapshot().polls for count in poll.counts]


@pytest.fixture
def plan(store: Store) -> Plan:
    """Return the plan that the store holds, of one poll with two series."""
    plan = plan_of(QUERY)
    store.apply(plan)
    return plan


def test_a_series_is_absent_until_it_was_counted(store: Store, plan: Plan) -> None:
    store.counted(plan.polls[0], 1, 7)
    assert shown(store) == [None, 7]


def test_a_count_of_zero_is_a_count(store: Store, plan: Plan) -> None:
    store.counted(plan.polls[0], 0, 0)
    assert shown(store) == [0, None]


def test_a_count_is_returned_until_it_is_stale_and_not_longer(
    store: Store, plan: Plan, clock: FakeClock
) -> None:
    store.counted(plan.polls[0], 0, 7)
    clock.now += 10.0
    store.counted(plan.polls[0], 1, 8)
    clock.now += QUERY.stale_after - 10.0
    assert shown(store) == [7, 8]
    clock.now += 0.001
    assert shown(store) == [None, 8]
    clock.now += 10.0
    assert shown(store) == [None, None]


def test_a_failure_removes_no_count(store: Store, plan: Plan) -> None:
    store.counted(plan.polls[0], 0, 7)
    store.failed(plan.polls[0], [0], ERROR)
    assert shown(store) == [7, None]


def test_a_longer_stale_after_brings_no_count_back(store: Store, plan: Plan, clock: FakeClock) -> None:
    store.counted(plan.polls[0], 0, 7)
    clock.now += QUERY.stale_after + 1.0
    store.apply(plan_of(replace(QUERY, stale_after=3600.0)))
    assert shown(store) == [None, None]


def test_a_shorter_stale_after_holds_for_counts_that_are_there(
    store: Store, plan: Plan, clock: FakeClock
) -> None:
    store.counted(plan.polls[0], 0, 7)
    clock.now += 10.0
    store.apply(plan_of(replace(QUERY, stale_after=5.0)))
    assert shown(store) == [None, None]


def test_each_run_and_each_failed_request_is_counted(store: Store, plan: Plan, clock: FakeClock) -> None:
    [poll] = plan.polls
    store.started(poll)
    store.skipped(poll)
    store.failed(poll, [0], ERROR)
    store.failed(poll, [1], TIMEOUT)
    store.finished(poll, 2.5, TIMEOUT)
    store.started(poll)
    [state] = store.snapshot().polls
    assert (state.runs, state.skipped, state.last_run, state.duration) == (2, 1, clock.wall(), 2.5)
    assert state.failures == 2
    [bot] = store.snapshot().bots
    assert dict(zip(REASONS, bot.failures, strict=True)) == {
        **dict.fromkeys(REASONS, 0),
        "server_error": 1,
        "timeout": 1,
    }
    assert (state.up, state.ended, state.last_success, state.last_error) == (False, True, 0.0, TIMEOUT)


def test_a_run_without_a_failure_is_a_success(store: Store, plan: Plan, clock: FakeClock) -> None:
    store.failed(plan.polls[0], [0], ERROR)
    store.finished(plan.polls[0], 1.0, None)
    [state] = store.snapshot().polls
    assert (state.up, state.last_success, state.last_error) == (True, clock.wall(), ERROR)


def test_a_poll_fails_since_the_first_failed_run_of_its_outage(
    store: Store, plan: Plan, clock: FakeClock
) -> None:
    [poll], began = plan.polls, clock.now
    for error in (None, ERROR, ERROR, TIMEOUT, None, None):
        store.finished(poll, 1.0, error)
        [state] = store.snapshot().polls
        assert state.failing_since_at == (began + 1.0 if error else None)
        clock.now += 1.0


def test_an_error_of_a_bot_outlives_its_next_answer(store: Store, plan: Plan, clock: FakeClock) -> None:
    store.asked(plan.polls[0], ERROR, 0.0)
    failed_at = clock.now
    clock.now += 1.0
    store.asked(plan.polls[0], None, 0.0)
    [bot] = store.snapshot().bots
    assert (bot.up, bot.asked_at, bot.last_error, bot.last_error_at) == (True, clock.now, ERROR, failed_at)


def test_a_bot_is_down_since_its_first_failed_request(store: Store, plan: Plan, clock: FakeClock) -> None:
    began = clock.now
    for error, since in ((None, None), (ERROR, 1.0), (TIMEOUT, 1.0), (None, None), (ERROR, 4.0)):
        store.asked(plan.polls[0], error, 0.0)
        [bot] = store.snapshot().bots
        assert bot.down_since_at == (None if since is None else began + since)
        clock.now += 1.0


def test_a_poll_is_known_since_it_was_first_planned(store: Store, plan: Plan, clock: FakeClock) -> None:
    began = clock.now
    clock.now += 1.0
    store.apply(plan_of(replace(QUERY, every=30.0), replace(QUERY, name="new")))
    assert [poll.known_since_at for poll in store.snapshot().polls] == [began, began + 1.0]


def test_a_poll_that_never_succeeded_fails_since_its_first_run(
    store: Store, plan: Plan, clock: FakeClock
) -> None:
    began = clock.now
    for error in (ERROR, TIMEOUT):
        store.finished(plan.polls[0], 1.0, error)
        clock.now += 1.0
    [state] = store.snapshot().polls
    assert (state.failing_since_at, state.last_success) == (began, 0.0)


def test_a_poll_that_changed_keeps_its_history(store: Store, plan: Plan) -> None:
    store.started(plan.polls[0])
    store.failed(plan.polls[0], [0], ERROR)
    store.finished(plan.polls[0], 1.0, ERROR)
    [before] = store.snapshot().polls
    changed = plan_of(replace(QUERY, every=30.0))
    store.apply(changed)
    [after] = store.snapshot().polls
    assert after == replace(before, poll=changed.polls[0])


def test_polls_are_in_the_order_of_the_plan(store: Store) -> None:
    plan = plan_of(QUERY, replace(QUERY, name="other"))
    for polls in (plan.polls, plan.polls[::-1]):
        store.apply(replace(plan, polls=polls))
        assert [state.poll for state in store.snapshot().polls] == list(polls)


def test_a_series_with_a_changed_predicate_starts_absent_and_its_neighbour_stays(
    store: Store, plan: Plan
) -> None:
    store.counted(plan.polls[0], 0, 7)
    store.counted(plan.polls[0], 1, 8)
    viber, darvin = QUERY.variants
    changed = replace(QUERY, variants=(replace(viber, predicate=Predicate('{"Channel":"VIBER"}')), darvin))
    store.apply(plan_of(changed))
    assert shown(store) == [None, 8]


def test_a_count_follows_its_series_to_another_position(store: Store, plan: Plan) -> None:
    store.counted(plan.polls[0], 0, 7)
    store.counted(plan.polls[0], 1, 8)
    store.apply(plan_of(replace(QUERY, variants=QUERY.variants[::-1])))
    assert shown(store) == [8, 7]


def test_another_bot_under_the_same_name_starts_absent(store: Store, plan: Plan) -> None:
    store.counted(plan.polls[0], 0, 7)
    store.apply(plan_of(QUERY, bot=replace(BOT, id="2")))
    assert shown(store) == [None, None]


def test_a_bot_with_other_labels_keeps_what_was_counted(store: Store, plan: Plan) -> None:
    store.counted(plan.polls[0], 0, 7)
    store.apply(plan_of(QUERY, bot=replace(BOT, labels=(("team", "care"),))))
    assert shown(store) == [7, None]


def test_another_token_for_the_same_bot_keeps_what_was_counted_and_forgets_whether_it_is_up(
    store: Store, plan: Plan
) -> None:
    store.counted(plan.polls[0], 0, 7)
    store.failed(plan.polls[0], [1], ERROR)
    store.asked(plan.polls[0], None, 0.0)
    store.apply(plan_of(QUERY, bot=replace(BOT, token=TokenSource(env="ANOTHER"))))
    assert shown(store) == [7, None]
    assert [(bot.up, sum(bot.failures)) for bot in store.snapshot().bots] == [(None, 1)]


def test_an_answer_to_the_bot_that_had_this_name_does_not_say_whether_this_one_is_up(
    store: Store, plan: Plan
) -> None:
    store.apply(plan_of(QUERY, bot=replace(BOT, id="2")))
    store.asked(plan.polls[0], None, 0.0)
    assert [bot.up for bot in store.snapshot().bots] == [None]


def test_results_of_a_poll_of_an_older_plan_are_dropped(store: Store, plan: Plan) -> None:
    store.apply(plan_of(replace(QUERY, every=30.0)))
    before = store.snapshot()
    store.started(plan.polls[0])
    store.skipped(plan.polls[0])
    store.counted(plan.polls[0], 0, 7)
    store.failed(plan.polls[0], [1], ERROR)
    store.finished(plan.polls[0], 1.0, ERROR)
    store.unknown(plan.polls[0], UNKNOWN)
    assert store.snapshot() is before


def test_results_of_a_poll_that_went_are_dropped_though_an_equal_one_is_there(
    store: Store, plan: Plan
) -> None:
    store.apply(plan_of())
    store.apply(plan_of(QUERY))
    store.counted(plan.polls[0], 0, 7)
    assert shown(store) == [None, None]


def test_an_equal_poll_that_was_kept_is_the_same_poll(store: Store, plan: Plan) -> None:
    store.apply(keep_same(plan_of(QUERY), plan))
    store.counted(plan.polls[0], 0, 7)
    assert shown(store) == [7, None]


def test_a_poll_that_went_and_came_back_starts_anew(store: Store, plan: Plan) -> None:
    store.started(plan.polls[0])
    store.counted(plan.polls[0], 0, 7)
    store.apply(plan_of())
    store.apply(plan)
    [poll] = store.snapshot().polls
    assert (shown(store), poll.runs) == ([None, None], 0)


def test_a_run_that_a_reload_abandoned_is_no_attempt(store: Store, plan: Plan) -> None:
    store.started(plan.polls[0])
    store.apply(plan_of(replace(QUERY, every=30.0)))
    [poll] = store.snapshot().polls
    assert (store.all_attempted(), poll.ended, poll.runs) == (False, False, 1)


def test_an_attempt_stays_one_when_its_predicate_changes(store: Store, plan: Plan) -> None:
    store.counted(plan.polls[0], 0, 7)
    changed = tuple(replace(each, predicate=Predicate()) for each in QUERY.variants)
    store.apply(plan_of(replace(QUERY, variants=changed)))
    assert (store.all_attempted(), shown(store)) == (True, [None, None])


def test_a_store_without_polls_has_attempted_everything(store: Store) -> None:
    assert store.all_attempted()


@pytest.mark.parametrize(("status", "up"), [(None, False), (400, True), (422, True), (404, False)])
def test_a_bot_that_rejects_one_predicate_is_still_up(
    store: Store, plan: Plan, status: int | None, up: bool
) -> None:
    store.asked(plan.polls[0], ServerError("made up", status=status), 0.0)
    assert [bot.up for bot in store.snapshot().bots] == [up]


def test_a_snapshot_is_the_same_until_something_changes_or_gets_stale(
    store: Store, plan: Plan, clock: FakeClock
) -> None:
    store.counted(plan.polls[0], 0, 7)
    before = store.snapshot()
    clock.now += QUERY.stale_after
    assert store.snapshot() is before
    clock.now += 0.001
    after = store.snapshot()
    assert after is not before
    store.skipped(plan.polls[0])
    assert store.snapshot() is not after


def test_a_snapshot_does_not_change_afterwards(store: Store, plan: Plan) -> None:
    store.counted(plan.polls[0], 0, 7)
    [before] = store.snapshot().polls
    store.counted(plan.polls[0], 0, 8)
    store.failed(plan.polls[0], [1], ERROR)
    assert (before.counts, before.failures) == ((7, None), 0)
    assert shown(store) == [8, None]


def test_a_403_means_that_a_bot_is_down_only_if_nothing_of_it_is_answered(store: Store) -> None:
    plan = plan_of(QUERY, replace(QUERY, name="forbidden"))
    store.apply(plan)
    answered, forbidden = plan.polls
    refusal = Unauthorized("no", status=403)
    for poll, error, up in (
        (forbidden, refusal, False),
        (answered, None, True),
        (forbidden, refusal, True),
        (answered, ERROR, False),
        (forbidden, refusal, False),
        (answered, None, True),
        (answered, Unauthorized("no", status=401), False),
    ):
        store.asked(poll, error, 0.0)
        assert [bot.up for bot in store.snapshot().bots] == [up]


def test_the_polls_of_a_bot_that_is_down_count_as_attempted_after_one_timeout(
    store: Store, clock: FakeClock
) -> None:
    plan = plan_of(QUERY, replace(QUERY, name="other"))
    store.apply(plan)
    store.failed(plan.polls[0], [0], TIMEOUT)
    assert not store.all_attempted()
    store.asked(plan.polls[0], TIMEOUT, 0.0)
    assert not store.all_attempted()
    clock.now += plan.bots[0].api.timeout
    assert store.all_attempted()


@pytest.mark.parametrize(("error", "is_ready"), [(TIMEOUT, True), (ERROR, False)])
def test_a_bot_that_hangs_at_some_requests_delays_readiness_by_one_timeout(
    store: Store, clock: FakeClock, error: ApiError, is_ready: bool
) -> None:
    first, waits = QUERY, replace(QUERY, name="waits")
    plan = plan_of(first, waits)
    store.apply(plan)
    clock.now += BOT.api.timeout
    store.failed(plan.polls[0], [0], error)
    store.asked(plan.polls[0], error, 0.0)
    store.asked(plan.polls[0], None, 0.0)
    assert store.all_attempted() is is_ready
    clock.now += 1.0
    store.apply(keep_same(plan_of(first, waits, replace(QUERY, name="new")), plan))
    clock.now += BOT.api.timeout
    assert not store.all_attempted(), "nothing has hung since the new one is known"


def test_what_is_unknown_is_kept_until_others_are_or_the_query_changes(store: Store, plan: Plan) -> None:
    store.unknown(plan.polls[0], UNKNOWN)
    store.finished(plan.polls[0], 0.1, None)
    assert store.snapshot().polls[0].unknown == UNKNOWN
    store.apply(keep_same(plan_of(QUERY), plan))
    assert store.snapshot().polls[0].unknown == UNKNOWN
    store.apply(plan_of(replace(QUERY, every=30.0)))
    assert store.snapshot().polls[0].unknown == Unknown()


def test_what_is_unknown_is_logged_again_for_another_bot_of_the_same_name(
    store: Store, plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store.unknown(plan.polls[0], UNKNOWN)
    before = len(caplog.records)
    other = plan_of(QUERY, bot=replace(BOT, id="2"))
    store.apply(other)
    store.unknown(other.polls[0], UNKNOWN)
    assert len(caplog.records) == 2 * before


def test_what_is_unknown_is_logged_once_for_a_bot_and_collection(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    plan = plan_of(QUERY, replace(QUERY, name="other"), replace(QUERY, name="texts", collection="messages"))
    store.apply(plan)
    for poll in (*plan.polls, *plan.polls):
        store.unknown(poll, Unknown())
        store.unknown(poll, UNKNOWN)
    assert [(line.levelname, line.message, line.__dict__["fields"]) for line in caplog.records] == [
        ("INFO", "a count of 0 may be a mistake", {"bot": "main", "query": query, "why": why})
        for query, one in (("by_channel", "conversation"), ("texts", "message"))
        for why in (
            "none has it",
            f"no {one} has 1 or 2 in `Errors`: nothing happened yet, or it is misspelt",
        )
    ]
