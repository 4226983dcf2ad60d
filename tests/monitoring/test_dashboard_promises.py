"""What the expressions of the shipped dashboard answer, by promtool, over series as Prometheus has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.grafana.substitution import panels, substituted

ROOT = Path(__file__).parents[2]
MADE = json.loads((ROOT / "grafana/dashboards/nativechat.json").read_text("utf-8"))
CHOSEN = dict.fromkeys(("cluster", "namespace", "job", "bot", "channel", "outcome"), ".*")
VALUES = CHOSEN | {"__range": "1h", "__rate_interval": "1m"}
BY_BOT = "{{bot}} {{cluster}} {{namespace}}"
SHOP, CARE = 'namespace="shop",pod="s-1"', 'namespace="care",pod="c-1"'

Check = Callable[[Iterable[tuple[str, str]], str, Iterable[tuple[str, float]]], None]


def expression(title: str, legend: str, metric: str = "") -> str:
    """Return the expression of a panel's target over a metric, for all bots and the last hour."""
    [found] = [
        target["expr"]
        for panel in panels(MADE)
        for target in panel.get("targets", ())
        if (panel["title"], target.get("legendFormat", "")) == (title, legend) and metric in target["expr"]
    ]
    return substituted(found, VALUES)


@pytest.fixture
def check(promtool: Callable[..., CompletedProcess[str]], tmp_path: Path) -> Check:
    """Compare what an expression answers after an hour of these series with the samples expected."""

    def run(series: Iterable[tuple[str, str]], expr: str, expected: Iterable[tuple[str, float]]) -> None:
        samples = [{"labels": labels, "value": value} for labels, value in expected]
        test: dict[str, Any] = {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series],
            "promql_expr_test": [{"expr": expr, "eval_time": "1h", "exp_samples": samples}],
        }
        file = tmp_path / "test.yml"
        file.write_text(json.dumps({"rule_files": [], "tests": [test]}), "utf-8")
        done = promtool("test", "rules", file)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("one", "other"),
    [(SHOP, CARE), ('cluster="eu"', 'cluster="us"'), ('job="shop"', 'job="care"'), ('team="a"', 'team="b"')],
)
def test_of_two_teams_whose_bots_have_one_name_one_is_up_and_one_down(
    check: Check, one: str, other: str
) -> None:
    series = [(f'nativechat_up{{bot="main",{labels}}}', f"{up}x60") for labels, up in ((one, 1), (other, 0))]
    check(series, expression("Up", "bots"), [("{}", 1)])
    check(series, expression("Down", "bots"), [("{}", 1)])


def test_a_bot_that_one_of_two_replicas_reaches_is_up(check: Check) -> None:
    series = [
        (f'nativechat_up{{bot="main",pod="{pod}",instance="{pod}:1"}}', f"{up}x60")
        for pod, up in (("a", 0), ("b", 1))
    ]
    check(series, expression("Up", "bots"), [("{}", 1)])
    check(series, expression("Down", "bots"), [("{}", 0)])


def test_replicas_count_once_and_teams_are_added(check: Check) -> None:
    series = [
        (f'nativechat_conversations{{bot="main",namespace="{team}",pod="{pod}"}}', f"{count}x60")
        for team, count in (("shop", 100), ("care", 50))
        for pod in ("a", "b")
    ]
    check(series, expression("Totals", "Conversations"), [("{}", 150)])
    lines = [(f'{{bot="main",namespace="{team}"}}', count) for team, count in (("shop", 100), ("care", 50))]
    check(series, expression("Trend", BY_BOT, "nativechat_conversations{"), lines)


def test_what_is_new_is_told_though_all_of_it_was_deleted(check: Check) -> None:
    series = [
        ('nativechat_conversations_with_errors{bot="main"}', "7x60"),
        ('nativechat_conversations_with_errors_new_total{bot="main"}', "0x30 5x30"),
    ]
    check(series, expression("New", "Conversations with errors"), [("{}", 5)])


def test_a_share_is_of_what_is_new_and_absent_where_nothing_is(check: Check) -> None:
    errors = 'nativechat_conversations_with_errors_new_total{bot="main"}'
    whole = 'nativechat_conversations_new_total{bot="main"}'
    share = expression("Conversations with errors, share", "all bots")
    check([(errors, "0+1x60"), (whole, "1000+10x60")], share, [("{}", 0.1)])
    check([(errors, "3x60"), (whole, "1000x60")], share, [])


def test_of_many_bots_the_greatest_eight_are_drawn_the_same_at_each_point(check: Check) -> None:
    series = [(f'nativechat_messages{{bot="bot{number}"}}', f"{number}x60") for number in range(60)]
    # A bot that is down now, and whose value was the greatest.
    series.append(('nativechat_messages{bot="gone"}', "99x50 stale"))
    drawn = expression("Trend", BY_BOT, "nativechat_messages{")
    at_forty = f"last_over_time(({drawn})[1m:1m] offset 20m)"
    greatest = [(f'{{bot="bot{number}"}}', number) for number in range(53, 60)]
    check(series, at_forty, [('{bot="gone"}', 99), *greatest])


def test_the_timeline_shows_the_bots_that_were_down_longest(check: Check) -> None:
    series = [
        (f'nativechat_up{{bot="bot{number:02}"}}', "1x30 0x9 1x20" if number in {7, 31} else "1x60")
        for number in range(60)
    ]
    timeline = expression("Bots up and down", BY_BOT)
    check(series, f"count({timeline})", [("{}", 8)])
    check(series, f'count(({timeline}) and {{bot=~"bot07|bot31"}})', [("{}", 2)])
