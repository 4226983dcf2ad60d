"""Collects what the status page shows."""

from __future__ import annotations

from collections.abc import Iterator

from exporter import __version__
from exporter.daemon.daemon import Daemon
from exporter.errors import ApiError
from exporter.model import Poll
from exporter.snapshot import BotSnapshot, PollSnapshot
from exporter.web.page import MOST_SERIES, BotStatus, QueryStatus, SeriesStatus, StatusPage


def status_page(daemon: Daemon) -> StatusPage:
    """Return the contents of the page at this moment."""
    snapshot, in_flight = daemon.store.snapshot(), daemon.poller.in_flight()
    wall, now = daemon.clock.wall(), daemon.clock.steady()
    shard = daemon.options.shard
    return StatusPage(
        version=__version__,
        started=daemon.started_at,
        now=wall,
        config_file=str(daemon.options.config_file),
        reloaded=daemon.loaded_at,
        problems=daemon.problems,
        shard=f"{shard.ordinal} of {shard.total}",
        bots=tuple(_bot(bot, in_flight.get(bot.bot.name, 0), now) for bot in snapshot.bots),
        queries=tuple(_query(daemon, poll, wall, now) for poll in snapshot.polls),
    )


def _bot(bot: BotSnapshot, in_flight: int, now: float) -> BotStatus:
    return BotStatus(
        name=bot.bot.name,
        up=bot.up,
        last_request_age=None if bot.up is None else now - bot.asked_at,
        last_error=_shown(bot.last_error),
        last_error_age=now - bot.last_error_at if bot.last_error else None,
        requests_in_flight=in_flight,
        labels=bot.bot.labels,
    )


def _query(daemon: Daemon, poll: PollSnapshot, wall: float, now: float) -> QueryStatus:
    query = poll.poll.query
    return QueryStatus(
        bot=poll.poll.bot.name,
        query=query.name,
        metric=query.metric,
        help=query.help,
        collection=query.collection,
        up=poll.up if poll.ended else None,
        every=query.every,
        stale_after=query.stale_after,
        last_run_age=_age(poll.last_run, wall),
        next_run_in=_next_run_in(daemon, poll.poll, now),
        last_success_age=_age(poll.last_success, wall),
        duration=poll.duration if poll.ended else None,
        last_error=_shown(poll.last_error),
        failing_since_age=None if poll.failing_since_at is None else now - poll.failing_since_at,
        series=tuple(_series(poll, now)),
        more=max(0, len(poll.counts) - MOST_SERIES),
    )


def _series(poll: PollSnapshot, now: float) -> Iterator[SeriesStatus]:
    for row, series in enumerate(poll.poll.series[:MOST_SERIES]):
        labels = tuple(pair for pair in series.labels if pair[0] in poll.poll.query.label_names)
        count = poll.counts[row]
        yield SeriesStatus(labels, count, None if count is None else now - poll.counted_at[row])


def _next_run_in(daemon: Daemon, poll: Poll, now: float) -> float | None:
    due = daemon.poller.timetable.next_run(poll.key)
    return None if due is None else max(0.0, due - now)


def _age(wall: float, now: float) -> float | None:
    return max(0.0, now - wall) if wall else None


def _shown(error: ApiError | None) -> str | None:
    return None if error is None else f"{error.reason}: {error} ({error.advice})"
