"""What the manual names exists in the program, and what the program has is named in the manual."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.cli import COMMANDS
from exporter.clock import SystemClock
from exporter.config.load import parse
from exporter.config.schema import CONFIG
from exporter.errors import REASONS, ApiError
from exporter.language import predicate
from exporter.model import DATE_FORMATS
from exporter.monitoring.alerts import groups
from exporter.monitoring.choices import Choices
from exporter.monitoring.links import section
from exporter.nativechat.attempt import Attempt
from exporter.nativechat.failures import Route, by_cause
from exporter.nativechat.statuses import by_status
from exporter.simulator.faults import KINDS
from exporter.web.app import CONFIG_TEXT, HEALTHY, READY, RELOAD

NOT_IN_A_DEMO = ("nativechat_exporter_query_unknown_fields", "nativechat_exporter_query_unknown_values")
"""Present only if a predicate that counts 0 has a field or a value that no document has."""

if TYPE_CHECKING:
    from tests.docs.conftest import Flag, Manual


def code(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def first(rows: list[list[str]]) -> list[str]:
    """Return what the first cells name."""
    return [name for cell, *_ in rows for name in code(cell)]


def test_every_metric_is_documented_with_its_type_and_labels(
    manual: Manual, live_metrics: str, root: Path
) -> None:
    live = {}
    for family in text_string_to_metric_families(live_metrics):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        live[name] = (family.type, labels)
    live |= dict.fromkeys(NOT_IN_A_DEMO, ("gauge", {"bot", "query"}))
    for query in re.findall(r"- name: (\w+)\n    help", (root / "config.yaml").read_text("utf-8")):
        del live[f"nativechat_{query}"], live[f"nativechat_{query}_new_total"]
    told = manual.rows("metrics.md", "The exporter's own metrics")
    assert {code(name)[0]: (kind, set(code(labels))) for name, kind, labels, _ in told} == live


def test_every_metric_that_is_named_exists(manual: Manual, live_metrics: str) -> None:
    examples = "".join(example.text for example in manual.of("configuration"))
    known = set(re.findall(r"^(?:# TYPE )?(\w+)", live_metrics, re.MULTILINE))
    known |= {*NOT_IN_A_DEMO}
    known |= {f"nativechat_{name}" for name in re.findall(r"- {?name: (\w+)", examples)}
    for page, text in manual.pages.items():
        assert set(re.findall(r"\b(?:nativechat|process|python)_[a-z]\w+", text)) <= known, page


def test_every_metric_in_the_alert_rules_exists(live_metrics: str, root: Path) -> None:
    rules = (root / "prometheus/rules.yml").read_text("utf-8")
    assert set(re.findall(r"\bnativechat_\w+", rules)) <= set(re.findall(r"^\w+", live_metrics, re.MULTILINE))


def test_the_table_of_flags_is_that_of_the_program(manual: Manual, flags: list[Flag]) -> None:
    def row(flag: Flag) -> str:
        codes = (text and f"`{text}`" for text in flag[:3])
        return f"| {' | '.join(codes)} | {flag.commands} | {flag.meaning} |"

    head = ("| flag | environment variable | default | of | meaning |", "| --- | --- | --- | --- | --- |")
    table = "\n".join((*head, *map(row, flags)))
    assert table in manual.section("operations.md", "Flags"), f"should be:\n{table}"


def test_every_flag_and_variable_that_is_named_exists(manual: Manual, flags: list[Flag]) -> None:
    known = {*(flag.flag for flag in flags), "--version", "--help"}
    variables = {
        flag.variable.replace("COMMAND", command.upper())
        for flag in flags
        for command in ("command", *flag.commands.split(", "))
    }
    for page, text in manual.pages.items():
        ours = re.sub(r"^```sh\n.*?^```$|^promtool [^\n]*", "", text, flags=re.MULTILINE | re.DOTALL)
        assert set(re.findall(r"(?<![\w-])--[a-z](?:[\w.-]*\w)?", ours)) <= known, page
        assert set(re.findall(r"\bNATIVECHAT_EXPORTER_\w+", text)) <= variables, page


def test_the_readme_lists_the_commands(manual: Manual) -> None:
    assert first(manual.rows("README.md", "Commands")) == list(COMMANDS)


@pytest.mark.parametrize("heading", ["The file", "api", "bots", "defaults", "queries"])
def test_every_key_of_a_configuration_is_documented_with_its_default(manual: Manual, heading: str) -> None:
    section: Any = CONFIG.schema
    if heading != "The file":
        section = section["properties"][heading]
        section = section.get("items", section)
    rows = manual.rows("configuration.md", heading)
    assert first(rows) == list(section["properties"])
    for (_, _, told, _), (name, key) in zip(rows, section["properties"].items(), strict=True):
        if "default" in key:
            assert told == f"`{key['default']}`"
        else:
            assert (told == "required") == (name in section["required"])


@pytest.mark.parametrize("dates", DATE_FORMATS)
def test_dates_are_written_as_the_table_says(manual: Manual, dates: str) -> None:
    rows = manual.rows("configuration.md", "Dates on the wire")
    asked = predicate.compile({"StartedAt": {"$gte": {"$date": "2026-11-22T15:30:00Z"}}})
    sent = {
        name: predicate.write(asked, datetime(2000, 1, 1, tzinfo=UTC), ZoneInfo("UTC"), name)
        for name in DATE_FORMATS
    }
    told = {code(name)[0]: code(wire)[0] for name, wire in rows if code(wire)}
    assert told[dates] == {str(name): text for name, text in sent.items()}[dates]


@pytest.mark.parametrize("kind", ApiError.__subclasses__(), ids=lambda kind: kind.reason)
def test_a_reason_has_its_log_line_and_what_to_do(manual: Manual, kind: type[ApiError]) -> None:
    section = manual.section("operations.md", kind.reason)
    attempt = Attempt(SystemClock())
    attempt.dialled = True
    refused = by_cause(ConnectionRefusedError(), Route("api.example:443", None, attempt), what="", budget=1.0)
    examples = {error.reason: error.advice for error in (refused, by_status("", 404, None)) if error}
    assert f" reason={kind.reason} " in section
    assert f' advice="{examples.get(kind.reason, kind.advice)}"' in section


def test_metrics_name_every_reason(manual: Manual) -> None:
    assert set(REASONS) <= set(code(manual.section("metrics.md", "The exporter's own metrics")))


def test_every_path_of_the_web_server_is_listed(manual: Manual) -> None:
    assert first(manual.rows("operations.md", "HTTP")) == [
        "/",
        "/metrics",
        HEALTHY,
        READY,
        CONFIG_TEXT,
        RELOAD,
    ]


def test_every_fault_of_the_simulator_is_listed(manual: Manual) -> None:
    rows = [cells for cells in manual.rows("simulator.md", "Faults") if len(cells) == 3]
    assert sorted(first(rows)) == sorted(KINDS)


def test_every_alert_leads_to_a_section_of_the_runbook(manual: Manual) -> None:
    conditions = (
        {"rises_by": 1, "within": "10m"},
        {"rises_less_than": 1, "within": "10m"},
        {"above": 5},
        {"below": 5},
    )
    written = {
        "bots": [{"name": "support", "id": "a", "token": {"env": "TOKEN"}}],
        "queries": [
            {"name": f"query_{number}", "collection": "messages", "alert": alert}
            for number, alert in enumerate(conditions)
        ],
    }
    loaded = parse(json.dumps(written).encode(), Path("config.yaml"), {"TOKEN": "token"})
    led_to = {
        rule.runbook_url for group in groups(loaded.config, Choices(runbook="page")) for rule in group.rules
    }
    headings = re.findall(r"^### (.+)$", manual.pages["alerting.md"], re.MULTILINE)
    assert led_to == {section("page", heading) for heading in headings}


def test_every_alert_that_is_named_exists(manual: Manual, root: Path) -> None:
    known = set(re.findall(r"alert: (\w+)", (root / "prometheus/rules.yml").read_text("utf-8")))
    for page, text in manual.pages.items():
        assert set(re.findall(r"\bNativeChat[A-Z]\w+", text)) <= known, page


def test_every_symptom_says_what_it_means_and_what_to_do(manual: Manual) -> None:
    page = manual.pages["troubleshooting.md"]
    symptoms = re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    listed = re.findall(r"\[([^\]]+)\]\(#", page[: page.index("\n## ")])
    assert [symptom.lower() for symptom, _ in symptoms] == [symptom.lower() for symptom in listed]
    for symptom, told in symptoms:
        assert re.findall(r"^\*\*(What[^*]+)\*\*", told, re.MULTILINE) == ["What it means.", "What to do."], (
            symptom
        )


@pytest.mark.parametrize(
    ("file", "page", "heading", "told"),
    [
        ("deploy/base/deployment.yaml", "scaling.md", "Which limit comes first", "up to 100 |"),
        (
            "deploy/helm/nativechat-exporter/values.yaml",
            "scaling.md",
            "Which limit comes first",
            "up to 100 |",
        ),
        ("compose.yaml", "scaling.md", "Which limit comes first", "up to 100 |"),
        ("deploy/examples/sharded/shards.yaml", "scaling.md", "Which limit comes first", "2,000 |"),
        ("deploy/base/deployment.yaml", "kubernetes.md", "What to change", "The default limit, "),
        ("systemd/nativechat-exporter.service", "install.md", "Under systemd", "with at most "),
    ],
)
def test_limits_of_memory_are_those_of_the_files_we_ship(
    manual: Manual, root: Path, file: str, page: str, heading: str, told: str
) -> None:
    limits = re.findall(
        r"(?:limits: {memory: |mem_limit: |MemoryMax=)(\d+)", (root / file).read_text("utf-8")
    )
    [line] = [line for line in manual.section(page, heading).splitlines() if told in line]
    assert re.findall(r"(\d+) MiB", line.partition(told)[2]) == limits


def test_a_page_that_names_an_undocumented_field_or_value_says_that_it_is_assumed(manual: Manual) -> None:
    undocumented = re.compile(r"\b(darvin|SentAt|Messages\.bot|abandoned|Retry-After|401)\b")
    for page, text in manual.pages.items():
        assert not undocumented.search(text) or re.search(r"\*?\bassum", text), page
