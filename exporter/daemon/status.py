"""Collects what the status page shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exporter import __version__
from exporter.daemon.daemon import Daemon
from exporter.language.fields import explanations
from exporter.snapshot import BotSnapshot, PollSnapshot
from exporter.web.page import MOST_SERIES, BotStatus, QueryStatus, SeriesStatus, State, StatusPage

_STATES: Final[Mapping[bool | None, State]] = {True: "up", False: "failing", None: "waiting"}


def status_page(daemon: Daemon) -> StatusPage:
    """Return the contents of the page at this moment."""
    snapshot, poller = daemon.store.snapshot(), daemon.poller
    in_flight = poller.in_flight()
    wall, now = daemon.clock.wall(), daemon.clock.steady()
    return StatusPage(
        version=__version__,
        started=daemon.started_at,
        now=wall,
        config_file=str(daemon.config_file),
        reloaded=daemon.loaded_at,
        problems=daemon.problems,
        shard=f"{daemon.shard.ordinal} of {daemon.shard.total}",
        bots=tuple(
            _bot(bot, in_flight.get(bot.bot.name, 0), poller.paused_until(bot.bot.name), now)
            for bot in snapshot.bots
        ),
        queries=tuple(_query(poll, poller.next_run(poll.poll.key), wall, now) for poll in snapshot.polls),
    )


def _bot(bot: BotSnapshot, in_flight: int, paused_until: float | None, now: float) -> BotStatus:
    return BotStatus(
        name=bot.bot.name,
        state="paused" if bot.up is not False and paused_until is not None else _STATES[bot.up],
        last_request_age=None if bot.up is None else now - bot.asked_at,
        last_error=bot.last_error.described if bot.last_error else None,
        last_error_age=now - bot.last_error_at if bot.last_error else None,
        requests_in_flight=in_flight,
        labels=bot.bot.labels,
        down_for=_since(bot.down_since_at, now),
        paused_for=None if paused_until is None else max(0.0, paused_until - now),
    )


def _query(poll: PollSnapshot, next_run: float | None, wall: float, now: float) -> QueryStatus:
    query, names = poll.poll.query, poll.poll.query.label_names
    # A label is a mapping from values to predicates if its placeholder is not in the query's own.
    has_own = not all(f'"{{{name}}}"' in query.predicate for name in names)
    rows = zip(poll.poll.series[:MOST_SERIES], poll.counts, poll.counted_at, strict=False)
    return QueryStatus(
        bot=poll.poll.bot.name,
        query=query.name,
        metric=query.metric,
        help=query.help,
        collection=query.collection,
        predicate=query.predicate,
        state=_STATES[poll.up if poll.ended else None],
        every=query.every,
        stale_after=query.stale_after,
        last_run_age=_age(poll.last_run, wall),
        next_run_in=None if next_run is None else max(0.0, next_run - now),
        last_success_age=_age(poll.last_success, wall),
        duration=poll.duration if poll.ended else None,
        last_error=poll.last_error.described if poll.last_error else None,
        failing_for=_since(poll.failing_since_at, now),
        known_for=now - poll.known_since_at,
        series=tuple(
            SeriesStatus(
                labels=tuple(pair for pair in series.labels if pair[0] in names),
                value=count,
                age=None if count is None else now - counted_at,
                predicate=series.predicate.text if has_own else "",
            )
            for series, count, counted_at in rows
        ),
        more=max(0, len(poll.counts) - MOST_SERIES),
        zeros=tuple(explanations(poll.unknown, query.collection)),
    )


def _since(began: float | None, now: float) -> float | None:
    return None if began is None else now - began


def _age(wall: float, now: float) -> float | None:
    return max(0.0, now - wall) if wall else None
