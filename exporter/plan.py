"""Turns a Config, and a shard of it, into the Plan: every request that will be made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from exporter.model import Bot, Config, Plan, Poll, Query, Series


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` exporters that share a configuration; `ordinal` counts from 0."""

    ordinal: int = 0
    total: int = 1

    def holds(self, key: str) -> bool:
        """Tell whether this shard is the one that `key` belongs to.

        Rendezvous hashing: each key belongs to exactly one shard, and one more shard takes only its
        share of the keys, all of them from the others alike.
        """
        return self.ordinal == max(range(self.total), key=lambda shard: _weight(shard, key))


def make_plan(config: Config, shard: Shard | None = None) -> Plan:
    """Lay out one poll for each bot and query, and one series for each variant of the query.

    A bot's queries stay together on one shard, so that its rate holds. Series are unique because
    their parts are: names of bots, names of queries, label values within a query.
    """
    shard = shard or Shard()
    held = {bot.name: bot for bot in config.bots if shard.holds(bot.name)}
    polls = tuple(
        Poll(held[name], query, _series(held[name], query))
        for query in config.queries
        for name in query.bots
        if name in held
    )
    return Plan(polls, config.zone, config.workers)


def _series(bot: Bot, query: Query) -> tuple[Series, ...]:
    shared = (("bot", bot.name), *bot.labels)
    return tuple(
        Series(
            metric=query.metric,
            labels=tuple(sorted((*shared, *variant.labels))),
            bot_id=bot.id,
            url=bot.api.url,
            dates=bot.api.dates if variant.predicate.dated else None,
            collection=query.collection,
            predicate=variant.predicate,
        )
        for variant in query.variants
    )


def _weight(shard: int, key: str) -> bytes:
    return hashlib.sha256(f"{shard}/{key}".encode()).digest()


def keep_same(plan: Plan, before: Plan) -> Plan:
    """Return `plan` with every poll that is equal in `before` replaced by the one from there.

    So that later code can tell a poll that a reload left alone from a changed one by identity.
    """
    known = {poll.key: poll for poll in before.polls}
    polls = tuple(known[poll.key] if known.get(poll.key) == poll else poll for poll in plan.polls)
    return Plan(polls, plan.zone, plan.workers)
