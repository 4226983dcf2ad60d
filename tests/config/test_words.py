from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import words
from exporter.config.kinds import Kind
from exporter.config.report import Report


def parse(kind: Kind, text: str) -> Any:
    """Return what a text means, or raise ValueError with its error."""
    report = Report("f")
    value = kind.read(text, (), report)
    for problem in report.of("error"):
        raise ValueError(str(problem))
    return value


def test_a_duration_is_seconds_between_its_bounds() -> None:
    kind = words.duration("1s", "1h")
    assert parse(kind, "1s") == 1.0
    assert parse(kind, "1h") == 3600.0
    for text, why in (("999ms", "too short"), ("1h1ms", "too long"), ("1", "unit")):
        with pytest.raises(ValueError, match=why):
            parse(kind, text)


@pytest.mark.parametrize("text", ["a", "support_2", "x" * 100])
def test_a_bot_s_name_is_small_letters_digits_and_underscores(text: str) -> None:
    assert parse(words.BOT_NAME, text) == text


@pytest.mark.parametrize("text", ["", "A", "2a", "a-b", "_a", "a\n", "x" * 101])
def test_any_other_name_of_a_bot_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        parse(words.BOT_NAME, text)


def test_a_time_of_day_has_two_digits_each() -> None:
    assert parse(words.TIME, "00:05") == time(0, 5)
    assert parse(words.TIME, "23:59:59") == time(23, 59, 59)
    for text in ("0:05", "24:00", "12", "12:60", "T12:00", "12:00+02:00"):
        with pytest.raises(ValueError, match="time of day"):
            parse(words.TIME, text)


def test_a_zone_is_an_iana_name() -> None:
    assert parse(words.ZONE, "Europe/Sofia") == ZoneInfo("Europe/Sofia")


@pytest.mark.parametrize("text", ["", "Mars", "../UTC", "/etc/localtime", "Europe", "UTC\0", "x" * 300])
def test_any_other_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        parse(words.ZONE, text)


def test_a_path_is_any_text_that_can_name_a_file() -> None:
    assert parse(words.FILE, "certs/ca.pem") == Path("certs/ca.pem")
    for text in ("", "a\0b"):
        with pytest.raises(ValueError, match="path"):
            parse(words.FILE, text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.nativechat.com/v1", "https://api.nativechat.com/v1"),
        ("https://api.nativechat.com/v1//", "https://api.nativechat.com/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://[::1]:8443/v1", "https://[::1]:8443/v1"),
        ("https://host/@me", "https://host/@me"),
    ],
)
def test_a_url_has_a_scheme_a_host_and_no_last_slash(text: str, url: str) -> None:
    assert parse(words.URL, text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.nativechat.com",
        "ftp://hunter2",
        "https://",
        "https:///hunter2",
        "https://user:hunter2@host",
        "https://hunter2@host/v1",
        "HTTPS://u:hunter2@host",
        "https://host:hunter2/v1",
        "https://host:0/hunter2",
        "https://host:99999/hunter2",
        "https://[hunter2]/v1",
        "https://[hunter2/v1",
        "https://host/v1?token=hunter2",
        "https://host/v1#hunter2",
        "https://host/hunter2\r\nX: y",
        "https://host%20hunter2/",
        "https://hunter2.exämple/",
    ],
)
def test_any_other_url_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        parse(words.URL, text)
    assert "hunter2" not in str(caught.value)


@given(st.text(alphabet="htps:/[]@%.ab01?#-", max_size=30).map("https://".__add__))
def test_a_url_that_is_taken_is_stable_and_has_nothing_but_a_path(text: str) -> None:
    try:
        url = words.parse_url(text)
    except ValueError:
        return
    assert words.parse_url(url) == url
    assert not set("?#") & set(url)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://api.nativechat.com", True),
        ("http://localhost:1", True),
        ("http://simulator.localhost", True),
        ("http://127.9.9.9/v1", True),
        ("http://[::1]", True),
        ("http://10.0.0.1", False),
        ("http://api.nativechat.com", False),
    ],
)
def test_an_http_url_is_a_warning_unless_it_is_loopback(url: str, safe: bool) -> None:
    report = Report("f")
    assert words.URL.read(url, (), report) == url
    assert (report.problems == []) == safe


def test_a_sentence_is_not_empty() -> None:
    assert parse(words.SENTENCE, "Conversations.") == "Conversations."
    with pytest.raises(ValueError, match="empty"):
        parse(words.SENTENCE, " ")
