from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.source import MAX_BYTES, compose, content
from exporter.errors import ConfigError, Place
from exporter.model import Json


def faults(text: str | bytes) -> list[str]:
    """Return the problems of a document, without the name of its file."""
    try:
        _, report = compose(text if isinstance(text, bytes) else text.encode(), "f")
        problems = report.of("error")
    except ConfigError as exc:
        problems = exc.problems
    return [str(problem).removeprefix("f:") for problem in problems]


def plain(text: str | bytes) -> Json:
    """Return the data of a document without problems."""
    data, report = compose(text if isinstance(text, bytes) else text.encode(), "f")
    assert report.problems == []
    return data


def test_every_key_and_value_has_a_place() -> None:
    data, report = compose("\ufeffbots:\n  - é: main\n    ids: [1, 'x']\n".encode(), "f")
    assert data == {"bots": [{"é": "main", "ids": [1, "x"]}]}
    assert {path: (place.line, place.column) for path, place in report.values.items()} == {
        (): (1, 1),
        ("bots",): (2, 3),
        ("bots", 0): (2, 5),
        ("bots", 0, "é"): (2, 8),
        ("bots", 0, "ids"): (3, 10),
        ("bots", 0, "ids", 0): (3, 11),
        ("bots", 0, "ids", 1): (3, 14),
    }
    assert {path: (place.line, place.column) for path, place in report.keys.items()} == {
        ("bots",): (1, 1),
        ("bots", 0, "é"): (2, 5),
        ("bots", 0, "ids"): (3, 5),
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file_is_null(text: str) -> None:
    assert plain(text) is None


def test_quotes_and_blocks_make_text_of_anything() -> None:
    text = "a: 'no'\nb: \"010\"\nc: |\n  true\nd: >-\n  0x1f\n"
    assert plain(text) == {"a": "no", "b": "010", "c": "true\n", "d": "0x1f"}


def test_an_alias_has_its_anchor_s_value() -> None:
    assert plain(b"a: &x {b: [1]}\nc: *x\n") == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_everything_that_is_refused_is_reported_at_once() -> None:
    text = "a: 010\nb: [no, !!str x]\n<<: {c: 1}\n1: x\na: 2\n? [k]\n: v\nd: *nowhere\n0x1: y\n"
    assert [fault.split(" (")[0] for fault in faults(text)] == [
        "1:4: a: a number that YAML parsers read differently",
        "2:5: b[0]: a word that some YAML parsers read as true, false or null",
        "2:9: b[1]: a tag",
        "3:1: a merge key",
        "4:1: a key that is not text",
        "5:1: a: the same key again",
        "6:3: a key that is not text",
        "8:4: d: an alias without an anchor before it",
        "9:1: a number that YAML parsers read differently",
    ]


def test_a_mapping_with_a_refused_key_is_partial_and_so_are_its_aliases() -> None:
    data, report = compose(b"a: &a {b: 1, 2: c, d: no}\ne: *a", "f")
    assert data == {"a": {"b": 1, "d": None}, "e": {"b": 1, "d": None}}
    assert report.partial == {("a",), ("e",)}
    assert report.refused == {("a", "d"), ("e", "d")}


def test_a_problem_below_an_alias_has_its_path_and_the_place_of_the_value() -> None:
    _, report = compose(b"a: &a {b: [1]}\nc: {d: *a}\n", "f")
    assert report.place(("c", "d", "b", 0)) == report.place(("a", "b", 0)) == Place("f", 1, 12)
    assert report.place(("c", "d", "b"), at_key=True) == Place("f", 1, 8)
    assert report.place(("c", "d"), at_key=True) == Place("f", 2, 5)


def test_values_below_a_refused_key_have_paths_of_their_own() -> None:
    _, report = compose(b"a: {b: 1}\n2: {b: 2}\n? {b: 3}\n: {b: 4}\na: {b: 5}\n", "f")
    assert report.place(("a", "b")) == Place("f", 1, 8)
    assert report.place(()) == Place("f", 1, 1)
    assert faults("a: 1\na: {c: !x 5}\n")[1].startswith('2:8: ["a again"].c: a tag')


def test_a_repeated_key_is_an_error_that_names_the_first_place() -> None:
    assert faults("a: 1\nb: {c: 1, d: 2, 'c': 3}\n") == [
        "2:17: b.c: the same key again (first on line 2, column 5; keep one of them)"
    ]


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert plain(b"'<<': 1") == {"<<": 1}


def test_an_alias_inside_its_anchor_s_value_is_an_error() -> None:
    assert faults("a: &a [*a]") == [
        "1:8: a[0]: an alias without an anchor before it (quote it, if it is text)"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a:\u00a0b\nc: 1", "1:3"),
        ("a:\n  b: 1\n  c:\u202f1\n  d: 2", "3:5"),
        ("a: \u00a0b", "1:4"),
        ("a: b\u200b", "1:4"),
        ("\u3000a: b", "1:1"),
    ],
)
def test_a_character_that_looks_like_a_space_is_the_error_where_yaml_takes_it_for_text(
    text: str, place: str
) -> None:
    assert [found.split(": ")[0] for found in faults(text)] == [place]
    assert "which YAML reads as text" in faults(text)[0]


