from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.alert import Alert, Insert, Level, Rise, TooFew
from exporter.model import Config

Load = Callable[..., Config]
Problems = Callable[..., list[str]]

MORE = (
    "labels: {channel: [facebook, viber]}",
    'query: {Data.channel.ProviderName: "{channel}"}',
)


def alert_of(config: Config) -> Alert | None:
    return next(iter(config.queries[0].alerts), None)


def test_a_query_without_an_alert_has_none(query: Load) -> None:
    assert alert_of(query()) is None


def test_a_rise_needs_a_number_and_a_time_and_other_keys_have_defaults(query: Load) -> None:
    found = alert_of(query("alert: {rises_by: 1, within: 10m}"))
    assert found == Alert(Rise(by=1, within=600.0), lasting=0.0, severity="warning", summary=())


def test_a_rise_may_have_to_be_a_share_of_what_is_new(query: Load) -> None:
    found = alert_of(query("alert: {rises_by: 1, within: 15m, above: 5%, of: whole}" + _other("whole")))
    assert found == Alert(Rise(by=1, within=900.0, above=0.05, of="whole"))


def test_too_few_need_a_number_and_a_time(query: Load) -> None:
    assert alert_of(query("alert: {rises_less_than: 1, within: 2h}")) == Alert(TooFew(1, 7200.0))


def test_several_alerts_of_a_query_have_names(query: Load) -> None:
    config = query("alert:", "  - {name: burst, rises_by: 9, within: 5m}", "  - {name: many, above: 100}")
    assert config.queries[0].alerts == (
        Alert(Rise(9, 300.0), name="burst"),
        Alert(Level("above", 100.0), name="many"),
    )


def test_a_list_of_one_alert_needs_no_name(query: Load) -> None:
    assert alert_of(query("alert: [{above: 1}]")) == alert_of(query("alert: {above: 1}"))


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


def test_a_label_that_alerts_do_not_keep_is_an_error(query_problems: Problems) -> None:
    lines = ("labels: {pod: [a, b]}", 'query: {A: "{pod}"}', "alert: {rises_by: 1, within: 10m}")
    assert any("alerts take all Pods as one" in problem for problem in query_problems(*lines))
    assert not any("alerts take" in problem for problem in query_problems(*lines[:2]))
