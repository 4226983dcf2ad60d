from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.alert import Alert, Insert, Level, Rise
from exporter.model import Config

Load = Callable[..., Config]
Problems = Callable[..., list[str]]

MORE = (
    "labels: {channel: [facebook, viber]}",
    'query: {Data.channel.ProviderName: "{channel}"}',
)


def alert_of(config: Config) -> Alert | None:
    return config.queries[0].alert


def test_a_query_without_an_alert_has_none(query: Load) -> None:
    assert alert_of(query()) is None


def test_a_rise_needs_a_number_and_a_time_and_other_keys_have_defaults(query: Load) -> None:
    found = alert_of(query("alert: {rises_by: 1, within: 10m}"))
    assert found == Alert(Rise(by=1, within=600.0), lasting=0.0, severity="warning", summary=())


def test_every_other_key_of_an_alert_is_read(query: Load) -> None:
    found = alert_of(
        query(
            "alert:",
            "  below: 1",
            "  for: 1h30m",
            "  severity: page-me",
            '  summary: "{{ $labels.bot }} is silent"',
            "  runbook_url: https://wiki.example.com/silent?bot#what-now",
        )
    )
    assert found == Alert(
        Level("below", 1.0),
        lasting=5400.0,
        severity="page-me",
        summary=(Insert("bot"), " is silent"),
        runbook_url="https://wiki.example.com/silent?bot#what-now",
    )


@pytest.mark.parametrize(("written", "share"), [("5%", 0.05), ("12.5 %", 0.125), ("0%", 0.0), ("150%", 1.5)])
def test_a_share_is_a_percentage_of_another_query_s_value(query: Load, written: str, share: float) -> None:
    found = alert_of(query(f"alert: {{above: {written}, of: whole}}" + _other("whole")))
    assert found is not None
    assert found.when == Level("above", share, of="whole")


def test_a_share_may_be_of_a_query_with_fewer_labels(query: Load) -> None:
    assert alert_of(query(*MORE, "alert: {above: 5%, of: whole}" + _other("whole"))) is not None


def test_a_share_may_be_of_a_query_with_the_same_labels_and_values(query: Load) -> None:
    assert alert_of(query(*MORE, "alert: {above: 5%, of: whole}" + _other("whole", *MORE))) is not None


def test_queries_that_differ_only_in_their_alert_are_equal(query: Load) -> None:
    assert query("alert: {above: 1}") == query("alert: {above: 2}") == query()


def test_a_wrong_label_does_not_cause_an_error_in_a_share(query_problems: Problems) -> None:
    (problem,) = query_problems(
        "labels: {channel: [facebook, facebook]}",
        MORE[1],
        "alert: {above: 5%, of: whole}" + _other("whole", *MORE),
    )
    assert "again" in problem


def _other(name: str, *lines: str) -> str:
    """Return a further query, to stand behind the first one's last line."""
    more = "".join(f"\n    {line}" for line in lines)
    return f"\n  - name: {name}\n    collection: conversations{more}"
