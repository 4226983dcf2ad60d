"""Laws of the daemon: a valid configuration is used as a whole, an invalid one is not used."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as enumerate_threads
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.clock import Clock
from exporter.daemon.daemon import MISSED_TICKS, RETRY_FACTOR, Daemon
from exporter.errors import ConfigError, Place, Problem, Unauthorized, Unreachable
from exporter.model import Poll
from exporter.polling.poller import LONGEST_SLEEP
from tests.daemon.conftest import ENVIRON, look_at

SHIPPED = Path(__file__).parents[2] / "config.yaml"

Events = Callable[[], list[dict[str, object]]]
Look = Callable[[], None]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def polls(daemon: Daemon) -> dict[str, Poll]:
    return {each.poll.query.name: each.poll for each in daemon.store.snapshot().polls}


def samples(daemon: Daemon) -> dict[tuple[str, str], float]:
    """Return every sample by name and by the value of its `channel` or `query` label."""
    body, _ = daemon.exposition.scrape("text/plain", "")
    return {
        (sample.name, sample.labels.get("channel") or sample.labels.get("query", "")): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_a_configuration_in_use_is_logged_with_its_size(
    make_daemon: Callable[[], Daemon], events: Events
) -> None:
    daemon = make_daemon()
    assert events() == [
        {
            "level": "INFO",
            "msg": "configuration in use",
            "file": daemon.config_file,
            "bots": 1,
            "queries": 2,
            "series": 3,
            "requests_per_minute": 3.0,
        }
    ]


def test_a_reload_is_one_line_that_says_what_changed(
    daemon: Daemon, config_file: Path, look: Look, events: Events
) -> None:
    events()
    edit(config_file, "[facebook, viber]", "[darvin]")
    look()
    edit(config_file, "by_channel", "by_channels")
    look()
    daemon.request_reload()
    look()
    assert [line.get("changes") for line in events()] == [
        "queries changed: by_channel",
        "queries added: by_channels; queries removed: by_channel",
        "none",
    ]


def test_a_wrong_first_configuration_is_an_error(
    make_daemon: Callable[[], Daemon], config_file: Path
) -> None:
    edit(config_file, "every: 1m", "every: 1x")
    with pytest.raises(ConfigError, match=r"config\.yaml:10:12: queries"):
        make_daemon()


@pytest.mark.parametrize("is_missing", [False, True])
def test_a_daemon_that_waits_starts_without_a_configuration_and_takes_the_first_right_one(
    make_daemon: Callable[..., Daemon], config_file: Path, clock: Any, events: Events, is_missing: bool
) -> None:
    right = config_file.read_text("utf-8")
    edit(config_file, "every: 1m", "every: 1x")
    if is_missing:
        config_file.unlink()
    daemon = make_daemon(waits=True)
    refused, *_ = events()
    assert (refused["level"], refused["msg"]) == ("ERROR", "configuration refused, waiting for a right one")
    assert daemon.ready() == (False, f"no configuration is in use yet: {refused['problem']}")
    assert daemon.config_text == b""
    assert samples(daemon)["nativechat_exporter_config_last_reload_successful", ""] == 0
    assert samples(daemon)["nativechat_exporter_series", ""] == 0
    config_file.write_text(right, "utf-8")
    look_at(daemon, clock)
    [used] = events()
    assert used["msg"] == "configuration in use"
    assert daemon.ready() == (False, "not every query has been attempted yet")
    assert samples(daemon)["nativechat_exporter_config_last_reload_successful", ""] == 1


def test_a_daemon_that_waits_says_why_the_file_cannot_be_read_now(
    make_daemon: Callable[..., Daemon], config_file: Path, clock: Any, events: Events
) -> None:
    broken = config_file.read_text("utf-8").replace("every: 1m", "every: 1x")
    config_file.unlink()
    daemon = make_daemon(waits=True)

    def now() -> tuple[str, int]:
        look_at(daemon, clock)
        return daemon.ready()[1], len(events())

    assert "no such file" in now()[0]
    config_file.mkdir()
    why, lines = now()
    assert ("not a regular file" in why, lines) == (True, 1)
    assert now() == (why, 0)
    config_file.rmdir()
    config_file.write_text(broken, "utf-8")
    assert "every" in now()[0]
    config_file.unlink()
    assert "no such file" in now()[0]
    config_file.write_text(broken, "utf-8")
    assert "every" in now()[0]


def test_a_daemon_that_waits_is_not_ready_before_a_bot_can_be_asked(
    make_daemon: Callable[..., Daemon], config_file: Path, clock: Any, events: Events
) -> None:
    edit(config_file, "token: {env: NATIVECHAT_TOKEN}", "token: {file: token}")
    with pytest.raises(ConfigError, match=r"token: file .* cannot be read"):
        make_daemon()
    events()
    daemon = make_daemon(waits=True)
    warning, in_use = events()
    assert in_use["msg"] == "configuration in use"
    for poll in polls(daemon).values():
        daemon.store.failed(poll, [0], Unauthorized("the token cannot be read"))
    assert daemon.ready() == (False, f"no bot can be asked yet: {warning['problem']}")
    (config_file.parent / "token").write_text("another-t0ken", "utf-8")
    look_at(daemon, clock)
    assert daemon.ready() == (True, "ready")


def test_a_daemon_that_was_ready_stays_ready_while_a_secret_is_missing(
    make_daemon: Callable[..., Daemon], config_file: Path, clock: Any
) -> None:
    token = config_file.parent / "token"
    token.write_text("s3cr3t-t0ken", "utf-8")
    edit(config_file, "token: {env: NATIVECHAT_TOKEN}", "token: {file: token}")
    daemon = make_daemon(waits=True)
    for poll in polls(daemon).values():
        daemon.store.failed(poll, [0], Unreachable("no connection to it"))
    assert daemon.ready() == (True, "ready")
    token.unlink()
    edit(config_file, "stale_after: 5m", "stale_after: 6m")
    look_at(daemon, clock)
    assert daemon.ready() == (True, "ready")


def test_a_daemon_that_waits_names_what_keeps_its_bots_from_being_asked_not_another_warning(
    make_daemon: Callable[..., Daemon], config_file: Path
) -> None:
    edit(config_file, "http://127.0.0.1:9", "http://nativechat.test")
    edit(config_file, "env: NATIVECHAT_TOKEN", "env: A_TOKEN")
    is_ready, why = make_daemon(waits=True).ready()
    assert not is_ready
    assert "environment variable A_TOKEN is not set" in why


def test_a_configuration_with_a_warning_is_used(
    make_daemon: Callable[[], Daemon], config_file: Path, events: Events
) -> None:
    idle = "  - {name: idle, id: a0b1c2d3e4f5a6b7c8d9e0f1, token: {env: NATIVECHAT_TOKEN}}"
    edit(config_file, "queries:", f"{idle}\nqueries:")
    edit(config_file, "stale_after: 5m", "bots: [main]")
    edit(config_file, "    labels: {channel", "    bots: [main]\n    labels: {channel")
    daemon = make_daemon()
    warning, in_use = events()
    assert (warning["level"], warning["msg"]) == ("WARNING", "configuration warning")
    assert "bots[1]" in str(warning["problem"])
    assert in_use["msg"] == "configuration in use"
    assert daemon.problems == ()


def test_the_text_of_the_configuration_in_use_is_the_file_as_written(
    daemon: Daemon, config_file: Path, look: Look
) -> None:
    assert daemon.config_text == config_file.read_bytes()
    edit(config_file, "every: 1m", "every: 2m  # slower")
    look()
    assert daemon.config_text == config_file.read_bytes()


@pytest.mark.parametrize(
    "refused", ["token: s3cr3t-t0ken", "token: {env: NATIVECHAT_TOKEN, text: s3cr3t-t0ken}"]
)
def test_a_refused_configuration_is_not_the_text_in_use(
    daemon: Daemon, config_file: Path, look: Look, refused: str
) -> None:
    before = config_file.read_bytes()
    edit(config_file, "token: {env: NATIVECHAT_TOKEN}", refused)
    look()
    assert daemon.problems
    assert daemon.config_text == before
    assert not any(secret.encode() in daemon.config_text for secret in ENVIRON.values())


@pytest.mark.parametrize("token", ["{env: NATIVECHAT_TOKEN}", "{file: token}"])
def test_no_secret_is_in_the_text_of_the_configuration_in_use(
    make_daemon: Callable[[], Daemon], config_file: Path, token: str
) -> None:
    config_file.with_name("token").write_text(ENVIRON["NATIVECHAT_TOKEN"], "utf-8")
    shipped = SHIPPED.read_text("utf-8")
    config_file.write_text(shipped.replace("{env: NATIVECHAT_TOKEN}", token), "utf-8")
    text = make_daemon().config_text.decode()
    assert f"token: {token}" in text
    assert not any(secret in text for secret in ENVIRON.values())


def test_a_reload_keeps_what_is_unchanged(daemon: Daemon, config_file: Path, look: Look) -> None:
    before = polls(daemon)
    daemon.store.counted(before["conversations"], 0, 41)
    daemon.store.counted(before["by_channel"], 1, 7)
    edit(config_file, "[facebook, viber]", "[darvin, viber]")
    look()
    after = polls(daemon)
    assert after["conversations"] is before["conversations"]
    assert after["by_channel"] is not before["by_channel"]
    shown = samples(daemon)
    assert shown["nativechat_conversations", ""] == 41
    assert shown["nativechat_by_channel", "viber"] == 7
    assert ("nativechat_by_channel", "darvin") not in shown


def test_an_answer_to_the_old_predicate_is_dropped_after_a_reload(
    daemon: Daemon, config_file: Path, look: Look
) -> None:
    old = polls(daemon)["conversations"]
    edit(config_file, "    stale_after: 5m", "    query: {Status: success}")
    look()
    daemon.store.counted(old, 0, 41)
    assert ("nativechat_conversations", "") not in samples(daemon)


def test_a_query_removed_from_the_file_is_removed_from_the_page(
    daemon: Daemon, config_file: Path, look: Look
) -> None:
    daemon.store.counted(polls(daemon)["by_channel"], 0, 7)
    text = config_file.read_text("utf-8")
    config_file.write_text(text[: text.index("  - name: by_channel")], "utf-8")
    look()
    shown = samples(daemon)
    assert not [key for key in shown if "by_channel" in key or key[0] == "nativechat_by_channel"]
    assert shown["nativechat_exporter_query_up", "conversations"] == 0


def test_a_wrong_configuration_keeps_the_old_one_and_logs_every_problem(
    daemon: Daemon, config_file: Path, look: Look, events: Events, clock: Clock
) -> None:
    events()
    before, loaded_at = polls(daemon), daemon.loaded_at
    edit(config_file, "every: 1m", "evry: 1m")
    look()
    assert polls(daemon) == before
    assert daemon.loaded_at == loaded_at
    assert len(daemon.problems) == 2
    assert [(line["level"], line["msg"], line["problem"]) for line in events()] == [
        ("ERROR", "configuration refused, the old one stays", problem) for problem in daemon.problems
    ]
    shown = samples(daemon)
    assert shown["nativechat_exporter_config_last_reload_successful", ""] == 0
    assert shown["nativechat_exporter_config_last_reload_success_timestamp_seconds", ""] == loaded_at


def test_a_wrong_configuration_is_logged_once_and_cleared_once_it_is_right(
    daemon: Daemon, config_file: Path, look: Look, events: Events
) -> None:
    edit(config_file, "stale_after", "stale_afte")
    look()
    events()
    look()
    assert events() == []
    edit(config_file, "stale_afte", "stale_after")
    look()
    assert [line["msg"] for line in events()] == ["configuration in use"]
    assert daemon.problems == ()
    assert samples(daemon)["nativechat_exporter_config_last_reload_successful", ""] == 1


def test_a_configuration_refused_for_a_missing_file_is_in_use_once_the_file_exists(
    daemon: Daemon, config_file: Path, look: Look, events: Events
) -> None:
    events()
    edit(config_file, "token: {env: NATIVECHAT_TOKEN}", "token: {file: token}")
    look()
    assert [line["msg"] for line in events()] == ["configuration refused, the old one stays"]
    look()
    assert events() == []
    (config_file.parent / "token").write_text("another-t0ken", "utf-8")
    look()
    assert [line["msg"] for line in events()] == ["configuration in use"]
    assert daemon.problems == ()
    look()
    assert events() == []


def test_a_refused_configuration_is_retried_after_100_times_its_load_time(
    daemon: Daemon, config_file: Path, look: Look, clock: Any
) -> None:
    class Slow(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            clock.now += name == "NATIVECHAT_BOT_ID"
            return super().get(name, default)

    daemon.environ = Slow(daemon.environ)
    edit(config_file, "token: {env: NATIVECHAT_TOKEN}", "token: {file: token}")
    look()
    (config_file.parent / "token").write_text("another-t0ken", "utf-8")
    for _ in range(2):
        assert daemon.problems
        clock.now += 0.6 * RETRY_FACTOR
        look()
    assert not daemon.problems


def test_an_unchanged_file_is_not_loaded_again(daemon: Daemon, look: Look, events: Events) -> None:
    events()
    daemon.config_file.touch()
    look()
    assert events() == []


def test_a_half_written_file_is_not_loaded(
    daemon: Daemon, config_file: Path, look: Look, events: Events, clock: Any
) -> None:
    events()
    whole = config_file.read_text("utf-8").replace("every: 1m", "every: 2m")
    config_file.write_text(whole[:150], "utf-8")
    clock.on_sleep = lambda: config_file.write_text(whole, "utf-8")
    look()
    assert events() == []
    look()
    assert [line["msg"] for line in events()] == ["configuration in use"]
    assert polls(daemon)["conversations"].query.every == 120


def test_a_change_that_a_requested_reload_loads_meanwhile_is_loaded_once(
    daemon: Daemon, config_file: Path, look: Look, events: Events, clock: Any
) -> None:
    events()
    edit(config_file, "5m", "9m")

    def reload() -> None:
        clock.on_sleep = lambda: None
        daemon.request_reload()
        daemon.housekeeping.run_due()

    clock.on_sleep = reload
    look()
    look()
    assert [line["msg"] for line in events()] == ["configuration in use"]


def test_a_missing_file_changes_nothing_until_it_is_back(
    daemon: Daemon, config_file: Path, look: Look, events: Events
) -> None:
    events()
    before, text = polls(daemon), config_file.read_text("utf-8")
    config_file.unlink()
    look()
    assert events() == []
    assert polls(daemon) == before
    config_file.write_text(text.replace("5m", "9m"), "utf-8")
    look()
    assert polls(daemon)["conversations"].query.stale_after == 540


def test_a_file_that_a_reload_did_not_find_is_loaded_once_it_is_back(
    daemon: Daemon, config_file: Path, look: Look
) -> None:
    text = config_file.read_text("utf-8")
    config_file.unlink()
    daemon.request_reload()
    look()
    assert samples(daemon)["nativechat_exporter_config_last_reload_successful", ""] == 0
    config_file.write_text(text, "utf-8")
    look()
    assert samples(daemon)["nativechat_exporter_config_last_reload_successful", ""] == 1


def test_a_file_that_only_the_watch_can_read_is_refused_in_one_line(
    daemon: Daemon, look: Look, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    events()

    def slow(*_: object) -> bytes:
        raise ConfigError([Problem(Place("config.yaml"), "", "cannot be read within 5s")])

    monkeypatch.setattr("exporter.daemon.daemon.source.content", slow)
    daemon.request_reload()
    for _ in range(5):
        look()
    assert [line["msg"] for line in events()] == ["configuration refused, the old one stays"]


def test_a_requested_reload_returns_its_problems(daemon: Daemon, config_file: Path) -> None:
    daemon.start()
    assert daemon.reload() == ()
    config_file.unlink()
    [problem] = daemon.reload()
    assert "config.yaml:1:1: cannot be read: no such file or directory" in problem


def test_a_look_at_the_file_that_hangs_delays_no_reload(daemon: Daemon) -> None:
    disk, hangs = Event(), Event()

    def hang() -> None:
        hangs.set()
        disk.wait()

    daemon.watcher.call(hang)
    daemon.start()
    hangs.wait()
    assert daemon.reload() == ()
    disk.set()


def test_a_reload_ends_for_every_thread_that_requested_it(daemon: Daemon) -> None:
    daemon.start()
    results: list[tuple[str, ...]] = []
    threads = [Thread(target=lambda: results.append(daemon.reload())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [()] * 8


def test_a_daemon_is_ready_once_every_poll_has_had_a_result_and_stays_so(
    daemon: Daemon, config_file: Path, look: Look
) -> None:
    whole, channels = polls(daemon).values()
    assert daemon.ready() == (False, "not every query has been attempted yet")
    daemon.store.counted(whole, 0, 5)
    assert not daemon.ready()[0]
    daemon.store.failed(channels, [0], Unreachable("no connection to it"))
    assert daemon.ready() == (True, "ready")
    edit(config_file, "[facebook, viber]", "[darvin]")
    look()
    assert daemon.ready() == (True, "ready")


def test_a_daemon_is_healthy_while_polling_moves(daemon: Daemon, clock: Any, events: Events) -> None:
    assert not daemon.healthy()[0]
    daemon.start()
    assert daemon.reload() == ()
    assert daemon.healthy() == (True, "healthy")
    events()
    clock.now += MISSED_TICKS * LONGEST_SLEEP + 1
    well, why = daemon.healthy()
    assert not well
    assert why.startswith("polling has made no progress for 46 s")
    daemon.healthy()
    assert events() == [{"level": "ERROR", "msg": "not healthy", "why": why}], "once"
    assert daemon.reload() == ()
    daemon.poller.last_tick_at = clock.now
    assert daemon.healthy()[0]
    assert [line["msg"] for line in events()] == ["configuration in use", "healthy again"]


def test_reloads_requested_before_one_begins_are_one(daemon: Daemon, clock: Any, events: Events) -> None:
    events()
    first = daemon.request_reload()
    assert all(daemon.request_reload() is first for _ in range(1000))
    daemon.start()
    assert first.wait(30.0)
    assert [line["msg"] for line in events()] == ["configuration in use"]
    assert daemon.reload() == ()


def test_what_must_have_a_thread_starts_before_polling_takes_them(daemon: Daemon) -> None:
    seen: list[set[str]] = []
    before = set(enumerate_threads())
    daemon.start(lambda: seen.append({thread.name for thread in set(enumerate_threads()) - before}))
    assert seen == [{"housekeeping", "watcher"}]
    assert daemon.healthy() == (True, "healthy")


MORE_BOTS = """\
  - {name: sales, id: {file: sales-id}, token: {file: sales-token}}
  - {name: shop, id: {env: NATIVECHAT_BOT_ID}, token: {env: SHOP_TOKEN}}
  - {name: old, id: a0b1c2d3e4f5a6b7c8d9e0f2, token: {env: NATIVECHAT_TOKEN}, api: {ca_file: none.pem}}
