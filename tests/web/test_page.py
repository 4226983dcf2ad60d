"""Laws of the status page: it shows its data as text, in units that people use."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.page import (
    MOST_CHARACTERS,
    MOST_LISTED,
    MOST_SERIES,
    MOST_TEXT,
    STATES,
    BotStatus,
    Filter,
    Painter,
    QueryStatus,
    SeriesStatus,
    State,
    StatusPage,
    ago,
    cut,
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
    predicate='{"Data.channel.ProviderName":"{channel}"}',
    state="up",
    every=30.0,
    stale_after=600.0,
    last_run_age=12.0,
    next_run_in=18.0,
    last_success_age=12.0,
    duration=0.184,
    last_error=None,
    failing_for=None,
    known_for=7_500.0,
    series=(SERIES,),
)
BOT = BotStatus("support", "up", 1.0, None, None, 2, (("team", "care"),))
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
        self.cards = [
            attributes["id"] for tag, attributes in self.tags if tag == "article" and "id" in attributes
        ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag if tag in ("style", "script") else ""

    def handle_endtag(self, tag: str) -> None:
        self._hidden = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def read(page: StatusPage, query_string: str = "") -> Reader:
    return Reader(PAINTER.paint(page, query_string, "n0nce"))


def read_query(query: QueryStatus) -> str:
    return read(replace(PAGE, queries=(query,))).text


def test_the_page_shows_version_configuration_and_uptime() -> None:
    text = read(PAGE).text
    for words in ("1.2.3", "2 h 5 min", "config.yaml", "8 min 20 s ago", "0 of 2", "1, none failing"):
        assert words in text


def test_the_page_links_to_metrics_and_health_relative_to_itself() -> None:
    links = [attributes["href"] for tag, attributes in read(PAGE).tags if tag == "a"]
    assert links[:4] == ["metrics", "-/config", "-/healthy", "-/ready"]


def test_every_style_and_script_has_the_nonce_and_nothing_comes_from_elsewhere() -> None:
    reader = read(PAGE)
    inline = [attributes for tag, attributes in reader.tags if tag in ("style", "script")]
    assert [attributes["nonce"] for attributes in inline] == ["n0nce", "n0nce"]
    assert not any("src" in attributes or "style" in attributes for _, attributes in reader.tags)
    assert [attributes["href"] for tag, attributes in reader.tags if tag == "link"] == ["data:,"]
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)


@pytest.mark.parametrize(
    ("state", "words"), [("up", "✓ up"), ("failing", "✕ down"), ("waiting", "… not asked yet")]
)
def test_a_bot_shows_in_words_whether_it_is_up(state: State, words: str) -> None:
    assert words in read(replace(PAGE, bots=(replace(BOT, state=state),))).text


def test_a_bot_shows_its_last_error_and_when_it_was() -> None:
    text = read(replace(PAGE, bots=(replace(BOT, last_error="it hung", last_error_age=75.0),))).text
    assert "it hung" in text
    assert "1 min 15 s ago" in text


def test_a_bot_that_is_down_shows_since_when() -> None:
    text = read(replace(PAGE, bots=(replace(BOT, state="failing", down_for=130.0),))).text
    assert "✕ down" in text
    assert "down since 00:16:10 UTC (2 min 10 s)" in text


def test_a_paused_bot_shows_until_when() -> None:
    text = read(replace(PAGE, bots=(replace(BOT, state="paused", paused_for=35.0),))).text
    assert "‖ paused" in text
    assert "paused until 00:18:55 UTC (in 35 s)" in text
    both = read(replace(PAGE, bots=(replace(BOT, state="failing", paused_for=35.0),))).text
    assert "✕ down" in both
    assert "paused until" in both


@pytest.mark.parametrize(
    ("state", "words"), [("up", "✓ up"), ("failing", "✕ failing"), ("waiting", "… waiting")]
)
def test_a_query_shows_in_words_whether_it_is_up(state: State, words: str) -> None:
    assert words in read_query(replace(QUERY, state=state))


def test_a_failing_query_shows_its_error_and_since_when_and_is_counted() -> None:
    failing = replace(QUERY, state="failing", last_error="timeout: it hung", failing_for=130.0)
    text = read_query(failing)
    assert "failing since 00:16:10 UTC (2 min 10 s): timeout: it hung" in text
    assert "never succeeded" not in text
    assert "✕ 1 of 1 failing" in text
    assert "failing: the last run failed" in read_query(replace(failing, last_error=None, failing_for=None))


def test_a_query_that_never_succeeded_says_so() -> None:
    failing = replace(QUERY, state="failing", last_error="it hung", failing_for=130.0, last_success_age=None)
    assert "never succeeded, failing since 00:16:10 UTC (2 min 10 s): it hung" in read_query(failing)


def test_a_query_whose_first_run_has_not_ended_says_since_when_it_waits() -> None:
    waiting = replace(QUERY, state="waiting", known_for=130.0)
    assert "no run has ended since 00:16:10 UTC (2 min 10 s)" in read_query(waiting)
    assert "(2 min 10 s): it hung" in read_query(replace(waiting, last_error="it hung"))


def test_a_query_that_works_again_shows_its_last_error_folded() -> None:
    reader = read(replace(PAGE, queries=(replace(QUERY, last_error="timeout: it hung"),)))
    assert "last error timeout: it hung" in reader.text
    folds = {attributes["id"]: attributes for tag, attributes in reader.tags if tag == "details"}
    assert "open" not in folds["error.support.conversations_by_channel"]


def test_a_query_shows_its_predicate_as_configured() -> None:
    assert 'counts conversations where {"Data.channel.ProviderName":"{channel}"}' in read_query(QUERY)
    assert "where" not in read_query(replace(QUERY, predicate=""))


def test_a_query_shows_up_to_three_sentences_on_its_counts_of_0() -> None:
    sentences = tuple(f"no conversation has `field_{n}`" for n in range(5))
    assert "no conversation" not in read_query(QUERY)
    assert sentences[1] in read_query(replace(QUERY, zeros=sentences[:2]))
    text = read_query(replace(QUERY, zeros=sentences))
    assert [sentence in text for sentence in sentences] == [True, True, True, False, False]
    assert "and 2 more" in text


def test_predicates_of_single_series_are_folded() -> None:
    assert "predicates by label" not in read_query(QUERY)
    own = replace(SERIES, predicate='{"Errors":{"$gt":0}}')
    assert 'predicates by label channel =viber {"Errors":{"$gt":0}}' in read_query(
        replace(QUERY, series=(own,))
    )


def test_a_query_shows_its_schedule() -> None:
    text = read_query(QUERY)
    for words in ("Every 30 s", "Last run 12 s ago", "Next run in 18 s", "Took 184 ms", "Stale after 10 min"):
        assert words in text
    assert "Took –" in read_query(replace(QUERY, duration=None))


def test_a_series_shows_its_labels_count_and_age() -> None:
    assert "channel =viber 12 345 12 s ago" in read_query(QUERY)


def test_a_series_without_a_count_says_so() -> None:
    bare = SeriesStatus((), None, None)
    assert "– no count" in read_query(replace(QUERY, series=(bare,)))
    assert "– no count" in read_query(replace(QUERY, series=(bare, bare)))


def test_many_series_are_folded_and_those_not_shown_are_counted() -> None:
    few, many = replace(QUERY, series=(SERIES,) * 6), replace(QUERY, series=(SERIES,) * 7, more=2_993)
    folds = [
        attributes for tag, attributes in read(replace(PAGE, queries=(few, many))).tags if tag == "details"
    ]
    assert ["open" in fold for fold in folds] == [True, False]
    assert "3 000 series" in read_query(many)
    assert "and 2 993 more" in read_query(many)


FIRST = ("failing", "paused")
NAMES = ("a", "ab", "b")


def bots_of(states: list[tuple[str, State]]) -> list[BotStatus]:
    return [replace(BOT, name=name, state=state) for name, state in states]


def queries_of(states: list[tuple[str, State]]) -> list[QueryStatus]:
    return [
        replace(QUERY, bot=bot, query=str(number), metric=f"nativechat_{bot}_{number}", state=state)
        for number, (bot, state) in enumerate(states)
    ]


rows = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(STATES)), max_size=9)


@given(rows)
def test_without_a_filter_all_is_shown_what_fails_first_and_else_in_order(
    states: list[tuple[str, State]],
) -> None:
    bots, queries = bots_of(states), queries_of(states)
    failing = [bot for bot in bots if bot.state in FIRST]
    assert Filter().bots(bots) == failing + [bot for bot in bots if bot.state not in FIRST]
    down = [query for query in queries if query.state in FIRST]
    assert Filter().queries(queries) == down + [query for query in queries if query.state not in FIRST]


@given(
    rows, st.sampled_from(("", *NAMES)), st.sampled_from(("", "1", "Chat_a")), st.sampled_from(("", *STATES))
)
def test_a_filter_keeps_exactly_what_fits(
    states: list[tuple[str, State]], bot: str, text: str, state: State
) -> None:
    bots, queries, only = bots_of(states), queries_of(states), Filter(bot, text, state)
    for each in bots:
        assert (each in only.bots(bots)) == (bot in ("", each.name) and state in ("", each.state))
    for query in queries:
        fits = bot in ("", query.bot) and text.lower() in query.metric and state in ("", query.state)
        assert (query in only.queries(queries)) == fits


@given(st.text(max_size=60))
def test_any_query_string_makes_a_page(query_string: str) -> None:
    assert read(PAGE, query_string).text.count("Queries") == 2


@pytest.mark.parametrize(
    ("query_string", "only"),
    [
        ("", Filter()),
        ("bot=support&query=+by_channel&state=failing", Filter("support", "by_channel", "failing")),
        ("bot=&query=&state=&other=1", Filter()),
        ("state=broken", Filter()),
        ("query=%FF%C3%A4;&bot", Filter(query="\ufffdä;")),
    ],
)
def test_a_filter_is_read_from_the_address(query_string: str, only: Filter) -> None:
    assert Filter.read(query_string) == only


def test_a_filtered_page_shows_part_of_it_and_says_how_much() -> None:
    other = replace(QUERY, bot="sales", query="messages", metric="nativechat_messages", state="failing")
    page = replace(PAGE, bots=(BOT, replace(BOT, name="sales", state="failing")), queries=(QUERY, other))
    assert read(page).cards == ["sales.messages", "support.conversations_by_channel"]
    part = read(page, "state=failing")
    assert part.cards == ["sales.messages"]
    assert "Bots 1 of 2" in part.text
    assert "Queries 1 of 2" in part.text
    assert "No query fits the filter." in read(page, "query=nothing").text


def test_the_form_shows_the_filter_that_is_in_force() -> None:
    reader = read(PAGE, "bot=gone&query=by_channel&state=up")
    assert [attributes["value"] for tag, attributes in reader.tags if tag == "input"] == ["by_channel"]
    chosen = [
        dict(attributes) for tag, attributes in reader.tags if tag == "option" and "selected" in attributes
    ]
    assert len(chosen) == 2
    assert "gone support" in reader.text


HOSTILE = "<&\"'" * 400


def test_long_texts_are_cut() -> None:
    long = "x" * 10_000
    series = replace(SERIES, labels=((long, long),), predicate=long)
    query = replace(QUERY, help=long, predicate=long, last_error=long, series=(series,))
    bot = replace(BOT, labels=((long, long),), last_error=long)
    queries = (query, replace(query, state="failing"), replace(query, state="waiting"))
    page = replace(PAGE, config_file=long, problems=(long,), bots=(bot,), queries=queries)
    assert max(map(len, re.findall("x+", PAINTER.paint(page, f"query={long}", "n0nce")))) < MOST_TEXT
    assert max(map(len, re.findall("x+", PAINTER.paint(page, "", "n0nce")))) < MOST_TEXT


def test_a_page_has_a_greatest_length() -> None:
    series = replace(SERIES, labels=((HOSTILE, HOSTILE),), predicate=HOSTILE)
    bot = replace(BOT, last_error=HOSTILE, labels=((HOSTILE, HOSTILE),))
    query = replace(
        QUERY,
        help=HOSTILE,
        predicate=HOSTILE,
        last_error=HOSTILE,
        state="failing",
        series=(series,) * MOST_SERIES,
    )
    page = replace(
        PAGE,
        problems=(HOSTILE,) * 1_000,
        config_file=HOSTILE,
        bots=tuple(replace(bot, name=f"bot-{number:046}") for number in range(10_000)),
        queries=(query,) * 1_000,
    )
    frame = 100_000 + 100 * MOST_LISTED + 6 * MOST_TEXT * MOST_LISTED
    whole = len(PAINTER.paint(page, "", "n0nce"))
    assert 1.5 * MOST_CHARACTERS < whole < 2 * MOST_CHARACTERS + frame
    assert len(PAINTER.paint(page, "bot=" + "%3C" * 5_000, "n0nce")) < frame


def test_ten_thousand_series_fit_and_none_is_lost_silently() -> None:
    series = (SERIES,) * 25
    queries = tuple(replace(QUERY, query=str(number), series=series) for number in range(400))
    reader = read(replace(PAGE, queries=queries))
    assert len(reader.cards) == 400
    assert reader.text.count("and 20 more") == 400
    narrower = read(replace(PAGE, queries=queries[:10]))
    assert "more, all on" not in narrower.text


def test_queries_that_do_not_fit_are_counted() -> None:
    queries = tuple(replace(QUERY, query=str(number)) for number in range(3_000))
    reader = read(replace(PAGE, queries=queries))
    left = f"{len(queries) - len(reader.cards):,}".replace(",", " ")
    assert 500 < len(reader.cards) < 3_000
    assert f"and {left} more: filter the page to see them" in reader.text


def test_all_problems_of_a_failed_reload_are_shown() -> None:
    text = read(replace(PAGE, problems=("config.yaml:1:1: one", "config.yaml:2:1: two"))).text
    assert "The configuration was not reloaded" in text
    assert "config.yaml:1:1: one config.yaml:2:1: two" in text
    assert "was not reloaded" not in read(PAGE).text
    many = read(replace(PAGE, problems=("config.yaml:1:1: one",) * (MOST_LISTED + 7))).text
    assert many.count("config.yaml:1:1: one") == MOST_LISTED
    assert "and 7 more, all in the log" in many


def test_a_shard_without_work_says_so() -> None:
    text = read(replace(PAGE, bots=(), queries=())).text
    assert "This shard asks no bot." in text
    assert "This shard has no query." in text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_no_text_becomes_markup(text: str) -> None:
    hostile = f"</script></main><script>{text}</script><img src=x onerror='{text}'>\""
    query = replace(
        QUERY,
        help=hostile,
        predicate=hostile,
        metric=hostile,
        query=hostile,
        state="failing",
        last_error=hostile,
        series=(replace(SERIES, labels=((hostile, hostile),), predicate=hostile),),
    )
    page = replace(
        PAGE,
        config_file=hostile,
        problems=(hostile,),
        bots=(replace(BOT, name=hostile, last_error=hostile, labels=((hostile, hostile),)),),
        queries=(query,),
    )
    tags = [tag for tag, _ in read(page, urlencode({"bot": hostile, "query": hostile})).tags]
    tags += [tag for tag, _ in read(page).tags]
    assert tags.count("script") == 2
    assert tags.count("main") == 2
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


def test_a_moment_is_in_utc_and_has_its_date_on_another_day() -> None:
    assert moment(1_700_000_000.9, 1_700_000_100.0) == "22:13:20 UTC"
    assert moment(1_700_000_000.9, 1_700_100_000.0) == "2023-11-14 22:13:20 UTC"


@given(st.text())
def test_a_text_is_cut_at_its_greatest_length(text: str) -> None:
    assert len(cut(text)) <= MOST_TEXT
    assert cut(text) == text or cut(text)[-1] == "…"
