"""Keeps lines of text, and compresses them again only near one that has changed."""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

LINES: Final = 64
"""Lines to a piece: few enough that a changed one costs little, enough that they compress tenfold."""

_LEVEL: Final = 1
"""Text of metrics shrinks tenfold at the lowest level already; a higher one costs more than it saves."""

_WINDOW_BITS: Final = -12
_MEMORY_LEVEL: Final = 5
"""With these zlib asks for 30 kB rather than 256 to compress a piece; negative bits leave the frame to us."""

_GZIP_HEAD: Final = b"\x1f\x8b\x08\0\0\0\0\0\x04\xff"
_GZIP_END: Final = b"\x03\0"
"""The last block of a deflated stream, empty."""


_ZEROS: Final = memoryview(bytes(5 * 1024))
"""As many as zlib reads without letting go of the interpreter, which a busy thread would take each time."""


class Packed(NamedTuple):
    """Some lines, compressed: blocks of a deflated stream that refer to no other piece.

    `size` is that of the text, and `mark` is how its checksum differs from that of so many zeros. With both
    the checksum of a page is found without its text.
    """

    deflated: bytes
    size: int
    mark: int


def pack(text: bytes) -> Packed:
    """Return a text as a piece of a page."""
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    deflated = deflater.compress(text) + deflater.flush(zlib.Z_FULL_FLUSH)
    return Packed(deflated, len(text), zlib.crc32(text) ^ _past_zeros(0, len(text)))


def gzipped(pieces: Iterable[Packed]) -> bytes:
    """Return the pieces as one member of gzip: some readers stop after the first."""
    checksum = total = 0
    parts = [_GZIP_HEAD]
    for deflated, size, mark in pieces:
        # A checksum is linear: what comes before a text changes it as it changes that of zeros.
        checksum = _past_zeros(checksum, size) ^ mark
        total += size
        parts.append(deflated)
    return b"".join((*parts, _GZIP_END, struct.pack("<II", checksum, total & 0xFFFFFFFF)))


def _past_zeros(checksum: int, zeros: int) -> int:
    """Return a checksum, carried on over so many zeros."""
    while zeros > len(_ZEROS):
        checksum = zlib.crc32(_ZEROS, checksum)
        zeros -= len(_ZEROS)
    return zlib.crc32(_ZEROS[:zeros], checksum)


class Sheet:
    """Lines in two formats that differ in few of them: a name and a value, or hidden; not locked."""

    def __init__(self) -> None:
        self._names: list[bytes] = []
        # Name and value by turns, empty where the line is hidden, so that one join makes a piece.
        self._parts: list[bytes] = []
        self._in_openmetrics: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
        self._packed: tuple[list[Packed | None], list[Packed | None]] = ([], [])
        self._changed: set[int] = set()

    def add(self, name: bytes, openmetrics: bytes | None = None) -> int:
        """Add a line, hidden for now, and return its number; its name may be another one in OpenMetrics."""
        line = len(self._names)
        self._names.append(name)
        self._parts += (b"", b"")
        if openmetrics not in (None, name):
            self._in_openmetrics[line // LINES].append((line % LINES, openmetrics))
        if line % LINES == 0:
            for pieces in self._packed:
                pieces.append(None)
        return line

    def shows(self, line: int) -> bool:
        """Tell whether a line is not hidden."""
        return bool(self._parts[2 * line])

    def show(self, line: int, value: bytes) -> None:
        """Give a line a value; an empty one will do."""
        if self._parts[2 * line + 1] != value or not self._parts[2 * line]:
            self._parts[2 * line] = self._names[line]
            self._parts[2 * line + 1] = value
            self._changed.add(line // LINES)

    def hide(self, line: int) -> None:
        """Take a line away until it is shown again."""
        self._parts[2 * line] = self._parts[2 * line + 1] = b""
        self._changed.add(line // LINES)

    def text(self, *, openmetrics: bool) -> bytes:
        """Return the sheet in one of the two formats."""
        return b"".join(self._join(number, openmetrics) for number in range(len(self._packed[openmetrics])))

    def packed(self, *, openmetrics: bool) -> list[Packed]:
        """Return the same, compressed; what has not changed since the last time is at hand."""
        for pieces in self._packed:
            for number in self._changed:
                pieces[number] = None
        self._changed.clear()
        pieces = self._packed[openmetrics]
        return [piece or self._pack(number, openmetrics) for number, piece in enumerate(pieces)]

    def _pack(self, number: int, openmetrics: bool) -> Packed:
        piece = self._packed[openmetrics][number] = pack(self._join(number, openmetrics))
        return piece

    def _join(self, number: int, openmetrics: bool) -> bytes:
        parts = self._parts[2 * LINES * number : 2 * LINES * (number + 1)]
        if openmetrics:
            for line, name in self._in_openmetrics[number]:
                parts[2 * line] = name if parts[2 * line] else b""
        return b"".join(parts)