queries:
"""


def test_what_is_missing_of_one_bot_leaves_the_others_and_is_used_once_its_file_exists(
    config_file: Path, make_daemon: Callable[[], Daemon], clock: Any, events: Events
) -> None:
    edit(config_file, "queries:\n", MORE_BOTS)
    (config_file.parent / "sales-token").write_text("made-up-token", "utf-8")
    daemon = make_daemon()
    *warnings, in_use = events()
    told = [str(line["problem"]).partition(" (")[0] for line in warnings if line["level"] == "WARNING"]
    assert [line.partition("bots")[2] for line in told][:1] == [
        f"[1].id: warning: file {config_file.parent}/sales-id cannot be read: no such file or directory"
    ]
    assert any("environment variable SHOP_TOKEN is not set" in line for line in told)
    assert any("none.pem cannot be read" in line for line in told)
    assert (in_use["msg"], in_use["bots"]) == ("configuration in use", 4)

    look = partial(look_at, daemon, clock)
    look()
    assert events() == []
    (config_file.parent / "sales-id").write_text("a0b1c2d3e4f5a6b7c8d9e0f1", "utf-8")
    look()
    assert not [line for line in events() if "sales" in str(line.get("problem"))]
    ids = {each.poll.bot.name: each.poll.bot.id for each in daemon.store.snapshot().polls}
    assert ids["sales"] == "a0b1c2d3e4f5a6b7c8d9e0f1"


def test_a_configuration_replaced_by_a_pipe_is_refused_at_once_and_the_old_one_stays(
    daemon: Daemon, config_file: Path
) -> None:
    before = polls(daemon)
    daemon.start()
    config_file.unlink()
    os.mkfifo(config_file)
    [problem] = daemon.reload()
    assert "config.yaml:1:1: not a regular file (write it to a file" in problem
    assert polls(daemon) == before
    assert daemon.healthy() == (True, "healthy")


def test_doubts_about_answers_are_followed_up_together(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    done: list[str] = []
    clock.on_sleep = lambda: done.append("slept")
    monkeypatch.setattr(daemon.store, "distrust", lambda bot: done.append(f"dropped {bot}"))
    monkeypatch.setattr(daemon.poller, "maintain", lambda: done.append("looked"))
    monkeypatch.setattr(daemon.poller, "repeat", lambda bot: done.append(f"repeated {bot}"))
    monkeypatch.setattr("exporter.daemon.bot_client.BotClient", lambda *given: given[-1])
    bot = polls(daemon)["conversations"].bot
    for name in ("main", "other", "main"):
        daemon._make_client(replace(bot, name=name))()  # type: ignore[operator]  # its `on_doubt`
    daemon.housekeeping.run_due()
    assert done[:3] == ["dropped main", "dropped other", "dropped main"]
    assert done[3:5] == ["slept", "looked"]
    assert sorted(done[5:]) == ["repeated main", "repeated other"]
