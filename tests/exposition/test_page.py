"""Laws of the metrics page: it is complete from the first second, and correct."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.exposition import choose_encoder

from exporter.config.load import load
from exporter.errors import REASONS, ServerError
from exporter.exposition.exposition import Exposition
from exporter.exposition.telemetry import Telemetry
from exporter.model import Api, Bot, Config, Part, Plan, Predicate, Query, TokenSource, Unknown, Variant
from exporter.plan import make_plan
from exporter.snapshot import Snapshot

Page = Any
MakeQuery = Callable[..., Query]
PlanOf = Callable[..., Plan]
Meanwhile = Callable[[Callable[[], None]], AbstractContextManager[None]]

TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
SHIPPED = Path(__file__).parents[2] / "config.yaml"
EMPTY = Exposition(Telemetry(0, 1), Snapshot, lambda: 0.0)
HARD = ('"quoted"', "back\\slash", "two\nlines", "line\u2028separator", "Зелен 漢 😀", "a=b,c}", " ")
AREA = {"area": 'the "north"\\\n'}


@pytest.fixture
def plan(make: MakeQuery, plan_of: PlanOf) -> Plan:
    return plan_of(
        make("conversations", bots=("main", "support")),
        make("conversations_by_channel", *HARD, bots=("main", "support"), every=30.0),
        make("messages", bots=("support",), collection="messages"),
        make("conversations_never", bots=("main",)),
        **AREA,
    )


@pytest.fixture
def busy(page: Page, plan: Plan) -> Page:
    """Return the page of a plan with counts for every query but the last."""
    page.apply(plan)
    for poll in plan.polls[:-1]:
        page.store.started(poll)
        for row in range(len(poll.series)):
            page.store.counted(poll, row, 2**53 - row)
            page.telemetry.attempted(poll.bot.name, 200, 0.25)
        page.store.finished(poll, 0.5, None)
        page.store.asked(poll, None, 0.0)
    error = ServerError("down", status=500)
    page.store.failed(plan.polls[-1], [0], error)
    page.store.finished(plan.polls[-1], 1.5, error)
    page.telemetry.attempted("main", None, 1.5)
    page.telemetry.lagged(0.125)
    page.telemetry.reloaded(1_750_000_000.0)
    return page


def labels_of(page: Page, name: str) -> list[dict[str, str]]:
    found = [dict(labels) for shown, labels in page.samples() if shown == name]
    return sorted(found, key=lambda labels: sorted(labels.items()))


POLLS = [
    {"bot": "main", "query": "conversations"},
    {"bot": "main", "query": "conversations_by_channel"},
    {"bot": "main", "query": "conversations_never"},
    {"bot": "support", "query": "conversations"},
    {"bot": "support", "query": "conversations_by_channel"},
    {"bot": "support", "query": "messages"},
]
BOTS = [{"bot": "main"}, {"bot": "support"}]
OURS: dict[str, list[dict[str, str]]] = {
    "nativechat_up": BOTS,
    "nativechat_conversations_new_total": [{**bot, **AREA} for bot in BOTS],
    "nativechat_conversations_by_channel_new_total": [
        {**bot, **AREA, "value": value} for bot in BOTS for value in HARD
    ],
    "nativechat_conversations_never_new_total": [{"bot": "main", **AREA}],
    "nativechat_messages_new_total": [{"bot": "support", **AREA}],
    "nativechat_exporter_query_up": POLLS,
    "nativechat_exporter_query_last_success_timestamp_seconds": POLLS,
    "nativechat_exporter_query_duration_seconds": POLLS,
    "nativechat_exporter_query_interval_seconds": [
        {"query": "conversations"},
        {"query": "conversations_by_channel"},
        {"query": "conversations_never"},
        {"query": "messages"},
    ],
    "nativechat_exporter_query_runs_total": POLLS,
    "nativechat_exporter_query_failures_total": POLLS,
    "nativechat_exporter_bot_failures_total": [
        {**bot, "reason": reason} for bot in BOTS for reason in sorted(REASONS)
    ],
    "nativechat_exporter_query_skipped_total": POLLS,
    "nativechat_exporter_api_requests_total": [
        {**bot, "code": code} for bot in BOTS for code in ("200", "none")
    ],
    "nativechat_exporter_api_request_duration_seconds_count": BOTS,
    "nativechat_exporter_api_request_duration_seconds_sum": BOTS,
    "nativechat_exporter_series": [{}],
    "nativechat_exporter_schedule_lag_seconds": [{}],
    "nativechat_exporter_config_last_reload_successful": [{}],
    "nativechat_exporter_config_last_reload_success_timestamp_seconds": [{}],
    "nativechat_exporter_shard_ordinal": [{}],
    "nativechat_exporter_shard_total": [{}],
}


@pytest.mark.parametrize("name", OURS)
def test_every_metric_of_ours_is_there_from_the_first_second_with_every_label_set(
    page: Page, plan: Plan, name: str
) -> None:
    page.apply(plan)
    wanted = sorted(OURS[name], key=lambda labels: sorted(labels.items()))
    assert labels_of(page, name) == wanted


def test_before_the_first_count_there_are_no_other_metrics_but_those_of_the_process(
    page: Page, plan: Plan
) -> None:
    page.apply(plan)
    beside = {
        "nativechat_bot_info",
        "nativechat_exporter_api_request_duration_seconds_bucket",
        "nativechat_exporter_build_info",
        "nativechat_exporter_internal_errors_total",
    }
    shown = {name for name, _ in page.samples() if not name.startswith(("process_", "python_"))}
    assert shown == {*OURS, *beside}


def test_the_build_the_process_and_python_have_metrics(page: Page) -> None:
    [build] = labels_of(page, "nativechat_exporter_build_info")
    assert set(build) == {"version", "python"}
    names = {name for name, _ in page.samples()}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"} <= names


def test_the_process_is_read_once_a_second(page: Page) -> None:
    def descriptors() -> float:
        return float(page.samples()["process_open_fds", frozenset()])

    before = descriptors()
    with Path(__file__).open():
        page.clock.now += 0.9
        assert descriptors() == before
        page.clock.now += 0.2
        assert descriptors() == before + 1


def test_before_the_first_run_everything_of_a_poll_is_0(page: Page, plan: Plan) -> None:
    page.apply(plan)
    values = {
        value for (name, _), value in page.samples().items() if name.startswith("nativechat_exporter_query_")
    }
    assert values == {0.0, 30.0, 60.0}, "0 but for the intervals"


def test_a_query_is_absent_until_it_was_counted_and_so_is_its_head(busy: Page) -> None:
    for accept in (TEXT, OPENMETRICS):
        names = {family.name for family in busy.families(accept)}
        assert "nativechat_conversations" in names
        assert "nativechat_conversations_never" not in names


def test_a_count_reads_back_exactly_under_every_label(busy: Page, plan: Plan) -> None:
    for accept in (TEXT, OPENMETRICS):
        samples = busy.samples(accept)
        for poll in plan.polls[:-1]:
            for row, series in enumerate(poll.series):
                assert samples[series.metric, frozenset(series.labels)] == 2**53 - row


def test_what_is_new_is_a_counter_in_both_formats_also_while_the_count_is_absent(
    busy: Page, plan: Plan
) -> None:
    busy.store.counted(plan.polls[0], 0, 2**53 - 5)
    busy.store.counted(plan.polls[0], 0, 2**53 - 2)
    busy.clock.now += 301.0
    for accept in (TEXT, OPENMETRICS):
        kinds = {family.name: family.type for family in busy.families(accept)}
        assert "nativechat_conversations" not in kinds
        assert kinds["nativechat_conversations_new"] == "counter"
        name, of_main = "nativechat_conversations_new_total", frozenset({"bot": "main", **AREA}.items())
        assert busy.samples(accept)[name, of_main] == 3.0


def test_what_is_new_in_dates_is_not_counted(page: Page, make: MakeQuery, plan_of: PlanOf) -> None:
    """Time alone changes such a count: what rises need not be new, and what is new need not rise."""
    dated = Variant((), Predicate('{"StartedAt":{"$gte":{"$date":"now-1h"}}}', ("StartedAt",)))
    plan = plan_of(make("recent", variants=(dated,)))
    page.apply(plan)
    for count in (1, 5):
        page.store.counted(plan.polls[0], 0, count)
    assert {name for name, _ in page.samples() if "recent" in name} == {"nativechat_recent"}


def test_the_key_of_a_bot_is_made_of_its_url_and_id_and_shows_neither(
    page: Page, make: MakeQuery, plan_of: PlanOf
) -> None:
    def key(bot: Bot) -> str:
        page.apply(make_plan(Config((bot,), (make("any"),))))
        [labels] = labels_of(page, "nativechat_bot_info")
        assert labels["bot"] == "main"
        return labels["key"]

    bot = Bot("main", "5bfd1c9d8f2a4e0012345678", TokenSource(env="TOKEN"))
    keys = [
        key(bot),
        key(replace(bot, id="5bfd1c9d8f2a4e0012345679")),
        key(replace(bot, api=Api("https://elsewhere.example"))),
    ]
    assert len(set(keys)) == len(keys)
    assert key(replace(bot, token=TokenSource(env="ANOTHER"), labels=(("team", "care"),))) == keys[0]
    assert all(re.fullmatch("[0-9a-f]{12}", each) for each in keys)


def test_a_bot_whose_id_is_missing_has_no_key(page: Page, make: MakeQuery) -> None:
    bot = Bot("main", "", TokenSource(env="TOKEN"), fault=("no id", "set it"))
    page.apply(make_plan(Config((bot,), (make("any"),))))
    assert labels_of(page, "nativechat_bot_info") == []


@pytest.mark.parametrize(
    ("kind", "unknown"),
    [
        ("fields", Unknown({"Statuss": "none has it", "Erors": "none has it"})),
        ("values", Unknown(values=frozenset({Part("Errors", "1"), Part("Errors", "2")}))),
    ],
)
def test_what_is_unknown_is_counted_by_kind_and_absent_without_any(
    busy: Page, plan: Plan, kind: str, unknown: Unknown
) -> None:
    name = f"nativechat_exporter_query_unknown_{kind}"
    busy.store.unknown(plan.polls[0], unknown)
    assert re.findall(r"^[a-z_]+unknown_[a-z]+", busy.text(TEXT), re.MULTILINE) == [name]
    [poll] = labels_of(busy, name)
    assert poll == {"bot": "main", "query": "conversations"}
    assert busy.samples()[name, frozenset(poll.items())] == 2.0
    busy.store.unknown(plan.polls[0], Unknown())
    assert "unknown" not in busy.text(TEXT)


def test_a_bot_that_is_well_has_at_most_60_samples_beside_its_counts(page: Page) -> None:
    environ = {"NATIVECHAT_BOT_ID": "5bfd1c9d8f2a4e0012345678", "NATIVECHAT_TOKEN": "t"}
    plan = make_plan(load(SHIPPED, environ).config)
    page.apply(plan)
    for poll in plan.polls:
        page.store.started(poll)
        for row in range(len(poll.series)):
            page.store.counted(poll, row, 300)
            page.telemetry.attempted(poll.bot.name, 200, 0.25)
        page.store.finished(poll, 0.5, None)
        page.store.asked(poll, None, 0.0)
    metrics = {name for query in plan.queries for name in (query.metric, query.counter)}
    shown = [name for name, labels in page.samples() if ("bot", "main") in labels]
    counts = [name for name in shown if name in metrics]
    assert len(counts) == 2 * 9
    assert len(shown) - len(counts) <= 60


def test_the_page_shows_what_happened(busy: Page) -> None:
    samples = busy.samples()

    def of(name: str, **labels: str) -> float:
        value = samples[f"nativechat_{name}", frozenset(labels.items())]
        assert isinstance(value, float)
        return value

    never = {"bot": "main", "query": "conversations_never"}
    assert (of("up", bot="main"), of("up", bot="support")) == (1.0, 1.0)
    assert of("exporter_query_failures_total", **never) == 1.0
    assert of("exporter_bot_failures_total", bot="main", reason="server_error") == 1.0
    assert of("exporter_bot_failures_total", bot="main", reason="timeout") == 0.0
    assert of("exporter_query_duration_seconds", **never) == 1.5
    assert of("exporter_query_runs_total", bot="main", query="conversations") == 1.0
    assert of("exporter_series") == 2 * len(HARD) + 3
    assert of("exporter_api_requests_total", bot="main", code="none") == 1.0
    assert of("exporter_schedule_lag_seconds") == 0.125


def test_both_formats_have_the_same_samples(busy: Page) -> None:
    text, openmetrics = busy.samples(TEXT), busy.samples(OPENMETRICS)
    assert text.keys() == openmetrics.keys()
    moving = ("process_", "python_")
    assert {key: text[key] for key in text if not key[0].startswith(moving)} == {
        key: openmetrics[key] for key in openmetrics if not key[0].startswith(moving)
    }


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS])
def test_nothing_carries_a_timestamp(busy: Page, accept: str) -> None:
    samples = [sample for family in busy.families(accept) for sample in family.samples]
    assert samples
    assert [sample for sample in samples if sample.timestamp is not None] == []
    assert not [sample for sample in samples if sample.name.endswith("_created")]


def test_openmetrics_ends_once(busy: Page) -> None:
    assert busy.text(OPENMETRICS).endswith("\n# EOF\n")
    assert busy.text(OPENMETRICS).count("# EOF") == 1
    assert "# EOF" not in busy.text(TEXT)


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS])
def test_every_family_appears_once(busy: Page, accept: str) -> None:
    heads = [line for line in busy.text(accept).split("\n") if line.startswith("# TYPE ")]
    assert len(set(heads)) == len(heads)


def test_promtool_finds_no_problem(busy: Page) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: install Debian's package prometheus (make test does)"
    page, _ = busy.exposition.scrape(TEXT, "identity")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, timeout=60, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_value_that_changes_changes_its_line_only(busy: Page, plan: Plan) -> None:
    before = busy.lines()
    busy.store.counted(plan.polls[2], 3, 1)
    after = busy.lines()
    assert len(after) == len(before)
    [(old, new)] = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert old.rpartition(" ")[0] == new.rpartition(" ")[0]
    assert new.endswith(" 1.0")


def test_a_series_that_gets_stale_leaves_the_page_and_the_number_of_series(busy: Page) -> None:
    busy.clock.now += 301.0
    assert labels_of(busy, "nativechat_conversations") == []
    assert busy.samples()["nativechat_exporter_series", frozenset()] == 0.0


def test_help_says_how_old_a_value_can_be(busy: Page) -> None:
    help_text = "What conversations counts. Asked every 1m; absent once older than 5m."
    assert f"# HELP nativechat_conversations {help_text}\n" in busy.text(TEXT)


def test_the_help_of_what_is_new_says_that_it_is_a_lower_bound(busy: Page) -> None:
    text = (
        "By how much nativechat_conversations rose, all rises between two answers since the start added up. "
        "Asked every 1m. A lower bound: what comes and goes between two answers is not seen."
    )
    assert f"# HELP nativechat_conversations_new_total {text}\n" in busy.text(TEXT)
    assert f"# HELP nativechat_conversations_new {text}\n" in busy.text(OPENMETRICS)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html",
        TEXT,
        OPENMETRICS,
        PROMETHEUS_3,
        "text/plain;version=1.0.0",
        "application/openmetrics-text",
        "application/openmetrics-text;version=0.0.1,text/plain",
    ],
)
def test_the_content_type_is_that_of_prometheus_client_and_of_the_page(busy: Page, accept: str) -> None:
    body, headers = busy.exposition.scrape(accept, "")
    told = dict(headers)
    assert told["Content-Type"] == choose_encoder(accept)[1]
    assert told["Vary"] == "Accept, Accept-Encoding"
    assert body.endswith(b"# EOF\n") == told["Content-Type"].startswith("application/openmetrics-text")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/openmetrics-text;q=0", "text/plain"),
        ("application/openmetrics-text; version=1.0.0; q=0.0, text/plain;q=0.5", "text/plain"),
        ("application/openmetrics-text;version=1.0.0;q=0.1", "application/openmetrics-text"),
    ],
)
def test_a_weight_of_0_refuses_a_format(busy: Page, accept: str, kind: str) -> None:
    assert dict(busy.exposition.scrape(accept, "")[1])["Content-Type"].startswith(kind)


@pytest.mark.parametrize("escaping", ["allow-utf-8", "underscores", "dots", "values", "another"])
@pytest.mark.parametrize("kind", ["application/openmetrics-text", "text/plain"])
def test_no_escaping_scheme_changes_a_name(busy: Page, kind: str, escaping: str) -> None:
    accept = TEXT if kind == "text/plain" else OPENMETRICS
    body, _ = busy.exposition.scrape(f"{kind};version=1.0.0;escaping={escaping}", "")
    names = {line.split("{")[0].split(" ")[0] for line in body.decode().split("\n") if line[:1] != "#"}
    plain = {line.split("{")[0].split(" ")[0] for line in busy.text(accept).split("\n") if line[:1] != "#"}
    assert names == plain


accepts = st.lists(
    st.sampled_from(
        ["application/openmetrics-text", "text/plain", ";", ",", "version=", "1.0.0", "1.x", "é", "q=", "*/*"]
    )
).map("".join)


@given(accepts | st.text())
@example("text/plain;version=1.x")
def test_any_accept_header_gets_a_page(accept: str) -> None:
    body, headers = EMPTY.scrape(accept, accept)
    assert body
    assert dict(headers)["Content-Type"].startswith(("text/plain", "application/openmetrics-text"))


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate, GZIP;q=0.5", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("identity", None),
        ("", None),
        ("br", None),
        ("gzip;q=0", None),
        ("gzip; q=0.000, identity", None),
        ("br;q=1, gzip;Q=0.0", None),
    ],
)
def test_a_page_is_compressed_for_clients_that_accept_gzip(
    busy: Page, accepted: str, encoding: str | None
) -> None:
    body, headers = busy.exposition.scrape(TEXT, accepted)
    assert dict(headers).get("Content-Encoding") == encoding
    page = gzip.decompress(body) if encoding else body
    assert page.startswith(b"# HELP nativechat_conversations ")


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_page_is_kept_until_something_changes(busy: Page, plan: Plan, encoding: str) -> None:
    def page() -> bytes:
        body: bytes = busy.exposition.scrape(TEXT, encoding)[0]
        return body

    first = page()
    assert page() is first
    busy.telemetry.lagged(0.25)
    second = page()
    assert second != first
    assert page() is second
    busy.store.counted(plan.polls[0], 0, 5)
    assert page() != second


def test_a_scrape_while_a_page_is_rendered_gets_that_page(
    page: Page, make: MakeQuery, plan_of: PlanOf
) -> None:
    plan, rendering, go_on = plan_of(make("any")), threading.Event(), threading.Event()

    def slowly() -> Snapshot:
        rendering.set()
        assert go_on.wait(30)
        snapshot: Snapshot = page.store.snapshot()
        return snapshot

    exposition = Exposition(page.telemetry, slowly, page.clock.steady)
    exposition.apply(plan, with_it=lambda: page.store.apply(plan))
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(exposition.scrape, TEXT, "gzip")
        assert rendering.wait(30)
        second = threads.submit(exposition.scrape, TEXT, "gzip")
        with pytest.raises(TimeoutError):
            second.result(0.05)
        page.store.counted(plan.polls[0], 0, 7)
        go_on.set()
        assert second.result()[0] is first.result()[0]


def test_a_page_that_was_kept_drops_each_series_the_moment_it_gets_stale(
    page: Page, make: MakeQuery, plan_of: PlanOf
) -> None:
    """Polling is stopped, so nothing changes the store meanwhile."""
    plan = plan_of(make("short", "a", "b", stale_after=30.0), make("long", stale_after=90.0))
    page.apply(plan)
    short, long = plan.polls
    page.store.counted(short, 0, 1)
    page.store.counted(long, 0, 3)
    page.clock.now += 0.25
    page.store.counted(short, 1, 2)

    def shown() -> set[float]:
        return {
            value
            for (name, _), value in page.samples().items()
            if name in ("nativechat_short", "nativechat_long")
        }

    moments = {
        0.0: {1, 2, 3},
        29.75: {1, 2, 3},
        29.8: {2, 3},
        30.0: {2, 3},
        30.05: {3},
        89.75: {3},
        89.8: set(),
    }
    began = page.clock.now
    for seconds, values in moments.items():
        page.clock.now = began + seconds
        assert shown() == values, seconds


def test_a_reload_shows_the_new_plan_only(busy: Page, make: MakeQuery, plan_of: PlanOf) -> None:
    busy.apply(plan_of(make("conversations", bots=("sales",))))
    page = busy.text()
    assert 'bot="sales"' in page
    assert 'bot="main"' not in page
    assert 'bot="support"' not in page


def test_a_reload_keeps_what_stays_the_same(busy: Page, plan: Plan) -> None:
    before = busy.lines()
    busy.apply(plan)
    assert busy.lines() == before


def test_no_scrape_shows_values_of_one_plan_under_labels_of_another(
    page: Page, make: MakeQuery, plan_of: PlanOf, meanwhile: Meanwhile
) -> None:
    """Each plan's bot has counts of its own; a longer and a shorter plan alternate."""
    plans = [
        plan_of(make("conversations", "x", "y", bots=("one",)), make("messages", bots=("one",))),
        plan_of(make("conversations", "x", bots=("two",))),
    ]
    counts = {"one": 1, "two": 2}

    def count(plan: Plan) -> None:
        page.store.apply(plan)
        for poll in plan.polls:
            for row in range(len(poll.series)):
                page.store.counted(poll, row, counts[poll.bot.name])

    def scrape() -> None:
        shown = {
            (dict(labels)["bot"], value)
            for (name, labels), value in page.samples().items()
            if name in ("nativechat_conversations", "nativechat_messages")
        }
        assert shown in [set(), {("one", 1.0)}, {("two", 2.0)}]

    with meanwhile(scrape):
        for number in range(300):
            plan = plans[number % 2]
            page.exposition.apply(plan, with_it=partial(count, plan))
