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
from tests.grafana.substitution import panels, parts
from tests.grafana.validate import COLUMNS, problems

ROOT = Path(__file__).parents[2]
RUNBOOK = "https://example.com/runbook"
BUILT_IN = {"__rate_interval", "__range", "__value", "__url_time_range"}

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
    for panel in panels(made):
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
    [collapsed] = [one for one in made["panels"] if one.get("collapsed")]
    for shown in (made["panels"], [collapsed, *collapsed["panels"]]):
        filled = {(one["gridPos"]["y"], one["gridPos"]["h"]): 0 for one in shown}
        for one in shown:
            filled[one["gridPos"]["y"], one["gridPos"]["h"]] += one["gridPos"]["w"]
        assert set(filled.values()) == {COLUMNS}
        lines = sorted(filled)
        assert [top for top, _ in lines[1:]] == [top + height for top, height in lines[:-1]]


def test_it_is_the_same_each_time_with_sorted_keys(document: Json) -> None:
    assert text(document) == text(document)
    assert text(document) == json.dumps(drawn(document), indent=2, sort_keys=True, ensure_ascii=False)


def test_it_works_by_provisioning_and_by_import(made: Json) -> None:
    assert made["id"] is None
    assert made["uid"] == "nativechat-exporter"
    assert "__inputs" not in made
    assert not any("${DS_" in one for one in texts(made))
    sources = {json.dumps(one["datasource"], sort_keys=True) for one in panels(made) if "targets" in one}
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
    added = ["datasource", "cluster", "namespace", "job"]
    assert list(variables) == [*added, "datasource_label", "team", "bot", "channel"]
    where = 'cluster=~"$cluster",namespace=~"$namespace",job=~"$job"'
    metrics = "nativechat_conversations|nativechat_by_channel"
    assert parts(variables["team"]) == (f'{{__name__=~"{metrics}",{where}}}', "team")
    narrowed = f'{where},datasource=~"$datasource_label",team=~"$team"'
    assert parts(variables["bot"]) == (f'{{__name__=~"nativechat_up|{metrics}",{narrowed}}}', "bot")
    # The pattern for All would match every bot.
    assert "allValue" not in variables["bot"]


def test_clusters_and_namespaces_can_be_chosen_and_all_of_them_need_no_such_label(made: Json) -> None:
    variables = {variable["name"]: variable for variable in made["templating"]["list"]}
    for label in ("cluster", "namespace"):
        assert parts(variables[label])[1] == label
        assert (variables[label]["allValue"], variables[label]["includeAll"]) == (".*", True)
    for one in panels(made):
        for target in one.get("targets", ()):
            assert 'cluster=~"$cluster",namespace=~"$namespace",job=~"$job"' in target["expr"], one["title"]


def test_another_help_changes_only_the_panels_that_show_it() -> None:
    document = SHAPES["no alerts"].document()
    before = {one["id"]: one for one in panels(drawn(document))}
    document["queries"][1] = {**document["queries"][1], "help": "Another."}
    changed = [one for one in panels(drawn(document)) if before[one["id"]] != one]
    assert changed == row(drawn(document), "With errors")


def test_another_query_renumbers_no_panel() -> None:
    document = SHAPES["no alerts"].document()
    before = {one["id"]: (one["title"], one["type"]) for one in panels(drawn(document))}
    document["queries"].insert(0, {"name": "first", "collection": "messages"})
    after = {one["id"]: (one["title"], one["type"]) for one in panels(drawn(document))}
    assert before.items() <= after.items()


