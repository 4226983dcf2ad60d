"""Laws of the dashboard: it is valid, it shows everything, and it changes only where it must."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.load import parse
from exporter.monitoring.dashboard import dashboard
from tests.grafana.configurations import SHAPES
from tests.grafana.substitution import parts
from tests.grafana.validate import COLUMNS, problems

ROOT = Path(__file__).parents[2]
RUNBOOK = "https://example.com/runbook"
BUILT_IN = {"__interval", "__rate_interval", "__range", "__value"}

Json = dict[str, Any]


def text(document: Json, status_page: str = "") -> str:
    environ = {bot["token"]["env"]: "token" for bot in document["bots"]}
    return dashboard(
        parse(json.dumps(document).encode(), Path("config.yaml"), environ).config, RUNBOOK, status_page
    )


def drawn(document: Json, status_page: str = "") -> Json:
    return dict(json.loads(text(document, status_page)))


@pytest.fixture(params=SHAPES)
def document(request: pytest.FixtureRequest) -> Json:
    return copy.deepcopy(SHAPES[request.param].document())


@pytest.fixture
def made(document: Json) -> Json:
    return drawn(document)


def row(made: Json, title: str) -> list[Json]:
    """Return the panels below a heading."""
    below: list[Json] = []
    found = False
    for panel in made["panels"]:
        if panel["type"] == "row":
            found = panel["title"] == title
        elif found:
            below.append(panel)
    assert below, title
    return below


def panel(made: Json, heading: str, title: str) -> Json:
    return next(one for one in row(made, heading) if one["title"] == title)


def texts(node: Any) -> Iterator[str]:
    """Yield every string in a JSON value."""
    match node:
        case str():
            yield node
        case dict() | list():
            for child in node.values() if isinstance(node, dict) else node:
                yield from texts(child)


def test_grafana_knows_every_key_and_no_panel_overlaps_another(made: Json) -> None:
    assert problems(made) == []


def test_panels_fill_every_line(made: Json) -> None:
    filled = {(one["gridPos"]["y"], one["gridPos"]["h"]): 0 for one in made["panels"]}
    for one in made["panels"]:
        filled[one["gridPos"]["y"], one["gridPos"]["h"]] += one["gridPos"]["w"]
    assert set(filled.values()) == {COLUMNS}
    lines = sorted(filled)
    assert [top for top, _ in lines] == [0, *(top + height for top, height in lines[:-1])]


def test_it_is_the_same_each_time_with_sorted_keys(document: Json) -> None:
    assert text(document) == text(document)
    assert text(document) == json.dumps(drawn(document), indent=2, sort_keys=True, ensure_ascii=False)


def test_it_works_by_provisioning_and_by_import(made: Json) -> None:
    assert made["id"] is None
    assert made["uid"] == "nativechat-exporter"
    assert "__inputs" not in made
    assert not any("${DS_" in one for one in texts(made))
    sources = {json.dumps(one["datasource"], sort_keys=True) for one in made["panels"] if "targets" in one}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}


def test_every_query_has_a_row_whose_panels_show_its_help(made: Json, document: Json) -> None:
    for query in document["queries"]:
        below = row(made, query["name"].replace("_", " ").capitalize())
        assert all(one["description"].startswith(query["help"]) for one in below)
        metric = re.compile(rf"nativechat_{query['name']}(_new_total)?{{")
        assert all(metric.search(target["expr"]) for one in below for target in one["targets"])


def test_every_variable_that_is_used_is_defined_before(made: Json) -> None:
    known: set[str] = set()
    for variable in made["templating"]["list"]:
        assert set(re.findall(r"\$\{?(\w+)", json.dumps(variable))) - {"__all"} <= known | BUILT_IN
        known.add(variable["name"])
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(made["panels"]))) <= known | BUILT_IN


def test_every_label_of_a_query_has_a_variable_that_chooses_its_series(made: Json, document: Json) -> None:
    variables = {variable["name"]: variable for variable in made["templating"]["list"]}
    for query in document["queries"]:
        for label in query.get("labels", {}):
            selector, asked = parts(variables[label])
            assert (asked, variables[label]["allValue"]) == (label, ".*")
            assert f"nativechat_{query['name']}" in selector
            for one in row(made, query["name"].replace("_", " ").capitalize()):
                assert all(f'{label}=~"${label}"' in target["expr"] for target in one["targets"])


def test_labels_of_bots_limit_the_bots_to_choose_from() -> None:
    made = drawn(SHAPES["ten bots"].document())
    variables = {variable["name"]: variable for variable in made["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "datasource_label", "team", "bot", "channel"]
    assert parts(variables["team"]) == ('nativechat_conversations{job=~"$job"}', "team")
    narrowed = 'job=~"$job",datasource=~"$datasource_label",team=~"$team"'
    metrics = "nativechat_up|nativechat_conversations"
    assert parts(variables["bot"]) == (f'{{__name__=~"{metrics}",{narrowed}}}', "bot")
    # The pattern for All would match every bot.
    assert "allValue" not in variables["bot"]


def test_a_label_that_no_single_query_has_for_all_its_bots_is_read_from_several() -> None:
    document = SHAPES["ten bots"].document()
    names = [bot["name"] for bot in document["bots"]]
    document["queries"] = [
        {"name": "some", "collection": "messages", "bots": names[:4]},
        {"name": "others", "collection": "messages", "bots": names[4:]},
    ]
    [team] = [one for one in drawn(document)["templating"]["list"] if one["name"] == "team"]
    assert parts(team) == ('{__name__=~"nativechat_some|nativechat_others",job=~"$job"}', "team")


def test_another_help_changes_only_the_panels_that_show_it() -> None:
    document = SHAPES["no alerts"].document()
    before = {one["id"]: one for one in drawn(document)["panels"]}
    document["queries"][1] = {**document["queries"][1], "help": "Another."}
    changed = [one for one in drawn(document)["panels"] if before[one["id"]] != one]
    assert changed == row(drawn(document), "With errors")


def test_another_query_renumbers_no_panel() -> None:
    document = SHAPES["no alerts"].document()
    before = {one["id"]: (one["title"], one["type"]) for one in drawn(document)["panels"]}
    document["queries"].insert(0, {"name": "first", "collection": "messages"})
    after = {one["id"]: (one["title"], one["type"]) for one in drawn(document)["panels"]}
    assert before.items() <= after.items()


def limits(one: Json) -> tuple[str, list[tuple[str, float | None]]]:
    defaults = one["fieldConfig"]["defaults"]
    colours = [(step["color"], step["value"]) for step in defaults["thresholds"]["steps"]]
    return defaults["custom"]["thresholdsStyle"]["mode"], colours


@pytest.mark.parametrize(
    ("shape", "heading", "title", "colours", "words"),
    [
        (
            "one bot",
            "With errors",
            "New within 10s",
            [("transparent", None), ("orange", 1)],
            "1 or more are new",
        ),
        ("ten bots", "Conversations", "Trend", [("red", None), ("transparent", 1)], "is below 1 for 5m"),
        (
            "ten bots",
            "By channel",
            "Share of conversations",
            [("transparent", None), ("orange", 0.9)],
            "share of conversations is above 90 %",
        ),
        (
            "two labels",
            "By channel and status",
            "Values and their limit",
            [("transparent", None), ("blue", 1000)],
            "is above 1000",
        ),
    ],
)
def test_the_limit_of_an_alert_is_drawn_and_described(
    shape: str, heading: str, title: str, colours: list[tuple[str, float | None]], words: str
) -> None:
    one = panel(drawn(SHAPES[shape].document()), heading, title)
    assert limits(one) == ("dashed+area", colours)
    assert words in one["description"]


def test_panels_of_a_query_with_an_alert_link_to_its_runbook() -> None:
    document = SHAPES["one bot"].document()
    links = [one["links"][0]["url"] for one in row(drawn(document), "With errors")]
    assert all(url.startswith(f"{RUNBOOK}#") for url in links)
    document["queries"][1] = copy.deepcopy(document["queries"][1])
    document["queries"][1]["alert"]["runbook_url"] = "https://example.com/own"
    links = [one["links"][0]["url"] for one in row(drawn(document), "With errors")]
    assert set(links) == {"https://example.com/own"}
    assert not any(one["links"] for one in row(drawn(document), "Conversations"))


@pytest.mark.parametrize(
    ("heading", "title", "section"),
    [
        ("At a glance", "Bots", "nativechatbotdown"),
        ("Asking NativeChat", "Queries of each bot", "nativechatqueryfailing"),
        ("The exporter itself", "Shards", "nativechatshardmissing"),
    ],
)
def test_panels_of_what_the_exporter_s_own_alerts_watch_link_to_their_runbooks(
    made: Json, heading: str, title: str, section: str
) -> None:
    [link] = panel(made, heading, title)["links"]
    assert link["url"] == f"{RUNBOOK}#{section}"


@pytest.mark.parametrize(
    ("shape", "heading", "titles", "stacked"),
    [
        ("no alerts", "Conversations", ["Now", "Trend", "New per interval"], False),
        ("no alerts", "Last hour", ["Now", "Trend"], False),
        (
            "ten bots",
            "By channel",
            ["Now", "Trend by channel", "New per interval", "Share of conversations"],
            True,
        ),
        (
            "two labels",
            "By channel and status",
            ["Now, channel by status", "Trend by channel", "New per interval", "Values and their limit"],
            True,
        ),
        (
            "two labels",
            "By outcome and length",
            ["Now, outcome by length", "Trend by outcome and length", "New per interval"],
            False,
        ),
        ("three labels", "By three", ["Now", "Trend by bot", "New per interval", "New within 10s"], True),
    ],
)
def test_a_row_is_chosen_by_the_query_s_shape(
    shape: str, heading: str, titles: list[str], stacked: bool
) -> None:
    below = row(drawn(SHAPES[shape].document()), heading)
    assert [one["title"] for one in below] == titles
    stacking = below[1]["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"]
    assert stacking == ("normal" if stacked else "none")


def test_the_share_of_a_series_is_shown_only_if_all_of_them_add_up() -> None:
    columns = drawn(SHAPES["ten bots"].document())
    assert len(panel(columns, "By channel", "Now")["targets"]) == 2
    document = SHAPES["no alerts"].document()
    outcomes = {"success": {"Status": "success"}, "error": {"Errors": {"$gt": 0}}}
    document["queries"] = [{"name": "x", "collection": "conversations", "labels": {"outcome": outcomes}}]
    assert len(panel(drawn(document), "X", "Now")["targets"]) == 1


@pytest.mark.parametrize(
    ("shape", "more"),
    [
        ("one bot", ["Conversations", "With errors, share"]),
        ("ten bots", ["Conversations"]),
        ("two labels", []),
        ("only messages", ["Messages"]),
        ("no alerts", ["Conversations"]),
    ],
)
def test_the_headline_has_totals_and_the_shares_of_queries_with_an_alert(shape: str, more: list[str]) -> None:
    titles = [one["title"] for one in row(drawn(SHAPES[shape].document()), "At a glance")]
    assert titles == ["Bots", "Queries", "Exporters", "Oldest value", *more]


def test_a_share_with_a_limit_is_coloured_by_it() -> None:
    document = SHAPES["no alerts"].document()
    document["queries"][1] = {
        **document["queries"][1],
        "alert": {"above": "5%", "of": "conversations", "severity": "critical"},
    }
    share = panel(drawn(document), "At a glance", "With errors, share")
    steps = share["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps == [{"color": "green", "value": None}, {"color": "red", "value": 0.05}]


def test_it_links_to_the_status_page_if_that_is_known() -> None:
    document = SHAPES["one bot"].document()
    assert [link["title"] for link in drawn(document)["links"]] == ["Runbook"]
    links = drawn(document, "https://exporter.example.com/")["links"]
    assert [(link["title"], link["url"]) for link in links] == [
        ("Status page", "https://exporter.example.com/"),
        ("Runbook", RUNBOOK),
    ]


def test_provisioning_names_the_data_source_and_the_folder_of_the_dashboard() -> None:
    source = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))
    [prometheus] = source["datasources"]
    assert (source["apiVersion"], prometheus["type"], prometheus["uid"]) == (1, "prometheus", "prometheus")
    provider = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/nativechat.yaml").read_text("utf-8"))
    [folder] = provider["providers"]
    assert (provider["apiVersion"], folder["type"], folder["folder"]) == (1, "file", "NativeChat")
    assert folder["options"]["path"] in (ROOT / "docs/dashboard.md").read_text("utf-8")
