"""Laws of the status page: it shows its data as text, in units that people use."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.page import (
    BotStatus,
    Painter,
    QueryStatus,
    SeriesStatus,
    StatusPage,
    ago,
    grouped,
    moment,
    span,
    within,
)

PAINTER = Painter("/metrics")
SERIES = SeriesStatus(labels=(("channel", "viber"),), value=12_345, age=12.0)
QUERY = QueryStatus(
    bot="support",
    query="conversations_by_channel",
    metric="nativechat_conversations_by_channel",
    help="Conversations by channel.",
    collection="conversations",
    up=True,
    every=30.0,
    stale_after=600.0,
    last_run_age=12.0,
    next_run_in=18.0,
    last_success_age=12.0,
    duration=0.184,
    last_error=None,
    failing_since_age=None,
    series=(SERIES,),
)
BOT = BotStatus("support", True, 1.0, None, None, 2, (("team", "care"),))
PAGE = StatusPage(
    version="1.2.3",
    started=1_700_000_000.0,
    now=1_700_007_500.0,
    config_file="config.yaml",
    reloaded=1_700_007_000.0,
    problems=(),
    shard="0 of 2",
    bots=(BOT,),
    queries=(QUERY,),
)


class Reader(HTMLParser):
    """Reads a page as a person does: visible text, links, and what is open or closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = ""
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag if tag in ("style", "script") else ""

    def handle_endtag(self, tag: str) -> None:
        self._hidden = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def read(page: StatusPage) -> Reader:
    return Reader(PAINTER.paint(page, "n0nce"))


def read_query(query: QueryStatus) -> str:
    return read(replace(PAGE, queries=(query,))).text


def test_the_page_shows_version_configuration_and_uptime() -> None:
    text = read(PAGE).text
    for words in ("1.2.3", "2 h 5 min", "config.yaml", "8 min 20 s ago", "0 of 2", "1, none failing"):
        assert words in text


def test_the_page_links_to_metrics_and_health_relative_to_itself() -> None:
    links = [attributes["href"] for tag, attributes in read(PAGE).tags if tag == "a"]
    assert links[:3] == ["metrics", "-/healthy", "-/ready"]


def test_every_style_and_script_has_the_nonce_and_nothing_comes_from_elsewhere() -> None:
    reader = read(PAGE)
    inline = [attributes for tag, attributes in reader.tags if tag in ("style", "script")]
    assert [attributes["nonce"] for attributes in inline] == ["n0nce", "n0nce"]
    assert not any("src" in attributes or "style" in attributes for _, attributes in reader.tags)
    assert [attributes["href"] for tag, attributes in reader.tags if tag == "link"] == ["data:,"]
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)


@pytest.mark.parametrize(("up", "words"), [(True, "✓ up"), (False, "✕ down"), (None, "… not asked yet")])
def test_a_bot_shows_in_words_whether_it_is_up(up: bool | None, words: str) -> None:
    assert words in read(replace(PAGE, bots=(replace(BOT, up=up),))).text


def test_a_bot_shows_its_last_error_and_when_it_was() -> None:
    text = read(replace(PAGE, bots=(replace(BOT, last_error="it hung", last_error_age=75.0),))).text
    assert "it hung" in text
    assert "1 min 15 s ago" in text


@pytest.mark.parametrize(("up", "words"), [(True, "✓ up"), (False, "✕ failing"), (None, "… waiting")])
def test_a_query_shows_in_words_whether_it_is_up(up: bool | None, words: str) -> None:
    assert words in read_query(replace(QUERY, up=up))


def test_a_failing_query_shows_its_error_and_its_age_and_is_counted() -> None:
    failing = replace(QUERY, up=False, last_error="timeout: it hung", failing_since_age=130.0)
    text = read_query(failing)
    assert "timeout: it hung since 2 min 10 s" in text
    assert "✕ 1 of 1 failing" in text
    assert "The last run failed." in read_query(replace(failing, last_error=None, failing_since_age=None))


def test_a_query_shows_its_schedule() -> None:
    text = read_query(QUERY)
    for words in ("Every 30 s", "Last run 12 s ago", "Next run in 18 s", "Took 184 ms", "Stale after 10 min"):
        assert words in text
    assert "Took –" in read_query(replace(QUERY, duration=None))


def test_a_series_shows_its_labels_count_and_age() -> None:
    assert "channel =viber 12 345 12 s ago" in read_query(QUERY)


