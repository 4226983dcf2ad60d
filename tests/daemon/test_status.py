"""Laws of the status page: it shows the state of store, timetable and daemon at one moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter import __version__
from exporter.daemon.daemon import Daemon
from exporter.daemon.status import status_page
from exporter.errors import Rejected, Unauthorized
from exporter.model import Part, Unknown
from exporter.web.page import MOST_SERIES

REFUSED = Rejected("GET conversations/_count answered 400", status=400)
SHOWN = f"rejected: {REFUSED} ({REFUSED.advice})"


def test_before_the_first_run_there_are_no_ages(daemon: Daemon, clock: Any) -> None:
    clock.now += 2.0
    page = status_page(daemon)
    assert page.version == __version__
    assert (page.started, page.reloaded, page.now) == (clock.wall() - 2, clock.wall() - 2, clock.wall())
    assert page.config_file == str(daemon.config_file)
    assert page.shard == "0 of 1"
    assert page.problems == ()
    [bot] = page.bots
    assert (bot.name, bot.state, bot.last_request_age, bot.last_error) == ("main", "waiting", None, None)
    assert bot.labels == (("team", "care"),)
    for query in page.queries:
        assert query.state == "waiting"
        assert (query.last_run_age, query.last_success_age, query.duration) == (None,) * 3
        assert query.known_for == 2.0
        assert query.next_run_in is not None
        assert 0 <= query.next_run_in <= 10
        assert all((one.value, one.age) == (None, None) for one in query.series)


def test_a_query_shows_its_values_and_how_its_last_run_went(daemon: Daemon, clock: Any) -> None:
    poll = daemon.store.snapshot().polls[1].poll
    daemon.store.started(poll)
    clock.now += 1.0
    daemon.store.counted(poll, 1, 12_345)
    daemon.store.failed(poll, [0], REFUSED)
    daemon.store.asked(poll, REFUSED, 0.0)
    daemon.store.finished(poll, 1.5, REFUSED)
    clock.now += 30.0
    page = status_page(daemon)
    query = page.queries[1]
    assert (query.query, query.metric) == ("by_channel", "nativechat_by_channel")
    assert (query.every, query.stale_after) == (60.0, 300.0)
    assert (query.state, query.duration, query.last_run_age) == ("failing", 1.5, 31.0)
    assert (query.last_error, query.failing_for) == (SHOWN, 30.0)
    assert [(one.labels, one.value, one.age) for one in query.series] == [
        ((("channel", "facebook"),), None, None),
        ((("channel", "viber"),), 12_345, 30.0),
    ]
    [bot] = page.bots
    assert (bot.state, bot.last_request_age) == ("up", 30.0)
    assert (bot.last_error, bot.last_error_age) == (SHOWN, 30.0)


def test_a_query_that_works_again_keeps_its_last_error_and_no_outage(daemon: Daemon, clock: Any) -> None:
    poll = daemon.store.snapshot().polls[0].poll
    daemon.store.failed(poll, [0], REFUSED)
    daemon.store.finished(poll, 0.1, REFUSED)
    daemon.store.started(poll)
    daemon.store.counted(poll, 0, 3)
    daemon.store.finished(poll, 0.2, None)
    clock.now += 4.0
    query = status_page(daemon).queries[0]
    assert (query.state, query.last_success_age) == ("up", 4.0)
    assert (query.last_error, query.failing_for) == (SHOWN, None)


def test_a_count_that_is_stale_is_not_shown(daemon: Daemon, clock: Any) -> None:
    poll = daemon.store.snapshot().polls[0].poll
    daemon.store.counted(poll, 0, 3)
    clock.now += poll.query.stale_after + 1
    assert status_page(daemon).queries[0].series[0].value is None


def test_a_bot_that_is_down_is_so_since_its_first_failure(daemon: Daemon, clock: Any) -> None:
    poll = daemon.store.snapshot().polls[0].poll
    for _ in range(2):
        daemon.store.asked(poll, Unauthorized("GET conversations/_count answered 401", status=401), 0.0)
        clock.now += 10.0
    [bot] = status_page(daemon).bots
    assert (bot.state, bot.down_for) == ("failing", 20.0)
    daemon.store.asked(poll, None, 0.0)
    [bot] = status_page(daemon).bots
    assert (bot.state, bot.down_for, bot.paused_for) == ("up", None, None)


def test_a_query_has_its_predicate_as_configured_and_that_of_a_label_by_mapping(
    make_daemon: Callable[[], Daemon], config_file: Path
) -> None:
    mapped = "labels: {outcome: {new: {StartedAt: {$gte: {$date: now-1h}}}}}, query: {Errors: 0}"
    asked = f"  - {{name: mapped, collection: conversations, every: 1m, {mapped}}}\n"
    config_file.write_text(config_file.read_text("utf-8") + asked, "utf-8")
    everything, listed, by_mapping = status_page(make_daemon()).queries
    assert everything.predicate == ""
    assert listed.predicate == '{"Data.channel.ProviderName":"{channel}"}'
    assert {one.predicate for one in (*everything.series, *listed.series)} == {""}
    assert by_mapping.predicate == '{"Errors":0}'
    [one] = by_mapping.series
    assert one.predicate == '{"$and":[{"Errors":0},{"StartedAt":{"$gte":{"$date":"now-1h"}}}]}'


def test_problems_of_the_last_reload_are_shown(
    daemon: Daemon, config_file: Path, look: Callable[[], None]
) -> None:
    config_file.write_text("bots: 1\n", "utf-8")
    look()
    assert status_page(daemon).problems == daemon.problems != ()


def test_a_query_with_many_series_shows_the_first_ones_and_the_number_of_the_others(
    make_daemon: Callable[[], Daemon], config_file: Path
) -> None:
    values = ", ".join(f"v{number}" for number in range(MOST_SERIES + 5))
    text = config_file.read_text("utf-8").replace("facebook, viber", values)
    config_file.write_text(text, "utf-8")
    query = status_page(make_daemon()).queries[1]
    assert (len(query.series), query.more) == (MOST_SERIES, 5)


def test_no_token_and_no_bot_id_is_on_the_page(daemon: Daemon) -> None:
    shown = repr(status_page(daemon))
    assert not any(secret in shown for secret in daemon.environ.values())


def test_a_query_shows_what_is_unknown(daemon: Daemon) -> None:
    unknown = Unknown({"Statuss": "none has it"}, frozenset({Part("Errors", "1")}))
    daemon.store.unknown(daemon.store.snapshot().polls[0].poll, unknown)
    value = "no conversation has 1 in `Errors`: nothing happened yet, or it is misspelt"
    assert [query.zeros for query in status_page(daemon).queries] == [("none has it", value), ()]
