"""Whatever happens in whatever order, each value on the page is the API's own, fresh, and of its series."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from exporter.exposition.exposition import Exposition
from exporter.exposition.telemetry import Telemetry
from exporter.model import Api as ApiSettings
from exporter.model import Bot, Config, Plan, Query, TokenSource
from exporter.plan import keep_same, make_plan
from exporter.polling.dispatcher import Dispatcher
from exporter.store.store import Store
from tests.polling.conftest import Call, Outcome, World
from tests.truth.configurations import Changed, configs
from tests.truth.oracle import BEHAVIOURS, DATES, Answer, Api, Judge, Key

RECOVERY = 700.0
"""Seconds in which every series comes back: the longest backoff, and a run of all polls after it."""


class Whole(World):
    """The world with the real store and the real page behind its dispatcher; checked after each event."""

    def __init__(self) -> None:
        self.api = Api()
        super().__init__(self.api.behave)
        self.store = Store(self.clock)
        self.page = Exposition(Telemetry(0, 1), self.store.snapshot, self.clock.steady)
        self.judge = Judge(self.api)
        self.plan = Plan((), ZoneInfo("UTC"), 1)
        self.dispatcher = Dispatcher(
            self.clock,
            recorder=self.store,
            make_client=self._make_client,
            on_defect=self._defect,
            on_lag=self.lags.append,
        )

    def reload(self, config: Config, *, answers_meanwhile: bool) -> None:
        """Put a configuration into effect as the daemon does, with answers that arrive in between."""
        self.plan = keep_same(make_plan(config), self.plan)
        self.page.apply(self.plan, with_it=lambda: self.store.apply(self.plan))
        self.judge.reloaded(config)
        if answers_meanwhile:
            self.answer_all()
        self.look()
        self.apply(self.plan)
        self.look()

    def answer_all(self) -> None:
        """Let every attempt in flight end, however late."""
        while self.open():
            self.end_next()

    def run_until_asked(self, seconds: float) -> None:
        """Let time pass until a request is in flight, but at most so many seconds."""
        until = self.clock.steady() + seconds
        while not self.open() and self.clock.steady() < until:
            self.run(0.04)

    def look(self) -> set[Key]:
        """Scrape once, and check the page."""
        page, _ = self.page.scrape("text/plain", "")
        return self.judge.judge(page.decode(), self.clock.steady())

    def end_next(self) -> None:
        super().end_next()
        self.look()


class Truth(RuleBasedStateMachine):
    """Random changes of configuration, API and time; every page is checked."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Whole()
        self.config: Config

    @initialize(config=configs(), seed=st.integers(0, 2**16))
    def begin(self, config: Config, seed: int) -> None:
        self.world.api.seed = seed
        self.world.api.behaviour = dict.fromkeys(DATES, ("at once", "slow"))
        self.config = config
        self.world.reload(config, answers_meanwhile=False)

    @rule(bot_id=st.sampled_from(sorted(DATES)), kinds=st.lists(st.sampled_from(BEHAVIOURS), min_size=1))
    def the_api_changes(self, bot_id: str, kinds: list[str]) -> None:
        self.world.api.behaviour[bot_id] = tuple(kinds)

    @rule(seconds=st.sampled_from([0.02, 0.5, 3.0, 8.0, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)
        self.world.look()

    @rule(seconds=st.sampled_from([-3600.0, -2.0, 90.0, 3600.0]))
    def the_wall_clock_is_set(self, seconds: float) -> None:
        self.world.clock.step_wall(seconds)

    @rule(seconds=st.sampled_from([10.0, 4000.0]))
    def the_machine_sleeps(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)
        self.world.look()

    @rule(
        data=st.data(),
        change=st.sampled_from(
            [
                Changed.one_query,
                Changed.one_bot,
                Changed.one_predicate,
                Changed.bot_ids,
                Changed.stale_after,
                Changed.fewer_queries,
                Changed.another_order,
                Changed.nothing,
                Changed.everything,
            ]
        ),
        answers_meanwhile=st.booleans(),
    )
    def the_configuration_changes(self, data: st.DataObject, change: Any, answers_meanwhile: bool) -> None:
        if answers_meanwhile:
            self.world.run_until_asked(20.0)
        self.config = change(Changed(self.config, data.draw))
        self.world.reload(self.config, answers_meanwhile=answers_meanwhile)

    def teardown(self) -> None:
        """End all faults: then every series comes back, without an internal error."""
        self.world.api.behaviour.clear()
        if self.world.plan.polls:
            self.everything_comes_back()
        assert self.world.defects == 0

    def everything_comes_back(self) -> None:
        missing = {key for key, promise in self.world.judge.promises.items() if promise.is_kept_when_normal()}
        until = self.world.clock.steady() + RECOVERY
        while missing and self.world.clock.steady() < until:
            self.world.run(2.0)
            missing -= self.world.look()
        assert not missing, missing


TestTruth = Truth.TestCase
TestTruth.settings = settings(max_examples=60, stateful_step_count=25)


def test_an_answer_that_is_read_after_a_sleep_is_not_taken_for_a_fresh_one() -> None:
    world, bot = Whole(), Bot("a", min(DATES), TokenSource(env="TOKEN"), api=ApiSettings(timeout=5.0))
    query = Query("q", "Help.", "conversations", 60.0, 60.0, ("a",))
    world.api.behaviour = dict.fromkeys(DATES, ("slow",))
    world.reload(Config((bot,), (query,)), answers_meanwhile=False)
    world.run_until_asked(5.0)
    world.clock.sleep(3600.0)
    world.answer_all()
    assert world.look() == set()
    assert [poll.last_error.reason for poll in world.store.snapshot().polls if poll.last_error] == ["timeout"]


def test_one_wrong_answer_shows_neither_as_a_dip_nor_as_something_new() -> None:
    world, answers = Whole(), iter([900, 0, 900, 902])

    def behave(call: Call) -> Outcome:
        number = next(answers)
        world.api.answers[number] = Answer(call.bot.id, call.asked, call.began + 0.05)
        return 0.05, number

    world.behave = behave
    query = Query("q", "Help.", "conversations", 60.0, 300.0, ("a",))
    config = Config((Bot("a", min(DATES), TokenSource(env="TOKEN")),), (query,))
    world.reload(config, answers_meanwhile=False)
    shown: set[tuple[str, ...]] = set()
    while len(world.calls) < 4 or world.open():
        world.run(1.0)
        page, _ = world.page.scrape("text/plain", "")
        shown.add(tuple(re.findall(r'^nativechat_q(?:_new_total)?{bot="a"} (\S+)$', page.decode(), re.M)))
    assert shown == {("900.0", "0.0"), ("902.0", "2.0")}
    [state] = world.store.snapshot().polls
    assert state.last_error
    assert state.last_error.reason == "bad_answer"
