"""Gathers what the status page shows."""

from __future__ import annotations

from exporter import __version__
from exporter.daemon.hall import Daemon
from exporter.errors import ApiError
from exporter.store.views import BotView, PollView
from exporter.web.page import MOST_SERIES, BotStatus, QueryStatus, SeriesStatus, StatusPage


def status_page(daemon: Daemon) -> StatusPage:
    """Return the page as of now."""
    in_flight = daemon.poller.in_flight()
    now = daemon.clock.wall()
    shard = daemon.options.shard
    return StatusPage(
        version=__version__,
        started=daemon.started_at,
        now=now,
        config_file=str(daemon.options.config_file),
        reloaded=daemon.loaded_at,
        problems=daemon.problems,
        shard=f"{shard.ordinal} of {shard.total}",
        bots=tuple(_bot(view, in_flight.get(view.bot.name, 0)) for view in daemon.store.bots()),
        queries=tuple(
            _query(view, _next_run_in(daemon, view), now) for view in daemon.store.polls(MOST_SERIES)
        ),
    )


def _bot(view: BotView, in_flight: int) -> BotStatus:
    return BotStatus(
        name=view.bot.name,
        up=view.up,
        last_request_age=view.asked_age,
        last_error=_told(view.last_error),
        last_error_age=view.error_age,
        requests_in_flight=in_flight,
        labels=view.bot.labels,
    )


def _query(view: PollView, next_run_in: float | None, now: float) -> QueryStatus:
    query, state = view.poll.query, view.state
    return QueryStatus(
        bot=view.poll.bot.name,
        query=query.name,
        metric=query.metric,
        help=query.help,
        collection=query.collection,
        up=state.up if view.ended else None,
        every=query.every,
        stale_after=query.stale_after,
        last_run_age=_age(state.last_run, now),
        next_run_in=next_run_in,
        last_success_age=_age(state.last_success, now),
        duration=state.duration if view.ended else None,
        last_error=_told(view.last_error),
        failing_since_age=view.failing_for,
        series=tuple(
            SeriesStatus(
                labels=tuple(pair for pair in one.series.labels if pair[0] in query.label_names),
                value=one.count,
                age=one.age,
            )
            for one in view.series
        ),
        more=max(0, len(view.poll.series) - len(view.series)),
    )


def _next_run_in(daemon: Daemon, view: PollView) -> float | None:
    due = daemon.poller.timetable.next_run(view.poll.key)
    return None if due is None else max(0.0, due - daemon.clock.steady())


def _age(wall: float, now: float) -> float | None:
    return max(0.0, now - wall) if wall else None


def _told(error: ApiError | None) -> str | None:
    return None if error is None else f"{error.reason}: {error} ({error.advice})"
