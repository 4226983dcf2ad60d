from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.nodes import Entry, Mapping, Scalar, Sequence, plain
from exporter.config.source import MAX_BYTES, compose, content
from exporter.errors import ConfigError, Place
from exporter.model import Json


def faults(text: str | bytes) -> list[str]:
    """Return the problems of a document, without the name of its file."""
    try:
        problems = compose(text if isinstance(text, bytes) else text.encode(), "f").problems
    except ConfigError as exc:
        problems = exc.problems
    return [str(problem).removeprefix("f:") for problem in problems]


def at(line: int, column: int) -> Place:
    return Place("f", line, column)


def test_every_key_and_value_knows_its_place() -> None:
    root = compose(b"bots:\n  - name: main\n    ids: [1, 'x']\n", "f").root
    ids = Sequence(at(3, 10), (Scalar(at(3, 11), 1), Scalar(at(3, 14), "x")))
    bot = Mapping(
        at(2, 5),
        (Entry("name", at(2, 5), Scalar(at(2, 11), "main")), Entry("ids", at(3, 5), ids)),
    )
    assert root == Mapping(at(1, 1), (Entry("bots", at(1, 1), Sequence(at(2, 3), (bot,))),))


def test_columns_count_characters_also_after_a_byte_order_mark() -> None:
    root = compose("\ufeffé: ü".encode(), "f").root
    assert root == Mapping(at(1, 1), (Entry("é", at(1, 1), Scalar(at(1, 4), "ü")),))


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file_holds_nothing(text: str) -> None:
    document = compose(text.encode(), "f")
    assert (document.root, document.problems) == (Scalar(at(1, 1), None), ())


def test_quotes_and_blocks_make_text_of_anything() -> None:
    text = "a: 'no'\nb: \"010\"\nc: |\n  true\nd: >-\n  0x1f\n"
    assert plain(compose(text.encode(), "f").root) == {"a": "no", "b": "010", "c": "true\n", "d": "0x1f"}


def test_an_alias_stands_for_its_anchor_s_value() -> None:
    assert plain(compose(b"a: &x {b: [1]}\nc: *x\n", "f").root) == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_everything_refused_is_told_at_once_and_reading_goes_on() -> None:
    text = "a: 010\nb: [no, !!str x]\n<<: {c: 1}\n1: x\na: 2\n? [k]\n: v\nd: *nowhere\n0x1: y\n"
    assert [fault.split(" (")[0] for fault in faults(text)] == [
        "1:4: a: a number that not everyone reads alike",
        "2:5: b[0]: a word that some read as true, false or nothing",
        "2:9: b[1]: a tag",
        "3:1: a merge key",
        "4:1: a key that is not text",
        "5:1: a: the same key again",
        "6:3: a key that is not text",
        "8:4: d: an alias without an anchor before it",
        "9:1: a number that not everyone reads alike",
    ]


def test_a_mapping_that_lost_a_key_is_not_whole() -> None:
    root = compose(b"a: {b: 1, 2: c}", "f").root
    assert isinstance(root, Mapping)
    assert root.whole
    assert isinstance(root.entries[0].value, Mapping)
    assert not root.entries[0].value.whole


def test_the_same_key_again_says_where_it_was_first() -> None:
    assert faults("a: 1\nb: {c: 1, d: 2, 'c': 3}\n") == [
        "2:17: b.c: the same key again (first on line 2, column 5; keep one of them)"
    ]


def test_a_quoted_merge_sign_is_a_key_like_any_other() -> None:
    assert plain(compose(b"'<<': 1", "f").root) == {"<<": 1}


def test_an_anchor_does_not_stand_for_the_value_it_is_in() -> None:
    assert faults("a: &a [*a]") == [
        "1:8: a[0]: an alias without an anchor before it (quote it, if it is text)"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "a:\n\t- b",
            r"2:1: not YAML: found character '\t' that cannot start any token (indent with spaces)",
        ),
        ("a: {b: 1\n\n", "1:4: not YAML: expected ',' or '}', but got the end of the file"),
        ("a: [\n\n", "1:5: not YAML: expected the node content, but found the end of the file"),
        ('a: "b', "1:4: not YAML: found the end of the file"),
        ("a: !<b", "1:4: not YAML: expected '>', but found the end of the file"),
        ("a: b: c", "1:5: not YAML: mapping values are not allowed here"),
        ('a: "\\UFFFFFFFF"', "1:7: not YAML: a number out of range"),
        (f"%YAML 1.{'1' * 5000}\n---\n", "1:9: not YAML: a number out of range"),
        ("a\n---\nb", "2:1: a second document"),
        ("a: 1\nb: \x07", "2:4: the character U+0007 is not allowed in YAML"),
        (b"a: 1\nb: \xc3\xa9\xff", "2:5: not UTF-8"),
        ('a: "\\ud800"', "1:4: a: half a surrogate pair"),
    ],
)
def test_what_is_no_yaml_is_one_problem_with_its_place(text: str | bytes, fault: str) -> None:
    (told,) = faults(text)
    assert told.startswith(fault)


def test_what_was_refused_before_a_syntax_error_is_told_too() -> None:
    assert [fault.split(":")[0] for fault in faults("a: 010\nb: {c: d\n")] == ["1", "2"]


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    (fault,) = faults("\n".join(lines))
    assert "more than 100,000 values" in fault


def test_depth_is_bounded_also_through_aliases() -> None:
    assert "nested deeper than 64 levels" in faults("[" * 5000)[0]
    deep = "[" * 40 + "]" * 40
    assert faults(f"a: &a {deep}") == []
    assert "nested deeper than 64 levels" in faults(f"a: &a {deep}\nb: {'[' * 40}*a{']' * 40}")[0]


def test_a_file_over_one_mebibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 10))
    assert faults(content(path)) == ["1:1: larger than 1 MiB (is this the right file?)"]
    assert faults(b"#" * MAX_BYTES) == []


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.yaml", "no such file or directory"), (tmp_path, "is a directory")):
        with pytest.raises(ConfigError) as caught:
            content(path)
        advice = "name a file that exists and may be read"
        assert str(caught.value) == f"{path}:1:1: cannot be read: {why} ({advice})"


yaml_like = st.text(alphabet="ab01:-[]{}!&*|>'\"#%@`?,~<= \t\n\\xuU.é", max_size=60)


@given(st.text() | yaml_like | st.binary())
def test_any_content_is_read_or_refused_with_places_inside_it(text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    try:
        problems = compose(data, "f").problems
    except ConfigError as exc:
        problems = exc.problems
    lines = len(data.decode("utf-8", "replace").replace("\x85", "\n").splitlines())
    assert all(1 <= problem.place.line <= max(1, lines) for problem in problems)


words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"], exclude_characters="\ufeff"))
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(json_like)
def test_json_is_read_as_json_reads_it(value: Json) -> None:
    document = compose(json.dumps(value, ensure_ascii=False).encode(), "f")
    assert (plain(document.root), document.problems) == (value, ())
