"""Turns a Config, and a shard of it, into the Plan: every request that will be made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, partial
from zoneinfo import ZoneInfo

from exporter.model import Bot, Config, Plan, Poll, Query, Series, ShardBy


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` exporters that share a configuration; `ordinal` counts from 0."""

    ordinal: int = 0
    total: int = 1

    def holds(self, key: str) -> bool:
        """Tell whether `key` belongs to this shard, its owner; most keys take few looks at other shards."""
        own = _weight(self.ordinal, key)
        return all(own >= _weight(other, key) for other in range(self.total))


def owner(key: str, total: int) -> int:
    """Return which of `total` shards `key` belongs to.

    Rendezvous hashing: one more shard takes only its share of the keys, from all others alike.
    """
    return max(range(total), key=lambda shard: _weight(shard, key))


def make_plan(config: Config, shard: Shard | None = None) -> Plan:
    """Lay out one poll for each bot and query, and one series for each variant of the query.

    Each poll is on exactly one shard. Sharded by bot, a bot's queries stay together, so that its rate
    holds; sharded by query, each poll is placed by itself. Series are unique because their parts are:
    names of bots, names of queries, label values within a query.
    """
    bots = {bot.name: bot for bot in config.bots}
    holds = cache((shard or Shard()).holds)
    polls = tuple(
        Poll(bots[name], query, _series(bots[name], query, config.zone))
        for query in config.queries
        for name in query.bots
        if holds(_kept_together(config.shard_by, name, query.name))
    )
    return Plan(polls, config.zone, config.workers)


def share_out(config: Config, total: int) -> tuple[Plan, ...]:
    """Return the plans of all `total` shards, by ordinal, at the price of one."""
    owned_by = cache(partial(owner, total=total))
    shares: list[list[Poll]] = [[] for _ in range(total)]
    for poll in make_plan(config).polls:
        shares[owned_by(_kept_together(config.shard_by, *poll.key))].append(poll)
    return tuple(Plan(tuple(polls), config.zone, config.workers) for polls in shares)


def _series(bot: Bot, query: Query, zone: ZoneInfo) -> tuple[Series, ...]:
    shared = (("bot", bot.name), *bot.labels)
    metric = query.metric  # one text for all of them
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
    """Return `plan` with every poll that is equal in `before` replaced by the one from there.

    So that later code can tell a poll that a reload left alone from a changed one by identity.
    """
    known = {poll.key: poll for poll in before.polls}
    polls = tuple(known[poll.key] if known.get(poll.key) == poll else poll for poll in plan.polls)
    return Plan(polls, plan.zone, plan.workers)
