"""Laws of answers: what is a count or a list of rows, and what is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import BadAnswer
from exporter.nativechat.answers import LARGEST_COUNT, read_count, read_rows, read_shape

DEEP = b"[" * 100_000

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"count":7}', 7),
        (b'{"count": 0}', 0),
        (b"7", 7),
        (b" 7\r\n", 7),
        (b"0", 0),
        (b'{"Result":7}', 7),
        (b'{"Count":7}', 7),
        (b'{"count":7,"Count":7}', 7),
        (b'{"Count":7,"Result":7}', 7),
        (b'\n{\n"count" : 7 }\t', 7),
        (b'\xef\xbb\xbf{"count":7}', 7),
        (b"9007199254740992", LARGEST_COUNT),
    ],
)
def test_the_four_shapes_are_counts(body: bytes, count: int) -> None:
    assert read_count(body) == count


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"\xef\xbb\xbf", "not JSON"),
        (b"<html><body>7</body></html>", "not JSON"),
        (b"seven", "not JSON"),
        (b'{"count":7', "not JSON"),
        (b'{"count":7} x', "not JSON"),
        (b'{"count":7}{"count":7}', "not JSON"),
        (b"7 8", "not JSON"),
        (b"+7", "not JSON"),
        (b"07", "not JSON"),
        (b"0x7", "not JSON"),
        (b"7,000", "not JSON"),
        (b"{'count':7}", "not JSON"),
        (b'{"count":7,}', "not JSON"),
        (b'{"count":\xff}', "not JSON"),
        (b'"\xed\xa0\x80"', "not JSON"),
        ('{"count":7}'.encode("utf-16"), "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"NaN", "NaN"),
        (b'{"count":NaN}', "NaN"),
        (b'{"count":Infinity}', "Infinity"),
        (b'{"count":-Infinity}', "Infinity"),
        (b'{"count":1e400}', "too large"),
        (b'{"count":7.0}', "no whole number"),
        (b'{"count":7.5}', "no whole number"),
        (b'{"count":1e3}', "no whole number"),
        (b"7.0", "no whole number"),
        (b'{"count":"7"}', "no whole number"),
        (b'"7"', "no whole number"),
        (b'{"count":true}', "no whole number"),
        (b"true", "no whole number"),
        (b"false", "no whole number"),
        (b'{"count":null}', "no whole number"),
        (b"null", "no whole number"),
        (b"[]", "no whole number"),
        (b"[7]", "no whole number"),
        (b'[{"count":7}]', "no whole number"),
        (b'{"count":[7]}', "no whole number"),
        (b'{"count":{"count":7}}', "no whole number"),
        (b'{"Count":1,"Result":[{"_id":"a"}]}', "no whole number"),
        (b'{"Count":0,"Result":[]}', "no whole number"),
        (b'{"count":7,"Count":true}', "no whole number"),
        (b'{"count":-1}', "negative"),
        (b"-1", "negative"),
        (b"9007199254740993", "beyond"),
        (b'{"count":7,"Count":8}', "disagree"),
        (b'{"count":7,"Result":8}', "disagree"),
        (b'{"count":7,"count":8}', "key twice"),
        (b'{"count":7,"count":7}', "key twice"),
        (b"{}", "not a count alone"),
        (b'{"total":7}', "not a count alone"),
        (b'{"COUNT":7}', "not a count alone"),
        (b'{"count":7,"error":"x"}', "not a count alone"),
        (b'{"count":7,"error":null}', "not a count alone"),
        (b'{"count":0,"message":"not found"}', "not a count alone"),
        (b'{"count":0,"errorCode":404}', "not a count alone"),
        (b'{"count":100,"total":4321}', "not a count alone"),
        (DEEP, "nested"),
        (b'{"count":' + DEEP, "nested"),
    ],
)
def test_everything_else_is_a_bad_answer(body: bytes, why: str) -> None:
    with pytest.raises(BadAnswer, match=why):
        read_count(body)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_count_from_zero_up_or_a_bad_answer(body: bytes) -> None:
    try:
        count = read_count(body)
    except BadAnswer:
        return
    assert type(count) is int
    assert 0 <= count <= LARGEST_COUNT


@given(
    st.integers(0, LARGEST_COUNT), st.sampled_from(["%d", '{"count":%d}', '{"Count":%d}', '{"Result":%d}'])
)
def test_every_count_is_read_in_every_shape(count: int, shape: str) -> None:
    assert read_count((shape % count).encode()) == count


@pytest.mark.parametrize("shape", [b"%b", b'{"Result":%b}', b'{"Count":2,"Result":%b}', b"\xef\xbb\xbf%b"])
def test_rows_come_bare_or_in_the_envelope(shape: bytes) -> None:
    rows = [{"_id": "a", "Errors": 1.5}, {"_id": "b", "Data": {"ö": [None, True]}}]
    assert read_rows(shape % json.dumps(rows).encode()) == rows
    assert read_rows(shape % b"[]") == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b"<html>", "not JSON"),
        (b"[{]", "not JSON"),
        (b"[{}", "not JSON"),
        (b'[{"a":NaN}]', "NaN"),
        (b'[{"a":1e999}]', "too large"),
        (b'[{"a":1,"a":2}]', "key twice"),
        (b"7", "not a list"),
        (b"null", "not a list"),
        (b"{}", "not a list"),
        (b'{"count":7}', "not a list"),
        (b'{"Result":7}', "not a list"),
        (b'{"Result":[],"error":"x"}', "not a list"),
        (b'{"Count":7}', "not a list"),
        (b"[1]", "not all objects"),
        (b"[{}, []]", "not all objects"),
        (b'{"Result":[null]}', "not all objects"),
        (DEEP, "nested"),
    ],
)
def test_what_is_no_list_of_objects_is_a_bad_answer(body: bytes, why: str) -> None:
    with pytest.raises(BadAnswer, match=why):
        read_rows(body)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_rows_or_a_bad_answer(body: bytes) -> None:
    try:
        rows = read_rows(body)
    except BadAnswer:
        return
    assert all(isinstance(row, dict) for row in rows)


@given(st.binary(min_size=8))
def test_a_bad_answer_quotes_nothing_of_the_body(body: bytes) -> None:
    with pytest.raises(BadAnswer) as caught:
        read_count(b'{"message":"' + body)
    assert repr(body)[2:-1] not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b'{"count":7}', '{"count": N}'),
        (b"7.5", "N"),
        (
            b'{"data":{"total":7,"ok":true,"by":"Ada","next":null}}',
            '{"data": {"total": N, "ok": true, "by": text, "next": null}}',
        ),
        (b'[{"n":1},{"n":2}]', '[{"n": N}]'),
        (b"[]", "[]"),
        (b'{"a":{"b":{"c":{"d":1}}}}', '{"a": {"b": {"c": \u2026}}}'),
        (b'{"ada@example.org":1}', '{"\u2026": N}'),
        (b'{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1}', '{"a": N, "b": N, "c": N, "d": N, "e": N, "f": N}'),
    ],
)
def test_the_shape_of_an_answer_has_names_of_keys_and_nothing_else(body: bytes, shape: str) -> None:
    assert read_shape(body) == shape


@given(JSON)
def test_every_json_has_a_shape(value: object) -> None:
    text = json.dumps(value)
    try:
        assert len(read_shape(text.encode())) < 60_000
    except BadAnswer:
        assert "NaN" in text or "Infinity" in text
