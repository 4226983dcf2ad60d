"""Laws of written YAML: it reads back as it was, and a person can read it."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.language.yaml_text import write
from exporter.model import Json

WHOLE = st.integers(-(2**53), 2**53)
PLAIN = st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DOCUMENTS = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(DOCUMENTS)
def test_what_is_written_is_read_again(document: Json) -> None:
    assert yaml.safe_load(write(document, "Made here.")) == document


def test_lines_stay_whole_lists_are_indented_and_keys_keep_their_order() -> None:
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


def test_equal_values_are_written_twice() -> None:
    labels: Json = {"severity": "warning"}
    assert "&" not in write([labels, labels], "Made here.")
