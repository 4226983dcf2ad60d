"""Laws of a family: its text is what prometheus-client would write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import prometheus_client.openmetrics.exposition
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.exposition.family import Family, write_labels
from exporter.model import Labels

# prometheus-client leaves this one untyped
generate_openmetrics = cast(
    "Callable[[CollectorRegistry], bytes]", prometheus_client.openmetrics.exposition.generate_latest
)

hard = st.text(st.sampled_from('ab\\"\n\r\t {},=#0.\u2028\u2029\x85\x1cé漢😀'))
texts = st.text() | hard
label_names = st.sampled_from(["bot", "channel", "le_x", "query", "zone"])
rows = st.dictionaries(label_names, texts).map(lambda labels: tuple(sorted(labels.items())))
numbers = st.integers(0, 2**53) | st.floats(allow_nan=False) | st.booleans()
names = st.sampled_from(["nativechat_any", "nativechat_any_new_total"])
samples = st.lists(st.tuples(rows, st.none() | numbers), min_size=1, max_size=6)


class Alone:
    """A collector of one metric."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric

    def collect(self) -> list[Metric]:
        return [self.metric]


def registry(name: str, help_text: str, given_samples: list[tuple[Labels, float | None]]) -> Any:
    """Return a registry for prometheus-client with the rows that have a value."""
    is_counter = name.endswith("_total")
    metric = Metric(name.removesuffix("_total"), help_text, "counter" if is_counter else "gauge")
    for labels, value in given_samples:
        if value is not None:
            metric.add_sample(name, dict(labels), value)
    made = CollectorRegistry()
    made.register(Alone(metric))
    return made


def written(
    name: str, help_text: str, given_samples: list[tuple[Labels, float | None]], *, openmetrics: bool = False
) -> str:
    made = Family(name, help_text, write_labels(labels for labels, _ in given_samples))
    return made.text([value for _, value in given_samples], openmetrics=openmetrics)


@given(names, texts, samples)
def test_a_family_is_byte_for_byte_what_prometheus_client_writes(
    name: str, help_text: str, given_samples: list[tuple[Labels, float | None]]
) -> None:
    if all(value is None for _, value in given_samples):
        given_samples = [((), 0.5)]
    wanted = registry(name, help_text, given_samples)
    assert written(name, help_text, given_samples).encode() == generate_latest(wanted)
    text = written(name, help_text, given_samples, openmetrics=True)
    assert f"{text}# EOF\n".encode() == generate_openmetrics(wanted)


@given(texts, st.integers(0, 2**53))
def test_a_label_value_and_a_count_read_back_exactly(value: str, count: int) -> None:
    [read] = text_string_to_metric_families(
        written("nativechat_any", "Help.", [((("value", value),), count)])
    )
    [sample] = read.samples
    assert (sample.labels, int(sample.value)) == ({"value": value}, count)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_family_without_values_writes_nothing(openmetrics: bool) -> None:
    made = Family("nativechat_any", "Help.", write_labels([(), (("bot", "main"),)]))
    assert made.text([None, None], openmetrics=openmetrics) == ""


def test_a_family_is_a_head_and_a_line_for_each_value() -> None:
    rows: list[tuple[Labels, float | None]] = [((("row", str(row)),), row or None) for row in range(3)]
    assert written("nativechat_any", "Help.", rows) == (
        "# HELP nativechat_any Help.\n"
        "# TYPE nativechat_any gauge\n"
        'nativechat_any{row="1"} 1.0\n'
        'nativechat_any{row="2"} 2.0\n'
    )