def test_a_series_without_a_count_says_so() -> None:
    bare = SeriesStatus((), None, None)
    assert "no count –" in read_query(replace(QUERY, series=(bare,)))
    assert "– no count" in read_query(replace(QUERY, series=(bare, bare)))


def test_many_series_are_folded_and_those_not_shown_are_counted() -> None:
    few, many = replace(QUERY, series=(SERIES,) * 6), replace(QUERY, series=(SERIES,) * 7, more=2_993)
    folds = [
        attributes for tag, attributes in read(replace(PAGE, queries=(few, many))).tags if tag == "details"
    ]
    assert ["open" in fold for fold in folds] == [True, False]
    assert "3 000 series" in read_query(many)
    assert "and 2 993 more" in read_query(many)


def test_all_problems_of_a_failed_reload_are_shown() -> None:
    text = read(replace(PAGE, problems=("config.yaml:1:1: one", "config.yaml:2:1: two"))).text
    assert "The configuration was not reloaded" in text
    assert "config.yaml:1:1: one config.yaml:2:1: two" in text
    assert "was not reloaded" not in read(PAGE).text


def test_a_shard_without_work_says_so() -> None:
    text = read(replace(PAGE, bots=(), queries=())).text
    assert "This shard asks no bot." in text
    assert "This shard has no query." in text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_no_text_becomes_markup(text: str) -> None:
    hostile = f"<script>{text}</script><img src=x onerror='{text}'>\""
    query = replace(
        QUERY,
        help=hostile,
        metric=hostile,
        query=hostile,
        up=False,
        last_error=hostile,
        series=(replace(SERIES, labels=((hostile, hostile),)),),
    )
    page = replace(
        PAGE,
        config_file=hostile,
        problems=(hostile,),
        bots=(replace(BOT, name=hostile, last_error=hostile, labels=((hostile, hostile),)),),
        queries=(query,),
    )
    tags = [tag for tag, _ in read(page).tags]
    assert tags.count("script") == 1
    assert "img" not in tags


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1.0, "0 ms"),
        (0.0, "0 ms"),
        (0.1844, "184 ms"),
        (1.0, "1 s"),
        (3.21, "3.2 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (90.0, "1 min 30 s"),
        (3_600.0, "1 h"),
        (5_400.0, "1 h 30 min"),
        (86_400.0, "1 d"),
        (86_410.0, "1 d"),
        (7 * 86_400.0 + 3_600.0, "7 d 1 h"),
    ],
)
def test_a_span_has_its_two_greatest_units(seconds: float, words: str) -> None:
    assert span(seconds).replace("\N{NARROW NO-BREAK SPACE}", " ") == words


@given(st.floats(0.0, 1e9))
def test_a_span_is_right_to_a_twentieth(seconds: float) -> None:
    units = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
    parts = re.findall(r"([\d.]+)\N{NARROW NO-BREAK SPACE}(\w+)", span(seconds))
    shown = sum(float(count) * units[unit] for count, unit in parts)
    assert abs(shown - seconds) <= max(0.05 * seconds, 0.0006)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (None, "never"),
        (0.4, "now"),
        (12.9, "12 s ago"),
        (75.0, "1 min 15 s ago"),
        (1_900.0, "31 min ago"),
        (40_000.0, "11 h ago"),
        (100_000.0, "1 d 3 h ago"),
    ],
)
def test_an_age_is_rounded_to_what_people_need(age: float | None, words: str) -> None:
    assert ago(age).replace("\N{NARROW NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("wait", "words"), [(None, "not planned"), (-3.0, "now"), (18.7, "in 18 s"), (86_400.0, "in 1 d")]
)
def test_a_wait_is_rounded_to_what_people_need(wait: float | None, words: str) -> None:
    assert within(wait).replace("\N{NARROW NO-BREAK SPACE}", " ") == words


@given(st.integers(0))
def test_a_count_in_groups_is_still_that_count(count: int) -> None:
    assert int(grouped(count).replace("\N{NARROW NO-BREAK SPACE}", "")) == count
    assert all(len(group) <= 3 for group in grouped(count).split("\N{NARROW NO-BREAK SPACE}"))


def test_a_moment_is_in_utc() -> None:
    assert moment(1_700_000_000.9) == "2023-11-14 22:13:20 UTC"
