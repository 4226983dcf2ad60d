"""Laws of label names, metric names, and of the number of combinations."""

from __future__ import annotations

import pytest

from exporter.language import labels


def test_no_keys_have_one_empty_combination() -> None:
    assert labels.count({}) == 1


def test_combinations_are_counted_without_making_them() -> None:
    assert labels.count({f"key{i}": range(1000) for i in range(20)}) == 1000**20


@pytest.mark.parametrize("name", ["channel", "Channel", "_private", "a1", "bots", "jobs"])
def test_an_ordinary_label_name_has_no_problem(name: str) -> None:
    assert labels.label_name_problem(name) is None


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a.b", "ключ", "a\n", "{a}"])
def test_what_prometheus_refuses_as_a_label_name_is_refused(name: str) -> None:
    assert "is not a label name (use" in (labels.label_name_problem(name) or "")


@pytest.mark.parametrize("name", ["bot", "le", "quantile", "job", "instance", "__name__", "__", "__x"])
def test_a_reserved_label_name_is_refused(name: str) -> None:
    assert f'"{name}" is reserved: ' in (labels.label_name_problem(name) or "")


@pytest.mark.parametrize("name", ["job", "instance", "bot", "le"])
def test_prometheus_and_alerts_may_add_a_label_that_the_exporter_may_not(name: str) -> None:
    assert labels.added_name_problem(name) is None


@pytest.mark.parametrize("name", ["conversations", "a", "up_time", "exporter", "counts", "total", "a" * 100])
def test_an_ordinary_query_name_has_no_problem(name: str) -> None:
    assert labels.metric_name_problem(name) is None


@pytest.mark.parametrize("name", ["", "A", "1a", "_a", "a-b", "a:b", "a\n", "conversationsÜ"])
def test_any_other_query_name_is_refused(name: str) -> None:
    assert "is not a query name (use" in (labels.metric_name_problem(name) or "")


def test_a_long_query_name_is_refused() -> None:
    assert labels.metric_name_problem("a" * 101) == "the name is 101 characters long (use at most 100)"


@pytest.mark.parametrize("name", ["up", "exporter_series", "exporter_"])
def test_a_name_of_the_exporters_own_metrics_is_refused(name: str) -> None:
    assert "collides with the exporter's own metric" in (labels.metric_name_problem(name) or "")


@pytest.mark.parametrize("suffix", ["_total", "_count", "_sum", "_bucket", "_info", "_created", "_new"])
def test_a_suffix_of_another_metric_type_is_refused(suffix: str) -> None:
    assert f"ends in {suffix}, which" in (labels.metric_name_problem(f"conversations{suffix}") or "")