@pytest.mark.parametrize("name", ["trends", "exporters", "at_a_glance"])
def test_no_query_takes_the_number_of_another_panel(name: str) -> None:
    document = SHAPES["no alerts"].document()
    document["queries"].append({"name": name, "collection": "messages"})
    ids = [one["id"] for one in panels(drawn(document))]
    assert len(ids) == len(set(ids))


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
        (
            "ten bots",
            "Conversations",
            "Values and their limit",
            [("red", None), ("transparent", 1)],
            "is below 1 for 5m",
        ),
        (
            "ten bots",
            "By channel",
            "Share of conversations",
            [("transparent", None), ("orange", 0.9)],
            "it is above 90% of conversations",
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


def test_the_limit_of_new_ones_that_are_compared_with_others_is_that_of_their_share() -> None:
    document = SHAPES["no alerts"].document()
    alert = {"rises_by": 3, "within": "15m", "above": "5%", "of": "conversations", "severity": "critical"}
    document["queries"][1] = {**document["queries"][1], "alert": alert}
    made = drawn(document)
    for one in (
        panel(made, "With errors", "Share of new conversations"),
        panel(made, "At a glance", "With errors, share"),
    ):
        assert limits(one) == ("dashed+area", [("transparent", None), ("red", 0.05)])
        assert "_new_total" in one["targets"][0]["expr"]


def test_a_limit_on_a_share_of_values_is_drawn_over_that_share() -> None:
    document = SHAPES["no alerts"].document()
    alert = {"above": "5%", "of": "conversations"}
    document["queries"][1] = {**document["queries"][1], "alert": alert}
    share = panel(drawn(document), "At a glance", "With errors, share")
    assert limits(share) == ("dashed+area", [("transparent", None), ("orange", 0.05)])
    assert "_new_total" not in share["targets"][0]["expr"]


def test_the_panel_that_an_alert_leads_to_links_to_its_runbook() -> None:
    document = SHAPES["one bot"].document()

    def linked() -> list[str]:
        below = row(drawn(document), "With errors")
        return [link["url"] for one in below for link in one.get("links", ())]

    assert linked() == [f"{RUNBOOK}#something-new-matches"]
    document["queries"][1] = copy.deepcopy(document["queries"][1])
    document["queries"][1]["alert"]["runbook_url"] = "https://example.com/own"
    assert linked() == ["https://example.com/own"]
    assert not any("links" in one for one in row(drawn(document), "Conversations"))


def test_panels_of_what_the_exporter_s_own_alerts_watch_link_to_their_runbooks(made: Json) -> None:
    for heading, title, section in (
        ("At a glance", "Down", "nativechatbotdown"),
        ("The exporter itself", "Queries of each bot", "nativechatqueryfailing"),
        ("The exporter itself", "Exporters", "nativechatexporterdown"),
    ):
        [link] = panel(made, heading, title)["links"]
        assert link["url"] == f"{RUNBOOK}#{section}"


@pytest.mark.parametrize(
    ("shape", "heading", "titles", "stacked"),
    [
        ("no alerts", "Conversations", ["New per hour", "Trend"], False),
        ("no alerts", "Last hour", ["Trend"], False),
        ("ten bots", "By channel", ["Now", "New per hour", "Trend", "Share of conversations"], True),
        (
            "two labels",
            "By channel and status",
            ["Now", "New per hour", "Trend", "Values and their limit"],
            True,
        ),
        ("two labels", "By outcome and length", ["Now", "New per hour", "Trend"], False),
        ("three labels", "By three", ["Now", "New per hour", "Trend", "New within 10s"], True),
    ],
)
def test_a_row_is_chosen_by_the_query_s_shape(
    shape: str, heading: str, titles: list[str], stacked: bool
) -> None:
    below = row(drawn(SHAPES[shape].document()), heading)
    assert [one["title"] for one in below] == titles
    trend = next(one for one in below if one["title"] == "Trend")
    assert ("stacking" in trend["fieldConfig"]["defaults"].get("custom", {})) == stacked


@pytest.mark.parametrize(
    ("shape", "new", "shares"),
    [
        ("one bot", ["Conversations", "With errors"], ["With errors, share"]),
        ("ten bots", ["Conversations"], []),
        ("two labels", [], []),
        ("only messages", ["Messages"], []),
        ("no alerts", ["Conversations"], []),
    ],
)
def test_the_first_row_says_what_is_new_what_is_down_and_the_shares_of_queries_with_an_alert(
    shape: str, new: list[str], shares: list[str]
) -> None:
    below = row(drawn(SHAPES[shape].document()), "At a glance")
    titles = [one["title"] for one in below]
    assert titles == [*(["New"] if new else []), "Down", "Up", "Alerts", *shares, "Bots up and down"]
    legends = {one["title"]: [target["legendFormat"] for target in one.get("targets", ())] for one in below}
    assert legends.get("New", []) == new
    assert legends["Down"] == legends["Up"] == ["bots", "queries", "exporters"]


def test_rows_come_from_what_is_urgent_to_what_is_seldom_asked(made: Json, document: Json) -> None:
    rows = [one for one in made["panels"] if one["type"] == "row"]
    queries = [query["name"].replace("_", " ").capitalize() for query in document["queries"]]
    trends = ["Trends"] if any("labels" not in query for query in document["queries"]) else []
    assert [one["title"] for one in rows] == ["At a glance", *trends, *queries, "The exporter itself"]
    assert [one["title"] for one in rows if one["collapsed"]] == ["The exporter itself"]


def trends(made: Json) -> list[Json]:
    return [one for one in panels(made) if one["type"] == "timeseries"]


def test_legends_have_the_last_and_the_greatest_value(made: Json) -> None:
    assert {tuple(one["options"]["legend"]["calcs"]) for one in trends(made)} == {("lastNotNull", "max")}


def colour(one: Json, name: str) -> str | None:
    """Return the colour that a line of this name has in a trend, wherever it stands; None for any."""
    found: str | None = one["fieldConfig"]["defaults"].get("color", {}).get("fixedColor")
    for override in one["fieldConfig"]["overrides"]:
        pattern = override["matcher"]["options"].removeprefix("/").removesuffix("/")
        if override["matcher"]["id"] == "byRegexp" and re.search(pattern, name):
            [change] = override["properties"]
            assert change["id"] == "color"
            found = change["value"]["fixedColor"]
    return found


def test_errors_are_red_and_successes_green_in_every_trend_of_the_shipped_dashboard() -> None:
    made = json.loads((ROOT / "grafana/dashboards/nativechat.json").read_text("utf-8"))
    outcomes = [one for one in row(made, "Conversations by outcome") if one["type"] == "timeseries"]
    assert [(colour(one, "error"), colour(one, "success")) for one in outcomes] == [("red", "green")] * 2
    named = [one for one in trends(made) for target in one["targets"] if "errors" in target["legendFormat"]]
    assert [colour(one, "Conversations with errors") for one in named] == ["red", "red"]
    about = [one for one in row(made, "Conversations with errors") if one["type"] == "timeseries"]
    about.append(panel(made, "At a glance", "Conversations with errors, share"))
    assert {colour(one, "support") for one in about} == {"red"}


def test_values_whose_predicates_are_about_errors_are_red_whatever_they_are_called() -> None:
    document = SHAPES["no alerts"].document()
    outcomes = {"успех": {"Status": "success"}, "грешка (%)": {"Errors": {"$gt": 0}}}
    document["queries"] = [
        {"name": "x", "collection": "conversations", "labels": {"outcome": outcomes}},
        {"name": "troubled", "collection": "conversations", "query": {"Errors": {"$gt": 0}}},
    ]
    made = drawn(document)
    trend = panel(made, "X", "Trend")
    assert (colour(trend, "грешка (%)"), colour(trend, "успех")) == ("red", None)
    assert colour(panel(made, "Trends", "Totals"), "Troubled") == "red"
    assert colour(panel(made, "Troubled", "Trend"), "support") == "red"


def test_another_order_of_the_values_of_a_label_changes_no_colour() -> None:
    document = SHAPES["no alerts"].document()
    for values in (["success", "error"], ["error", "other", "success"]):
        document["queries"] = [
            {
                "name": "x",
                "collection": "conversations",
                "labels": {"outcome": values},
                "query": {"Status": "{outcome}"},
            }
        ]
        trend = panel(drawn(document), "X", "Trend")
        assert (colour(trend, "error"), colour(trend, "success"), colour(trend, "other")) == (
            "red",
            "green",
            None,
        )


def test_restarts_reloads_and_alerts_are_annotated(made: Json) -> None:
    assert [one["name"] for one in made["annotations"]["list"]] == ["Restarts", "Reloads", "Alerts"]


def test_bots_never_make_a_wall_of_lines(made: Json) -> None:
    for one in trends(made):
        for target in one["targets"]:
            if "{{bot}}" in target["legendFormat"]:
                assert re.search(r"and (top|bottom)k\(8, ", target["expr"]), one["title"]


@pytest.mark.parametrize(("values", "cut"), [(20, False), (21, True)])
def test_more_than_twenty_values_of_a_label_are_cut_to_the_greatest(values: int, cut: bool) -> None:
    document = SHAPES["no alerts"].document()
    document["queries"] = [
        {
            "name": "x",
            "collection": "conversations",
            "labels": {"channel": [f"c{number}" for number in range(values)]},
            "query": {"Data.channel.ProviderName": "{channel}"},
        }
    ]
    exprs = [target["expr"] for one in row(drawn(document), "X")[1:] for target in one["targets"]]
    assert ["topk(20, " in expr for expr in exprs] == [cut, cut]


def test_a_bot_s_name_leads_to_its_dashboard_at_the_same_time_with_the_same_variables(made: Json) -> None:
    changes = [
        change["value"][0]["url"]
        for one in panels(made)
        for override in one.get("fieldConfig", {}).get("overrides", ())
        for change in override["properties"]
        if change["id"] == "links" and override["matcher"]["options"] == "bot"
    ]
    assert changes
    for url in changes:
        assert url.startswith(f"/d/{made['uid']}?${{__url_time_range}}&")
        assert url.endswith("&var-bot=${__value.raw}")
        assert all(f"${{{name}:queryparam}}" in url for name in ("datasource", "cluster", "namespace", "job"))


def test_labels_in_other_alphabets_are_shown_as_they_are() -> None:
    document = SHAPES["no alerts"].document()
    document["queries"] = [
        {
            "name": "by_outcome",
            "help": "По исход.",
            "collection": "conversations",
            "labels": {"outcome": ["успех", "грешка"]},
            "query": {"Status": "{outcome}"},
        }
    ]
    assert problems(drawn(document)) == []
    assert '"По исход. ' in text(document)


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
