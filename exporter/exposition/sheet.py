"""Joins and compresses lines of text, again only near a line that has changed."""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

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


class Piece:
    """Some lines as text, and once somebody has asked for that, compressed."""

    __slots__ = ("_deflated", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._deflated: bytes | None = None

    def deflated(self) -> bytes:
        """Return the text as blocks of a deflated stream that refer to no other piece."""
        if self._deflated is None:
            deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
            self._deflated = deflater.compress(self.text) + deflater.flush(zlib.Z_FULL_FLUSH)
        return self._deflated


def gzipped(pieces: Iterable[Piece]) -> bytes:
    """Return the pieces as one member of gzip: some readers stop after the first."""
    checksum = size = 0
    parts = [_GZIP_HEAD]
    for piece in pieces:
        checksum = zlib.crc32(piece.text, checksum)
        size += len(piece.text)
        parts.append(piece.deflated())
    return b"".join((*parts, _GZIP_END, struct.pack("<II", checksum, size & 0xFFFFFFFF)))


class Sheet:
    """Lines in two formats that differ in few of them: a name and a value, or hidden; not locked."""

    def __init__(self) -> None:
        self._names: list[bytes] = []
        # Name and value by turns, empty where the line is hidden, so that one join makes a piece.
        self._parts: list[bytes] = []
        self._in_openmetrics: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
        self._pieces: tuple[list[Piece | None], list[Piece | None]] = ([], [])
        self._changed: set[int] = set()

    def add(self, name: bytes, openmetrics: bytes | None = None) -> int:
        """Add a line, hidden for now, and return its number; its name may be another one in OpenMetrics."""
        line = len(self._names)
        self._names.append(name)
        self._parts += (b"", b"")
        if openmetrics not in (None, name):
            self._in_openmetrics[line // LINES].append((line % LINES, openmetrics))
        if line % LINES == 0:
            for pieces in self._pieces:
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

    def pieces(self, *, openmetrics: bool) -> list[Piece]:
        """Return the sheet in one of the two formats."""
        for pieces in self._pieces:
            for number in self._changed:
                pieces[number] = None
        self._changed.clear()
        pieces = self._pieces[openmetrics]
        return [piece or self._join(number, openmetrics) for number, piece in enumerate(pieces)]

    def _join(self, number: int, openmetrics: bool) -> Piece:
        parts = self._parts[2 * LINES * number : 2 * LINES * (number + 1)]
        if openmetrics:
            for line, name in self._in_openmetrics[number]:
                parts[2 * line] = name if parts[2 * line] else b""
        piece = self._pieces[openmetrics][number] = Piece(b"".join(parts))
        return piece
