"""Laws of written YAML."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.language.yaml_text import write
from exporter.model import Json

WHOLE = st.integers(-(2**53), 2**53)
PLAIN = st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DOCUMENTS = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(DOCUMENTS, st.booleans())
def test_a_written_document_is_read_back(document: Json, short: bool) -> None:
    assert yaml.safe_load(write(document, "Made here.", short=short)) == document


@pytest.mark.parametrize(
    "text", ["08", "1e3", "-1E+5", "0o17", "1_0", ".5", "-.5", "+.5e3", "1.", "+1", "7", "oN"]
)
def test_text_that_is_no_text_elsewhere_is_in_quotes(text: str) -> None:
    assert write({text: [text]}, "Made here.") == f"# Made here.\n'{text}':\n  - '{text}'\n"
    assert write({"at": "1:30", "within": "1d"}, "Made here.").endswith("within: 1d\n")


def test_lines_are_not_folded_lists_are_indented_and_keys_keep_their_order() -> None:
    long = "a line that is as long as it is " * 20 + "."
    document: Json = {"rules": [{"for": "1m", "alert": "A", "expr": "up\n  > 1", "text": long}], "at": "1:30"}
    assert write(document, "Made here.") == (
        "# Made here.\n"
        "rules:\n"
        "  - for: 1m\n"
        "    alert: A\n"
        "    expr: |-\n"
        "      up\n"
        "        > 1\n"
        f"    text: {long}\n"
        "at: '1:30'\n"
    )


def test_equal_values_are_not_written_as_aliases() -> None:
    labels: Json = {"severity": "warning"}
    assert "&" not in write([labels, labels], "Made here.")


def test_a_short_document_has_one_line_for_each_key_of_its_items() -> None:
    document: Json = [{"name": "a", "labels": {"b": [1, {"other": "x"}]}, "query": {"B": {"$gt": 0}}}]
    assert write(document, "Made here.", short=True) == (
        "# Made here.\n- name: a\n  labels: {b: [1, {other: x}]}\n  query: {B: {$gt: 0}}\n"
    )
