"""Laws of the plan: everything once, in the file's order, and each poll on one shard."""

from __future__ import annotations

import math
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import (
    SHARD_BY,
    Api,
    Bot,
    Collection,
    Config,
    Plan,
    Poll,
    Predicate,
    Query,
    ShardBy,
    TokenSource,
    Variant,
)
from exporter.plan import Shard, keep_same, make_plan, make_shard_plans, owner

TOKEN = TokenSource(env="NATIVECHAT_TOKEN")
NAMES = ("a", "b", "c", "main", "support")
FEWER = settings(max_examples=40)  # a configuration takes long to draw, and has many cases in it

# Strategies are made once, as hypothesis takes as long to make one as to draw from it. A plan tells
# values apart, and sorts none by what it says: a few are as good as all.
values = st.sampled_from(["", "0", "a", "b", "é", '"', "a,b"])
names = st.lists(st.sampled_from(NAMES), unique=True, max_size=4)
areas = st.dictionaries(st.sampled_from(["area", "team"]), values)
apis = st.builds(
    Api, url=st.sampled_from(["https://a/v1", "https://b/v1"]), dates=st.sampled_from(["auto", "iso"])
)
# Two bots may well be one to NativeChat, asked with two tokens.
ids = st.sampled_from(["1", "2"])
collections: st.SearchStrategy[Collection] = st.sampled_from(["conversations", "messages"])
label_names = st.lists(st.sampled_from(["channel", "outcome"]), unique=True)
combinations = st.lists(st.tuples(values, values), min_size=1, max_size=4)
predicates = st.sampled_from([Predicate(), Predicate('{"A":1}'), Predicate('{"B":2}', ("B",))])
zones = st.sampled_from([ZoneInfo("UTC"), ZoneInfo("Europe/Sofia")])
workers = st.integers(1, 64)
shardings = st.sampled_from(SHARD_BY)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Draw any configuration: names are unique, and so are the label values within a query."""
    bot_names = draw(names) or ["main"]
    return Config(
        bots=tuple(
            Bot(name, draw(ids), TOKEN, tuple(sorted(draw(areas).items())), draw(apis)) for name in bot_names
        ),
        queries=tuple(_query(draw, name, bot_names) for name in draw(names)),
        zone=draw(zones),
        workers=draw(workers),
        shard_by=draw(shardings),
    )


def _query(draw: st.DrawFn, name: str, bot_names: list[str]) -> Query:
    labels = draw(label_names)
    shown = dict.fromkeys(each[: len(labels)] for each in draw(combinations))
    return Query(
        name=name,
        help="Help.",
        collection=draw(collections),
        every=60.0,
        stale_after=300.0,
        bots=tuple(bot for bot in draw(names) if bot in bot_names),
        label_names=tuple(labels),
        variants=tuple(
            Variant(tuple(sorted(zip(labels, each, strict=True))), draw(predicates)) for each in shown
        ),
    )


def large(shard_by: ShardBy) -> Config:
    """Return a configuration with a thousand polls: a hundred bots with ten queries each."""
    names = tuple(f"bot_{number}" for number in range(100))
    return Config(
        bots=tuple(Bot(name, name, TOKEN) for name in names),
        queries=tuple(Query(f"q_{n}", "Help.", "messages", 60.0, 300.0, names) for n in range(10)),
        shard_by=shard_by,
    )


@FEWER
@given(configs())
def test_every_series_is_unique(config: Config) -> None:
    shown = [(s.metric, s.labels) for poll in make_plan(config).polls for s in poll.series]
    assert len(set(shown)) == len(shown)


@FEWER
@given(configs())
def test_there_is_one_poll_for_each_bot_of_each_query_in_the_files_order(config: Config) -> None:
    wanted = [(bot, query.name) for query in config.queries for bot in query.bots]
    assert [poll.key for poll in make_plan(config).polls] == wanted


@FEWER
@given(configs())
def test_a_poll_has_one_series_for_each_variant_in_the_files_order(config: Config) -> None:
    for poll in make_plan(config).polls:
        assert [series.predicate for series in poll.series] == [v.predicate for v in poll.query.variants]
        for series, variant in zip(poll.series, poll.query.variants, strict=True):
            everything = {"bot": poll.bot.name, **dict(poll.bot.labels), **dict(variant.labels)}
            assert series.labels == tuple(sorted(everything.items()))


@FEWER
@given(configs())
def test_a_series_says_all_that_decides_what_is_counted(config: Config) -> None:
    for poll in make_plan(config).polls:
        for series in poll.series:
            assert (series.metric, series.collection) == (poll.query.metric, poll.query.collection)
            assert (series.bot_id, series.url) == (poll.bot.id, poll.bot.api.url)
            dated = (poll.bot.api.dates, config.zone.key) if series.predicate.dated else (None, None)
            assert (series.dates, series.zone) == dated


@FEWER
@given(configs())
def test_zone_and_workers_are_the_configurations(config: Config) -> None:
    plan = make_plan(config)
    assert (plan.zone, plan.workers) == (config.zone, config.workers)


totals = st.integers(1, 64)


@FEWER
@given(configs(), totals)
def test_shards_divide_a_plan_without_loss_or_overlap_each_in_the_files_order(
    config: Config, total: int
) -> None:
    whole = make_plan(config).polls
    shards = [make_plan(config, Shard(ordinal, total)).polls for ordinal in range(total)]
    assert sum(map(len, shards)) == len(whole)
    assert [poll for poll in whole if sum(poll in shard for shard in shards) == 1] == list(whole)
    assert all(shard == tuple(poll for poll in whole if poll in shard) for shard in shards)


@FEWER
@given(configs(), totals)
def test_make_shard_plans_returns_the_plan_of_each_shard(config: Config, total: int) -> None:
    plans = make_shard_plans(config, total)
    assert plans == tuple(make_plan(config, Shard(ordinal, total)) for ordinal in range(total))


@FEWER
@given(configs(), totals)
def test_sharded_by_bot_the_polls_of_a_bot_stay_together(config: Config, total: int) -> None:
    plans = make_shard_plans(replace(config, shard_by="bot"), total)
    assert sum(len(plan.bots) for plan in plans) == len(make_plan(config).bots)


@FEWER
@given(configs(), totals)
def test_from_one_total_to_the_next_a_poll_stays_or_moves_to_the_new_shard(
    config: Config, total: int
) -> None:
    before, after = make_shard_plans(config, total), make_shard_plans(config, total + 1)
    for old, new in zip(before, after, strict=False):
        assert set(new.polls) <= set(old.polls)


@pytest.mark.parametrize("shard_by", SHARD_BY)
@pytest.mark.parametrize("total", [1, 2, 3, 7, 15, 63])
def test_a_new_shard_takes_its_part_of_a_large_plan(shard_by: ShardBy, total: int) -> None:
    config = large(shard_by)
    newest = make_plan(config, Shard(total, total + 1))
    kept_together = 10 if shard_by == "bot" else 1
    fair = 1000 / kept_together / (total + 1)
    assert abs(len(newest.polls) / kept_together - fair) <= 3 * math.sqrt(fair)


def test_for_any_total_up_to_64_only_the_new_shard_s_part_moves() -> None:
    keys = [f"bot_{number}" for number in range(400)]
    owners = dict.fromkeys(keys, 0)
    for total in range(2, 65):
        now = {key: owner(key, total) for key in keys}
        moved = [key for key in keys if now[key] != owners[key]]
        assert {now[key] for key in moved} == {total - 1}
        assert len(moved) <= 400 / total + 3 * math.sqrt(400 / total)
        owners = now


@pytest.mark.parametrize("total", [2, 3, 8])
def test_shards_hold_about_the_same(total: int) -> None:
    owners = [owner(f"bot_{number}", total) for number in range(1000)]
    for ordinal in range(total):
        assert owners.count(ordinal) == pytest.approx(1000 / total, rel=0.25)


def test_who_holds_a_name_is_the_same_in_every_release() -> None:
    assert [owner(name, 8) for name in ("main", "support", "sales", "a", "b")] == [4, 4, 4, 0, 2]
    plans = make_shard_plans(large("query"), 8)
    placed = {poll.key: ordinal for ordinal, plan in enumerate(plans) for poll in plan.polls}
    assert [placed["bot_0", f"q_{number}"] for number in range(5)] == [0, 0, 1, 6, 2]


def fresh(config: Config) -> Plan:
    """Make the plan of an equal configuration that has no object in common with this one."""
    return make_plan(
        replace(
            config,
            bots=tuple(replace(bot) for bot in config.bots),
            queries=tuple(replace(query) for query in config.queries),
        )
    )


def same(one: Poll, polls: tuple[Poll, ...]) -> bool:
    return any(one is poll for poll in polls)


@FEWER
@given(configs(), configs())
def test_keeping_what_is_the_same_changes_no_plan(before: Config, after: Config) -> None:
    plan = make_plan(after)
    assert keep_same(plan, make_plan(before)) == plan


@FEWER
@given(configs(), configs())
def test_a_poll_is_the_one_from_before_exactly_where_it_equals_it(one: Config, other: Config) -> None:
    before = make_plan(one)
    # Half of the queries as they were, so that something is kept.
    mixed = Config(one.bots, one.queries[::2], other.zone, workers=other.workers)
    for config in (mixed, other):
        kept = keep_same(fresh(config), before)
        assert [same(poll, before.polls) for poll in kept.polls] == [p in before.polls for p in kept.polls]


@FEWER
@given(configs())
def test_another_zone_keeps_the_polls_without_a_date_and_no_other(config: Config) -> None:
    before = make_plan(replace(config, zone=ZoneInfo("UTC")))
    after = make_plan(replace(config, zone=ZoneInfo("America/New_York")))
    for poll in keep_same(after, before).polls:
        dated = any(series.predicate.dated for series in poll.series)
        assert same(poll, before.polls) is not dated


@FEWER
@given(configs())
def test_a_reload_of_the_same_file_keeps_every_poll(config: Config) -> None:
    before = make_plan(config)
    kept = keep_same(fresh(config), before)
    assert all(new is old for new, old in zip(kept.polls, before.polls, strict=True))
