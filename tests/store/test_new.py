"""Laws of what is new: it adds up the rises between answers, and begins anew with a changed request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ServerError
from exporter.model import Api, Bot, Config, Plan, Predicate, Query, TokenSource, Variant
from exporter.plan import keep_same, make_plan
from exporter.store.bot_record import LINES_WITHIN
from exporter.store.store import Store
from tests.clock import FakeClock

CHANNELS = ("viber", "darvin")
STALE_AFTER = 300.0


def predicate(channel: str, version: int = 0) -> Predicate:
    return Predicate(f'{{"Channel":"{channel}","Version":{version}}}')


BOT = Bot("main", "1", TokenSource(env="TOKEN"))
QUERY = Query(
    name="by_channel",
    help="Help.",
    collection="conversations",
    every=60.0,
    stale_after=STALE_AFTER,
    bots=("main",),
    variants=tuple(Variant((("channel", channel),), predicate(channel)) for channel in CHANNELS),
)


@dataclass
class Process:
    """A store, and for each channel the answers since it began anew."""

    config: Config
    store: Store = field(init=False)
    plan: Plan = field(init=False)
    answers: dict[str, list[int]] = field(init=False)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.store, self.plan = Store(self.clock), make_plan(self.config)
        self.store.apply(self.plan)
        self.answers = {channel: [] for channel in CHANNELS}

    def reload(self, bot: Bot, query: Query, *, anew: tuple[str, ...] = ()) -> None:
        """Apply a configuration in which the series of some channels ask something else."""
        self.config = replace(self.config, bots=(bot,), queries=(query,))
        self.plan = keep_same(make_plan(self.config), self.plan)
        self.store.apply(self.plan)
        for channel in anew:
            self.answers[channel].clear()

    def answer(self, channel: str, count: int) -> None:
        [poll] = self.plan.polls
        row = [dict(series.labels)["channel"] for series in poll.series].index(channel)
        self.store.counted(poll, row, count)
        self.answers[channel].append(count)

    def fail(self) -> None:
        [poll] = self.plan.polls
        self.store.failed(poll, [0, 1], ServerError("down", status=500))

    def new(self) -> dict[str, int]:
        [state] = self.store.snapshot().polls
        channels = [dict(series.labels)["channel"] for series in state.poll.series]
        return dict(zip(channels, state.new, strict=True))

    def rises(self) -> dict[str, int]:
        """Add up the rises between the answers."""
        return {
            channel: sum(max(0, after - before) for before, after in pairwise(counts))
            for channel, counts in self.answers.items()
        }


@pytest.fixture
def process() -> Process:
    return Process(Config((BOT,), (QUERY,)))


def another_predicate(query: Query, number: int) -> tuple[Query, str]:
    """Return the query with another predicate of its first channel, and that channel."""
    first, second = query.variants
    [(_, channel)] = first.labels
    return replace(query, variants=(replace(first, predicate=predicate(channel, number)), second)), channel


def reload(process: Process, change: str, number: int) -> None:
    """Reload a configuration with a small change; `number` differs from reload to reload."""
    [bot], [query] = process.config.bots, process.config.queries
    match change:
        case "nothing":
            process.reload(bot, query)
        case "every":
            process.reload(bot, replace(query, every=query.every + 1.0))
        case "token":
            process.reload(replace(bot, token=TokenSource(env=f"TOKEN_{number}")), query)
        case "order":
            process.reload(bot, replace(query, variants=query.variants[::-1]))
        case "predicate":
            changed, channel = another_predicate(query, number)
            process.reload(bot, changed, anew=(channel,))
        case "bot id":
            process.reload(replace(bot, id=str(number)), query, anew=CHANNELS)
        case "url":
            process.reload(replace(bot, api=Api(f"https://{number}.example")), query, anew=CHANNELS)


answers = st.tuples(st.sampled_from(CHANNELS), st.integers(0, 20) | st.integers(0, 2**53))
incidents = st.sampled_from(["fail", "outage", "restart"])
changes = st.sampled_from(["nothing", "every", "token", "order", "predicate", "bot id", "url"])


@given(st.lists(answers | incidents | changes, max_size=30))
def test_what_is_new_is_the_sum_of_the_rises_between_answers_to_one_request(
    happened: list[tuple[str, int] | str],
) -> None:
    process = Process(Config((BOT,), (QUERY,)))
    for number, event in enumerate(happened, 2):
        match event:
            case (channel, int(count)):
                process.answer(channel, count)
            case "fail":
                process.fail()
            case "outage":
                process.clock.now += 2 * STALE_AFTER
            case "restart":
                process.restart()
            case str():
                reload(process, event, number)
        assert process.new() == process.rises()


def test_nothing_is_new_before_the_first_answer_and_by_it(process: Process) -> None:
    assert process.new() == {"viber": 0, "darvin": 0}
    process.answer("viber", 300)
    assert process.new() == {"viber": 0, "darvin": 0}


def test_a_rise_across_an_outage_is_new_though_the_old_count_is_stale(process: Process) -> None:
    process.answer("viber", 300)
    process.fail()
    process.clock.now += STALE_AFTER + 1.0
    [state] = process.store.snapshot().polls
    assert state.counts == (None, None)
    process.answer("viber", 305)
    assert process.new()["viber"] == 5


def test_counts_of_a_predicate_with_dates_add_nothing(process: Process) -> None:
    process.answer("viber", 100)
    process.answer("viber", 110)
    [query] = process.config.queries
    dated = replace(predicate("viber"), dated=("StartedAt",))
    with_dates = replace(query, variants=(replace(query.variants[0], predicate=dated), query.variants[1]))
    process.reload(BOT, with_dates, anew=("viber",))
    for count in (50, 5_110):
        process.store.counted(process.plan.polls[0], 0, count)
    process.reload(BOT, query, anew=("viber",))
    process.answer("viber", 6_000)
    assert process.new()["viber"] == 0


@pytest.mark.parametrize(("change", "new"), [("predicate", 0), ("bot id", 0), ("url", 0), ("token", 5)])
def test_what_is_new_begins_anew_with_a_request_that_counts_something_else(
    process: Process, change: str, new: int
) -> None:
    process.answer("viber", 300)
    process.answer("viber", 305)
    reload(process, change, 2)
    assert process.new()["viber"] == new


def test_what_is_new_goes_on_under_other_labels_of_the_bot(process: Process) -> None:
    process.answer("viber", 300)
    process.answer("viber", 305)
    process.reload(replace(BOT, labels=(("team", "care"),)), QUERY)
    assert process.new() == {"viber": 5, "darvin": 0}
    process.answer("viber", 400)
    assert process.new() == {"viber": 100, "darvin": 0}
    process.reload(BOT, QUERY)
    assert process.new() == {"viber": 100, "darvin": 0}


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ('{"Errors":{"$gt":0,"$lt":9},"Data.channel.ProviderName":"viber"}', 5),
        ('{"Data.channel.ProviderName":"viber","Errors":{"$lt":9,"$gt":0}}', 0),
        ('{"Data.channel.ProviderName":"viber"}', 0),
        ("", 0),
    ],
    ids=["another order of fields", "another order of operators", "a condition less", "no condition"],
)
def test_what_is_new_goes_on_if_only_the_order_of_conditions_changed(
    process: Process, text: str, new: int
) -> None:
    [query], first = (
        process.config.queries,
        '{"Data.channel.ProviderName":"viber","Errors":{"$gt":0,"$lt":9}}',
    )

    def ask(predicate: str) -> None:
        process.reload(
            BOT, replace(query, variants=(replace(query.variants[0], predicate=Predicate(predicate)),))
        )

    ask(first)
    process.answer("viber", 300)
    process.answer("viber", 305)
    ask(text)
    assert process.new()["viber"] == new


def test_what_is_new_goes_on_only_for_the_same_values_of_the_query_s_labels(process: Process) -> None:
    process.answer("viber", 300)
    process.answer("viber", 305)
    [query] = process.config.queries
    swapped = zip(CHANNELS, reversed(query.variants), strict=True)
    variants = tuple(replace(variant, labels=(("channel", channel),)) for channel, variant in swapped)
    process.reload(BOT, replace(query, variants=variants), anew=CHANNELS)
    assert set(process.new().values()) == {0}


def test_the_last_count_is_known_after_it_is_stale_and_not_under_a_changed_predicate(
    process: Process,
) -> None:
    process.answer("viber", 300)
    process.clock.now += STALE_AFTER + 1.0
    [poll] = process.plan.polls
    process.store.snapshot()
    assert [process.store.last_count(poll, row) for row in (0, 1)] == [300, None]
    reload(process, "predicate", 2)
    assert process.store.last_count(process.plan.polls[0], 0) is None
    assert process.store.last_count(poll, 0) is None, "of a poll that the plan does not hold"


def test_counts_that_are_dropped_are_absent_and_the_next_ones_add_nothing() -> None:
    process = Process(
        Config((BOT, replace(BOT, name="other", id="2")), (replace(QUERY, bots=("main", "other")),))
    )
    store, (poll, other) = process.store, process.plan.polls
    for each in (poll, other):
        for count in (5, 8):
            store.counted(each, 0, count)
    store.distrust("main")
    snapshot = store.snapshot().polls
    assert [list(each.counts) for each in snapshot] == [[None, None], [8, None]]
    assert store.last_count(poll, 0) is None
    store.counted(poll, 0, 900)
    store.counted(poll, 0, 902)
    snapshot = store.snapshot().polls
    assert [each.counts[0] for each in snapshot] == [902, 8]
    assert [each.new[0] for each in snapshot] == [5, 3]


def test_dropped_counts_are_told_once_and_not_where_there_were_none(caplog: pytest.LogCaptureFixture) -> None:
    process = Process(Config((BOT,), (QUERY,)))
    process.store.distrust("main")
    process.store.distrust("gone by a reload")
    assert not caplog.records
    process.store.counted(process.plan.polls[0], 0, 5)
    process.store.distrust("main")
    process.store.distrust("main")
    [line] = caplog.records
    assert line.getMessage() == "an answer came that nobody had asked for: all counts are dropped"
    for lines in (1, 2):
        process.store.counted(process.plan.polls[0], 0, 5)
        process.store.distrust("main")
        assert len(caplog.records) == lines, "at most each five minutes"
        process.clock.now += LINES_WITHIN
