"""Laws of every fault of a network or an API: no wrong number, the right reason, and no token."""

from __future__ import annotations

import base64
from collections.abc import Callable

from exporter.errors import REASONS
from tests.flow.faults.row import GONE, KEPT, RESTED, Fault
from tests.flow.faults.scenario import (
    BOT_LINES,
    QUERY_LINES,
    STALE_AFTER,
    TOKEN,
    Scenario,
    failures,
    value,
)

UP = "nativechat_exporter_query_up"
RUNS = "nativechat_exporter_query_runs_total"
LAST_SUCCESS = "nativechat_exporter_query_last_success_timestamp_seconds"
AT_ONCE = 1.0
"""Seconds within which an exporter records that a count was kept and that the run was a success."""

FAILED_SINCE = 2
"""Runs that may fail after a fault's end: the one in flight, and one that met the last of the fault."""

LARGEST_MEMORY = 150_000
MIDDLE = len(TOKEN) // 2
FORMS = (TOKEN[:MIDDLE], TOKEN[MIDDLE:], base64.b64encode(TOKEN.encode()).decode())


def test_a_fault_never_makes_a_number(scenario: Scenario, fault: Fault) -> None:
    first, second = ([value(seen.metrics, fault.name) for seen in phase.during] for phase in scenario.phases)
    number = scenario.number(fault.name)
    assert set(first) <= {None, number}
    assert set(second) <= {None, number}
    if fault.exposed == KEPT:
        assert first[-1] == number, "it comes beside the failures"
        assert set(second) == {number}, "it never goes"
        return
    assert fault.exposed == GONE
    assert set(first) == {None}
    assert set(second[second.index(None) :]) == {None}, "a value that is gone stays so"


def test_a_value_outlives_failures_until_it_is_stale_and_not_longer(scenario: Scenario, fault: Fault) -> None:
    for seen in scenario.phases[1].during:
        # This was so at some moment of the scrape.
        succeeded_at = seen.metrics.value(LAST_SUCCESS, bot=fault.name)
        assert succeeded_at
        if value(seen.metrics, fault.name) is not None:
            assert seen.asked_at - succeeded_at <= STALE_AFTER
        elif not fault.by_name:  # after a reload with another URL, a series starts absent
            assert seen.answered_at - succeeded_at > STALE_AFTER - AT_ONCE


def test_a_fault_counts_with_its_reason_and_no_other(scenario: Scenario, fault: Fault) -> None:
    for phase in scenario.phases:
        counted = failures(phase.last, fault.name)
        assert counted.keys() == set(REASONS)
        assert {reason for reason, count in counted.items() if count} == {fault.reason} - {""}


def test_a_fault_takes_its_query_down_while_it_lasts(scenario: Scenario, fault: Fault) -> None:
    for phase in scenario.phases:
        assert phase.after
        assert phase.after.value(UP, bot=fault.name) == 1
        assert phase.after.value("nativechat_up", bot=fault.name) == 1
        if fault.exposed == GONE:
            assert phase.last.value(UP, bot=fault.name) == 0
            assert phase.last.value("nativechat_up", bot=fault.name) == (not fault.of_bot)


def test_a_fault_is_one_log_line_when_it_begins_and_one_when_it_ends(
    scenario: Scenario, fault: Fault
) -> None:
    begins, ends = BOT_LINES if fault.of_bot else QUERY_LINES
    began = scenario.lines(begins, fault.name)
    ended = scenario.lines(ends, fault.name)
    assert len(began) == len(ended)
    assert set(scenario.outages(fault.name)) <= {begins, ends}
    if not fault.flaps:
        assert len(began) == (len(scenario.phases) if fault.reason else 0)
    for line in began:
        assert line["reason"] == fault.reason
        assert line.get("queries", line.get("query")) == ("1" if fault.of_bot else "conversations")
        assert fault.says in line["error"]
        assert line["advice"]
    assert {line["reason"] for line in ended} <= {fault.reason}


def test_the_value_is_back_with_the_next_runs_after_the_fault_s_end(
    scenario: Scenario, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    backs = [phase.back[fault.name] for phase in scenario.phases]
    record_property("back", max(back.seconds for back in backs))
    if fault.back != RESTED:  # each run in a rest is a failed one
        assert max(back.failed_runs for back in backs) <= FAILED_SINCE
    for phase in scenario.phases:
        assert phase.after
        assert value(phase.after, fault.name) == scenario.number(fault.name)


def test_a_bot_that_is_well_is_counted_on_throughout(scenario: Scenario) -> None:
    seen = [value(scrape.metrics, "well") for phase in scenario.phases for scrape in phase.during]
    shown = [number for number in seen if number is not None]
    assert shown == sorted(shown)
    assert len(set(shown)) >= 2
    for phase in scenario.phases:
        # A fault takes two runs at least to have its effect.
        runs = [metrics.value(RUNS, bot="well") or 0 for metrics in (phase.before, phase.last)]
        assert runs[1] - runs[0] >= 2
    assert not any(failures(scenario.phases[1].last, "well").values())
    assert not scenario.outages("well")


def test_a_redirect_is_not_followed_with_the_token_nor_without(
    scenario: Scenario, asked_elsewhere: list[bytes]
) -> None:
    assert scenario.phases
    assert asked_elsewhere == []


def test_the_status_page_shows_each_fault(scenario: Scenario) -> None:
    for row in scenario.phases[1].last.samples:
        if row.name == UP and row.value == 0:
            assert f'id="{row.labels["bot"]}.conversations"' in scenario.page
    for reason in set(REASONS) - {"dates_unverified"}:
        assert f"{reason}: " in scenario.page


def test_no_fault_is_a_defect_of_the_exporter(scenario: Scenario) -> None:
    assert "internal error" not in scenario.exporter.output
    assert scenario.phases[1].last.value("nativechat_exporter_internal_errors_total") == 0


def test_no_fault_fills_the_memory(scenario: Scenario) -> None:
    peak = next(line for line in scenario.process["status"].splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < LARGEST_MEMORY, peak


def shown(text: str) -> list[str]:
    """Return which halves of the token are in a text, or its encoded form."""
    return [form for form in FORMS if form in text]


def test_the_token_is_in_nothing_that_was_written(scenario: Scenario) -> None:
    output = scenario.exporter.output
    assert "level=debug" in output, "everything was asked for"
    assert shown(output) == []


def test_the_token_is_in_nothing_that_was_served(scenario: Scenario) -> None:
    assert len(scenario.served) > 20
    assert [form for text in scenario.served for form in shown(text)] == []


def test_the_token_is_in_no_name_of_the_process_or_its_threads(scenario: Scenario) -> None:
    assert scenario.process["titles"]
    assert shown(scenario.process["command line"] + scenario.process["titles"]) == []


def test_there_are_no_children_to_inherit_it(scenario: Scenario) -> None:
    assert scenario.process["children"] == ""


def test_the_token_is_in_no_file_that_the_exporter_could_have_written(scenario: Scenario) -> None:
    texts = [path.read_text("utf-8") for path in scenario.exporter.home.rglob("*") if path.is_file()]
    assert len(texts) == len(("stdout", "stderr", "config.yaml"))
    assert [form for text in texts for form in shown(text)] == []


def test_the_token_is_sent_in_one_header_alone(scenario: Scenario) -> None:
    heads = scenario.heads
    assert len(heads) > 100
    for head in heads:
        holding = [line for line in head.splitlines() if TOKEN.encode() in line]
        assert holding == [f"Authorization: Bot-Server-Access-Token {TOKEN}".encode()]
