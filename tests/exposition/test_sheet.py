"""Laws of a sheet: it is its lines, as text and compressed."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.exposition.sheet import LINES, Sheet, gzipped, pack

texts = st.binary(max_size=200) | st.sampled_from([b"nativechat_any 1.0\n" * 200, b"\0" * 70_000])
lines = st.integers(0, 3 * LINES - 1)


@given(st.lists(texts))
def test_what_is_compressed_piece_by_piece_is_one_member_of_gzip(parts: list[bytes]) -> None:
    packed = gzipped(map(pack, parts))
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    assert reader.decompress(packed) == b"".join(parts)
    assert (reader.eof, reader.unused_data) == (True, b"")


def test_the_systems_own_gzip_has_nothing_to_say() -> None:
    tool = shutil.which("gzip")
    assert tool
    packed = gzipped([pack(b"one\n" * 3000), pack(b""), pack(b"two\n")])
    read = subprocess.run([tool, "-dc"], input=packed, capture_output=True, timeout=60, check=False)
    assert (read.returncode, read.stdout, read.stderr) == (0, b"one\n" * 3000 + b"two\n", b"")


@given(st.lists(st.tuples(lines, st.none() | st.sampled_from([b"", b" 1\n", b" 2\n"]), st.booleans())))
def test_a_sheet_is_its_lines_whatever_was_read_between(
    steps: list[tuple[int, bytes | None, bool]],
) -> None:
    sheet = Sheet()
    names = [f"line {number}".encode() for number in range(3 * LINES)]
    others = dict.fromkeys(range(0, len(names), 7), b"other")
    for number, name in enumerate(names):
        assert sheet.add(name, others.get(number)) == number
    values: dict[int, bytes] = {}
    for line, value, openmetrics in steps:
        if value is None:
            sheet.hide(line)
            values.pop(line, None)
        else:
            sheet.show(line, value)
            values[line] = value
        wanted = (
            (others.get(number, names[number]) if openmetrics else names[number]) + values[number]
            for number in sorted(values)
        )
        assert (text := sheet.text(openmetrics=openmetrics)) == b"".join(wanted)
        assert gzip.decompress(gzipped(sheet.packed(openmetrics=openmetrics))) == text


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_line_that_changes_makes_one_piece_anew(openmetrics: bool) -> None:
    sheet = Sheet()
    for _ in range(3 * LINES):
        sheet.show(sheet.add(b"name"), b" 1\n")
    before = sheet.packed(openmetrics=openmetrics)
    sheet.show(LINES, b" 2\n")
    sheet.show(0, b" 1\n")
    after = sheet.packed(openmetrics=openmetrics)
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, False, True]
