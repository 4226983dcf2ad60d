"""Makes the Plan of a shard from a Config."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, partial
from zoneinfo import ZoneInfo

from exporter.model import Bot, Config, Plan, Poll, Query, Series, ShardBy


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` exporters with the same configuration; `ordinal` counts from 0."""

    ordinal: int = 0
    total: int = 1


def owner(key: str, total: int) -> int:
    """Return the ordinal, of `total` shards, that `key` belongs to.

    Rendezvous hashing: a new shard takes only its part of the keys, and equally from all others.
    """
    return max(range(total), key=lambda shard: _weight(shard, key))


def make_plan(config: Config, shard: Shard = Shard()) -> Plan:
    """Return a plan with one poll for each bot and query, and one series for each variant of the query.

    Each poll is on exactly one shard. Sharded by bot, a bot's queries stay together, so that its rate is
    kept; sharded by query, each poll is placed separately. Series are unique because names of bots, names
    of queries, and label values within a query are.
    """
    bots = {bot.name: bot for bot in config.bots}
    owned_by = cache(partial(owner, total=shard.total))
    polls = tuple(
        Poll(bots[name], query, _series(bots[name], query, config.zone))
        for query in config.queries
        for name in query.bots
        if owned_by(_kept_together(config.shard_by, name, query.name)) == shard.ordinal
    )
    return Plan(polls, config.zone, config.workers)


def make_shard_plans(config: Config, total: int) -> tuple[Plan, ...]:
    """Return the plans of all `total` shards, by ordinal; costs no more than one plan."""
    owned_by = cache(partial(owner, total=total))
    placed: list[list[Poll]] = [[] for _ in range(total)]
    for poll in make_plan(config).polls:
        placed[owned_by(_kept_together(config.shard_by, *poll.key))].append(poll)
    return tuple(Plan(tuple(polls), config.zone, config.workers) for polls in placed)


def _series(bot: Bot, query: Query, zone: ZoneInfo) -> tuple[Series, ...]:
    shared = (("bot", bot.name), *bot.labels)
    metric = query.metric  # one string object for all series
    return tuple(
        Series(
            metric=metric,
            labels=tuple(sorted((*shared, *variant.labels))),
            bot_id=bot.id,
            url=bot.api.url,
            dates=bot.api.dates if variant.predicate.dated else None,
            zone=zone.key if variant.predicate.dated else None,
            collection=query.collection,
            predicate=variant.predicate,
        )
        for variant in query.variants
    )


def _kept_together(shard_by: ShardBy, bot: str, query: str) -> str:
    return bot if shard_by == "bot" else f"{bot}/{query}"


def _weight(shard: int, key: str) -> bytes:
    return hashlib.sha256(f"{shard}/{key}".encode()).digest()


def keep_same(plan: Plan, before: Plan) -> Plan:
    """Return `plan` with every poll that is equal in `before` replaced by that object.

    So later code recognises by identity whether a reload changed a poll.
    """
    known = {poll.key: poll for poll in before.polls}
    polls = tuple(known[poll.key] if known.get(poll.key) == poll else poll for poll in plan.polls)
    return Plan(polls, plan.zone, plan.workers)
