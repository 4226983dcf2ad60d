"""Laws of the check of dashboards: every kind of panel passes, and a planted mistake anywhere fails."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.schemas import schema
from tests.grafana.validate import MAJORS, problems

Dashboard = dict[str, Any]

EVERY_PANEL = json.loads((Path(__file__).parent / "every_panel.json").read_text("utf-8"))


def panel(dashboard: Dashboard, kind: str) -> Dashboard:
    return next(panel for panel in dashboard["panels"] if panel["type"] == kind)


def planted(mistake: Callable[[Dashboard], object]) -> list[str]:
    dashboard = copy.deepcopy(EVERY_PANEL)
    mistake(dashboard)
    return problems(dashboard)


def test_a_dashboard_with_every_kind_of_panel_has_no_problem() -> None:
    assert problems(EVERY_PANEL) == []


def test_every_schema_says_which_release_of_grafana_it_is_of() -> None:
    for major in MAJORS:
        assert schema(f"grafana-{major}")["source"].startswith(f"@grafana/schema {major}.")


@pytest.mark.parametrize(
    ("mistake", "where"),
    [
        (lambda d: d.update(refesh="1m"), "the whole: "),
        (lambda d: d.update(__inputs=[]), "the whole: "),
        (lambda d: d["time"].update(until="now"), "time: "),
        (lambda d: d["templating"]["list"][1].update(definition="x"), "templating.list[1]: "),
        (lambda d: d["templating"]["list"][1]["query"].update(metric="x"), "templating.list[1].query: "),
        (lambda d: panel(d, "row").update(colapsed=True), "panels[0]: "),
        (lambda d: panel(d, "stat").update(optoins={}), "panels[1]: "),
        (lambda d: panel(d, "stat")["gridPos"].update(z=1), "panels[1].gridPos: "),
        (lambda d: panel(d, "stat")["options"].update(colourMode="value"), "panels[1].options: "),
        (lambda d: panel(d, "stat")["options"]["reduceOptions"].update(calc=[]), "panels[1].options.reduceO"),
        (
            lambda d: panel(d, "stat")["fieldConfig"]["defaults"].update(units="s"),
            "panels[1].fieldConfig.def",
        ),
        (lambda d: panel(d, "stat")["targets"][0].update(expression="1"), "panels[1].targets[0]: "),
        (lambda d: panel(d, "text")["options"].update(markdown="x"), "panels[5].options: "),
        (
            lambda d: panel(d, "timeseries")["fieldConfig"]["defaults"]["custom"].update(fillOpacty=1),
            "panels[7].fieldConfig.defaults.custom: ",
        ),
        (
            lambda d: panel(d, "table")["fieldConfig"]["overrides"][0]["properties"].append(
                {"id": "custom.widht", "value": 1}
            ),
            "panels[9].fieldConfig.overrides[0].properties[3]: ",
        ),
        (
            lambda d: panel(d, "table")["fieldConfig"]["overrides"][0]["properties"].append(
                {"id": "unti", "value": "s"}
            ),
            "panels[9].fieldConfig.overrides[0].properties[3]: ",
        ),
        (
            lambda d: panel(d, "table")["fieldConfig"]["overrides"][0]["properties"][2]["value"][0].update(
                href="x"
            ),
            "panels[9].fieldConfig: data link 0: ",
        ),
        (
            lambda d: panel(d, "table")["transformations"][0]["options"].update(rename={}),
            "panels[9].transformations[0]",
        ),
        (lambda d: panel(d, "alertlist")["options"].update(alert="x"), "panels[15].options: "),
        (lambda d: d["panels"][-1]["panels"][0].update(nmae="x"), "panels[16].panels[0]: "),
        (lambda d: d["annotations"]["list"][0].update(query="x"), "annotations.list[0]: "),
    ],
)
def test_a_key_that_grafana_does_not_know_is_a_problem_at_its_place(
    mistake: Callable[[Dashboard], object], where: str
) -> None:
    found = planted(mistake)
    assert found
    assert all(problem.startswith(where) for problem in found), found


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda d: d.update(title=3), "title: 3 is not of type 'string'"),
        (lambda d: panel(d, "stat")["options"].update(graphMode="bars"), "'bars' is not one of"),
        (lambda d: panel(d, "stat")["fieldConfig"]["defaults"].update(decimals="1"), "'1' is not of type"),
        (lambda d: panel(d, "stat")["targets"][0].pop("refId"), "'refId' is a required property"),
    ],
)
def test_a_value_of_a_wrong_kind_is_a_problem(mistake: Callable[[Dashboard], object], words: str) -> None:
    assert words in "\n".join(planted(mistake))


def test_a_key_that_only_a_newer_grafana_knows_is_a_problem_of_the_older() -> None:
    found = planted(
        lambda d: panel(d, "timeseries")["fieldConfig"]["defaults"]["custom"].update(showValues=True)
    )
    assert [problem.rpartition(" (")[2] for problem in found] == ["Grafana 11)"]


def test_a_kind_of_panel_without_a_schema_is_a_problem() -> None:
    assert "'graph' has no schema" in "\n".join(planted(lambda d: panel(d, "stat").update(type="graph")))


def test_panels_that_overlap_or_leave_the_grid_are_a_problem() -> None:
    assert planted(lambda d: panel(d, "stat")["gridPos"].update(x=1)) == [
        "panels[2].gridPos: lies on panels[1]"
    ]
    assert planted(lambda d: panel(d, "text")["gridPos"].update(x=17)) == [
        "panels[5].gridPos: leaves the grid of 24 columns"
    ]