def test_an_unusual_space_inside_a_text_or_in_quotes_is_kept() -> None:
    assert plain("a: x\u00a0y\nb: '\u00a0x'") == {"a": "x\u00a0y", "b": "\u00a0x"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "a:\n\t- b",
            "2:1: not YAML: a tab (indent with spaces)",
        ),
        ("a: {b: 1\n\n", "1:4: not YAML: expected ',' or '}', but got the end of the file"),
        ("a: [\n\n", "1:5: not YAML: expected the node content, but found the end of the file"),
        ('a: "b', "1:4: not YAML: quotes that are not closed"),
        ("a: !<b", "1:4: not YAML: expected '>', but found the end of the file"),
        ("a: b: c", "1:5: not YAML: a colon where no key can be"),
        ('a: "\\UFFFFFFFF"', "1:7: not YAML: a number out of range"),
        (f"%YAML 1.{'1' * 5000}\n---\n", "1:9: not YAML: a number out of range"),
        ("a\n---\nb", "2:1: a second document"),
        ("a: 1\nb: \x07", "2:4: the character U+0007 is not allowed in YAML"),
        (b"a: 1\nb: \xc3\xa9\xff", "2:5: not UTF-8"),
        ('a: "\\ud800"', "1:4: a: half a surrogate pair"),
    ],
)
def test_a_text_that_is_not_yaml_is_one_error_with_its_place(text: str | bytes, fault: str) -> None:
    (found,) = faults(text)
    assert found.startswith(fault)


def test_errors_before_a_syntax_error_are_reported_too() -> None:
    assert [fault.split(":")[0] for fault in faults("a: 010\nb: {c: d\n")] == ["1", "2"]


def test_aliases_that_multiply_are_limited() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    (fault,) = faults("\n".join(lines))
    assert "more than 100,000 values" in fault


def test_depth_is_limited_through_aliases_too() -> None:
    assert "nested deeper than 64 levels" in faults("[" * 5000)[0]
    deep = "[" * 40 + "]" * 40
    assert faults(f"a: &a {deep}") == []
    assert "nested deeper than 64 levels" in faults(f"a: &a {deep}\nb: {'[' * 40}*a{']' * 40}")[0]


def test_a_file_over_one_mebibyte_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 10))
    assert faults(content(path)) == ["1:1: larger than 1 MiB (check that this is the right file)"]


def test_a_file_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigError) as caught:
        content(path)
    advice = "name a file that exists and that this user may read"
    assert str(caught.value) == f"{path}:1:1: cannot be read: no such file or directory ({advice})"


words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"], exclude_characters="\ufeff"))
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(json_like)
def test_json_has_the_same_value_as_yaml(value: Json) -> None:
    assert plain(json.dumps(value, ensure_ascii=False)) == value


def test_a_configuration_in_a_pipe_or_folder_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ConfigError, match=r":1:1: not a regular file \(write it to a file"):
            content(path)


def test_a_configuration_from_a_process_substitution_is_refused() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "w"), pytest.raises(ConfigError, match="not a regular file"):
        content(Path(f"/dev/fd/{reader}"))
