"""Checks the sample tables of MP4 and QuickTime files before a decoder believes them.

A demuxer takes memory for as many frames as the table says. Every frame takes at least one byte of the file, so a table
that claims more frames than the file has bytes is false; and boxes lie a few deep, not thousands.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from syncline.errors import SynclineError

_HOLD_OTHERS = frozenset([b"moov", b"trak", b"mdia", b"minf", b"stbl"])
_MAX_BOXES = 100_000
_MAX_DEPTH = 16


def refuse_false_tables(path: Path) -> None:
    """Look through the boxes of an MP4 or QuickTime file; other files, and the tables of sound, pass.

    Raises:
        SynclineError: a table that claims more frames than the file has bytes, or boxes nested too deep.
        OSError: a file that cannot be read.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if file.read(8)[4:] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
            return
        _Boxes(file, size, path).walk(0, size)


class _Boxes:
    def __init__(self, file: BinaryIO, size: int, path: Path) -> None:
        self._file, self._size, self._path = file, size, path
        self._left = _MAX_BOXES
        self._kind = b""  # of the track, as its handler says

    def walk(self, start: int, end: int, depth: int = 0) -> None:
        if depth > _MAX_DEPTH:
            raise SynclineError(f"{self._path}: boxes nested more than {_MAX_DEPTH} deep, which no camera writes")
        while start + 8 <= end and self._left > 0:
            self._left -= 1
            self._file.seek(start)
            head = self._file.read(24)
            if len(head) < 8:
                return
            length, kind = struct.unpack(">I4s", head[:8])
            inside = start + 8
            if length == 1 and len(head) >= 16:
                length, inside = struct.unpack(">Q", head[8:16])[0], start + 16
            elif length == 0:
                length = end - start
            if length < inside - start:
                return
            if kind in _HOLD_OTHERS:
                self._kind = b"" if kind == b"trak" else self._kind
                self.walk(inside, min(end, start + length), depth + 1)
            elif kind == b"hdlr":
                self._kind = head[16:20]
            elif kind == b"stsz" and len(head) >= 20 and self._kind != b"soun":
                each, count = struct.unpack(">II", head[12:20])
                if count * max(1, each) > self._size:
                    raise SynclineError(
                        f"{self._path}: claims {count} frames, more than its {self._size} bytes can hold"
                    )
            start += length
