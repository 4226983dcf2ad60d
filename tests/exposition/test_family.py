"""Laws of one family: it is what prometheus-client would write, line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import prometheus_client.openmetrics.exposition
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.exposition.family import Family, Kind, blank
from exporter.exposition.sheet import Sheet
from exporter.model import Labels

NAME = "nativechat_any"
# prometheus-client leaves this one untyped
generate_openmetrics = cast(
    "Callable[[CollectorRegistry], bytes]", prometheus_client.openmetrics.exposition.generate_latest
)

hard = st.text(st.sampled_from('ab\\"\n\r\t {},=#0.\u2028\u2029\x85\x1cé漢😀'))
texts = st.text() | hard
label_names = st.sampled_from(["bot", "channel", "le_x", "query", "zone"])
rows = st.dictionaries(label_names, texts).map(lambda labels: tuple(sorted(labels.items())))
numbers = st.integers(0, 2**53) | st.floats(allow_nan=False) | st.booleans()
kinds: st.SearchStrategy[Kind] = st.sampled_from(["gauge", "counter", "unknown"])
samples = st.lists(st.tuples(rows, st.none() | numbers), min_size=1, max_size=6)


class Alone:
    """A collector of one metric."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric

    def collect(self) -> list[Metric]:
        return [self.metric]


def registry(kind: Kind, help_text: str, given_samples: list[tuple[Labels, float | None]]) -> Any:
    """Return a registry that prometheus-client writes by itself, of the rows that have a value."""
    metric = Metric(NAME, help_text, kind)
    for labels, value in given_samples:
        if value is not None:
            metric.add_sample(NAME + "_total" * (kind == "counter"), dict(labels), value)
    made = CollectorRegistry()
    made.register(Alone(metric))
    return made


class Written(Family):
    """A family on a sheet of its own."""

    def __init__(self, kind: Kind, given_rows: list[Labels], help_text: str = "Help.") -> None:
        self.sheet = Sheet()
        super().__init__(self.sheet, blank(NAME, help_text, kind, given_rows))

    def text(self, *, openmetrics: bool = False) -> bytes:
        return self.sheet.text(openmetrics=openmetrics)


def family(kind: Kind, help_text: str, given_samples: list[tuple[Labels, float | None]]) -> Written:
    made = Written(kind, [labels for labels, _ in given_samples], help_text)
    for row, (_, value) in enumerate(given_samples):
        made.set(row, value)
    return made


@given(kinds, texts, samples)
def test_a_family_is_byte_for_byte_what_prometheus_client_writes(
    kind: Kind, help_text: str, given_samples: list[tuple[Labels, float | None]]
) -> None:
    made = family(kind, help_text, given_samples)
    if made.filled:
        wanted = registry(kind, help_text, given_samples)
        assert made.text(openmetrics=False) == generate_latest(wanted)
        assert made.text(openmetrics=True) + b"# EOF\n" == generate_openmetrics(wanted)


@given(kinds, samples, st.data())
def test_what_a_family_shows_depends_on_its_values_and_not_on_how_they_came(
    kind: Kind, given_samples: list[tuple[Labels, float | None]], data: st.DataObject
) -> None:
    made = Written(kind, [labels for labels, _ in given_samples])
    for row in data.draw(st.lists(st.integers(0, len(given_samples) - 1))):
        made.set(row, data.draw(st.none() | numbers))
        made.text(openmetrics=data.draw(st.booleans()))
    for row, (_, value) in enumerate(given_samples):
        made.set(row, value)
    fresh = family(kind, "Help.", given_samples)
    assert made.filled == fresh.filled == sum(value is not None for _, value in given_samples)
    assert [made.text(openmetrics=each) for each in (False, True)] == [
        fresh.text(openmetrics=each) for each in (False, True)
    ]


@given(texts, st.integers(0, 2**53))
def test_a_label_value_and_a_count_read_back_exactly(value: str, count: int) -> None:
    made = family("gauge", "Help.", [((("value", value),), count)])
    [read] = text_string_to_metric_families(made.text(openmetrics=False).decode())
    [sample] = read.samples
    assert (sample.labels, int(sample.value)) == ({"value": value}, count)


@given(st.lists(numbers, min_size=1, max_size=6), st.data())
def test_a_value_that_changes_changes_its_line_only(values: list[float], data: st.DataObject) -> None:
    changed = data.draw(st.integers(0, len(values) - 1))
    made = family("gauge", "Help.", [((("row", str(row)),), value) for row, value in enumerate(values)])
    before = made.text(openmetrics=False).split(b"\n")
    made.set(changed, data.draw(numbers))
    after = made.text(openmetrics=False).split(b"\n")
    head = 2
    assert [*after[: head + changed], *after[head + changed + 1 :]] == [
        *before[: head + changed],
        *before[head + changed + 1 :],
    ]


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_family_without_values_writes_nothing(openmetrics: bool) -> None:
    made = Written("gauge", [(), (("bot", "main"),)])
    assert made.text(openmetrics=openmetrics) == b""
    made.set(0, 1)
    made.set(0, None)
    assert (made.text(openmetrics=openmetrics), made.filled) == (b"", 0)


def test_a_row_tells_how_many_more_samples_there_are() -> None:
    made = Written("gauge", [()])
    assert [made.set(0, value) for value in (None, 1, 2, None, None)] == [0, 1, 0, -1, 0]


def test_a_family_that_is_cleared_writes_nothing_until_it_has_a_value_again() -> None:
    made = Written("gauge", [(("row", "0"),), (("row", "1"),)])
    made.set_all([1, 2])
    made.clear()
    assert (made.text(), made.filled) == (b"", 0)
    made.set(1, 3)
    assert made.text().endswith(b'# TYPE nativechat_any gauge\nnativechat_any{row="1"} 3.0\n')


def test_every_row_can_be_given_a_value_at_once() -> None:
    made = Written("gauge", [(("row", "0"),), (("row", "1"),)])
    made.set_all([1.0, 2.0])
    assert made.text(openmetrics=False).decode() == (
        "# HELP nativechat_any Help.\n"
        "# TYPE nativechat_any gauge\n"
        'nativechat_any{row="0"} 1.0\n'
        'nativechat_any{row="1"} 2.0\n'
    )
