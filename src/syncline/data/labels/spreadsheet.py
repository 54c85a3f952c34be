"""Reads tables as people write them: encodings, separators, headers, numbers and times.

| what | read |
|---|---|
| encoding | UTF-8 with or without a byte order mark, UTF-16, otherwise Windows-1252 |
| lines | any of CR, LF, CRLF; a first line `sep=;` as Excel wants it; quoted line breaks |
| separator | tab, `;`, `,` or a bar: the one that names the most columns of the header |
| number | `1.5`, `1,5`, `36.0` |
| time | seconds, `mm:ss`, `hh:mm:ss`, either with a fraction; `hh:mm:ss:ff` where the frame rate is known |
| absent | an empty cell, `-1`, `NA`, `NaN`, `none`, `absent`, `-` |
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from syncline.errors import SynclineError

csv.field_size_limit(1 << 24)
_SEPARATORS = "\t;,|"
_ABSENT = {"", "-1", "na", "n/a", "nan", "none", "null", "absent", "-", "#n/a"}
_TIME = re.compile(r"(?:(?:(\d{1,6}):)?(\d{1,6}):)?(\d{1,12}(?:[.,]\d*)?|[.,]\d+)")
_TIMECODE = re.compile(r"(\d{1,6}):(\d{1,2}):(\d{1,2})([:;])(\d{1,3})")


@dataclass(frozen=True)
class Table:
    """Rows of a table by the names of their columns.

    Attributes:
        columns: names as they stand in the header.
        rows: (number of its line, cell of each column) of every row that is not empty.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def named(self, known: dict[str, str]) -> list[tuple[int, dict[str, str]]]:
        """Rows by known names: `known` maps a spelling (`plain_name`) to the name that is wanted; others are dropped.

        Of several columns of one name the first is taken.
        """
        names = [known.get(plain_name(column)) for column in self.columns]
        first = {name: k for k, name in reversed(list(enumerate(names))) if name is not None}
        return [(number, {name: cells[k].strip() for name, k in first.items()}) for number, cells in self.rows]

    def unknown(self, known: Iterable[str]) -> list[str]:
        """Columns that are none of these spellings."""
        spellings = set(known)
        return [column for column in self.columns if column.strip() and plain_name(column) not in spellings]


def plain_name(column: str) -> str:
    """The name of a column without case, spaces, punctuation and unit.

    Examples:
        >>> plain_name(" Start (s)"), plain_name("Event-Names"), plain_name("event_seconds")
        ('start', 'eventnames', 'eventseconds')
    """
    return re.sub(r"[^0-9a-zà-ÿ]", "", re.sub(r"[(\[].*?[)\]]", "", column.casefold()))


def unit_of(column: str) -> str:
    """The unit that a column names in brackets, "" where it names none.

    Examples:
        >>> unit_of("Start (ms)"), unit_of("Time [Frames]"), unit_of("time")
        ('ms', 'frames', '')
    """
    said = re.search(r"[(\[]\s*(.*?)\s*[)\]]", column.casefold())
    return said[1] if said else ""


def decoded(content: bytes) -> str:
    """The text of a table, whatever wrote it; line ends become LF.

    Raises:
        SynclineError: it is no text.

    Examples:
        >>> decoded("grün".encode("cp1252")), decoded("a\\r\\nb".encode("utf-16"))
        ('grün', 'a\\nb')
    """
    encodings = ["utf-8-sig", "cp1252"]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\0" in content[:400]:
        encodings = ["utf-16-le" if content[1:2] == b"\0" else "utf-16-be"]
    text = None
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            text = content.decode(encoding) if text is None else text
    if text is None:
        raise SynclineError("it is no text in UTF-8, UTF-16 or Windows-1252")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def separator_of(text: str) -> str:
    """Finds the separator: as the line `sep=` says, otherwise the one that cuts the first lines into most cells."""
    said = re.match(r"\s*sep=(.)\n", text)
    if said:
        return said[1]
    line = next((line for line in text.split("\n") if line.strip()), "")
    return max(_SEPARATORS, key=lambda separator: len(_cells(line, separator)))


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def raw_rows(text: str, separator: str) -> list[list[str]]:
    """All cells of a text, line by line, without a line `sep=`; spaces before a quote do not hide it."""
    text = re.sub(r"\A\s*sep=.\n", "", text)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True))


def read_table(content: bytes) -> Table:
    """A table with a header in its first line that is not empty.

    Raises:
        SynclineError: no rows, or a row with more cells than the header names.
    """
    text = decoded(content)
    rows = [row for row in enumerate(raw_rows(text, separator_of(text)), 1) if any(map(str.strip, row[1]))]
    if not rows:
        raise SynclineError("it has no rows")
    header, filled = rows[0][1], []
    if len(rows) < 2:
        raise SynclineError(f"it has no rows below its first line ({columns_seen(header)})")
    for number, row in rows[1:]:
        if any(map(str.strip, row[len(header) :])):
            raise SynclineError(
                f"row {number} has {len(row)} cells for the {len(header)} columns of the header; a cell that holds the "
                "separator must stand in quotes"
            )
        filled.append((number, tuple(row[: len(header)] + [""] * (len(header) - len(row)))))
    return Table(tuple(header), tuple(filled))


def columns_seen(columns: Sequence[str]) -> str:
    """The columns of a table in words, for messages."""
    return "its columns: " + (", ".join(repr(column.strip()[:40]) for column in list(columns)[:12]) or "none")


def is_absent(cell: str) -> bool:
    """Whether a cell says that an event is not there."""
    return cell.strip().casefold() in _ABSENT


def as_number(cell: str) -> float:
    """A number with a decimal point or comma.

    Raises:
        ValueError: it is none, or not finite.

    Examples:
        >>> as_number("1,5"), as_number(" 36.0")
        (1.5, 36.0)
    """
    text = cell.strip()
    value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    if not math.isfinite(value):
        raise ValueError(f"{cell!r} is no number")
    return value


def as_frame(cell: str) -> int:
    """A frame number; `36.0` is one, and spaces or apostrophes may part its thousands.

    Raises:
        ValueError: it is none.

    Examples:
        >>> as_frame("36.0"), as_frame("1'234")
        (36, 1234)
    """
    text = re.sub(r"(?<=\d)['’\u00a0\u202f ](?=\d{3}(?!\d))", "", cell.strip())
    try:
        value = as_number(text)
    except ValueError as error:
        raise ValueError(f"event {cell.strip()!r} is no frame number") from error
    if value != int(value):
        raise ValueError(f"event {cell.strip()!r} is no frame number; give times in a column of seconds")
    return int(value)


def as_seconds(cell: str, frame_rate: float | None = None) -> float:
    """Seconds, or a time with colons.

    Raises:
        ValueError: it is none, or it counts frames and their rate is not known.

    Examples:
        >>> as_seconds("0:01.2"), as_seconds("1:00:00"), as_seconds("3,4"), as_seconds("00:00:01:06", 30)
        (1.2, 3600.0, 3.4, 1.2)
    """
    text = cell.strip()
    code = _TIMECODE.fullmatch(text)
    if code is not None:
        if frame_rate is None:
            raise ValueError(f"{text!r} counts frames; give their rate in a column fps, or seconds")
        hours, minutes, seconds, frames = (int(code[k]) for k in (1, 2, 3, 5))
        return _of_timecode(60 * hours + minutes, seconds, frames, frame_rate, drops=code[4] == ";")
    if ":" not in text:
        try:
            return as_number(text.removesuffix("s"))
        except ValueError as error:
            raise ValueError(f"{text[:40]!r} is no time in seconds") from error
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text[:40]!r} is no time; expected seconds, mm:ss or hh:mm:ss")
    return 3600.0 * int(parts[1] or 0) + 60 * int(parts[2] or 0) + float(parts[3].replace(",", "."))


def _of_timecode(minutes: int, seconds: int, frames: int, frame_rate: float, *, drops: bool) -> float:
    """Seconds of a time code. At 23.976, 29.97 and 59.94 it counts 24, 30 and 60 frames to its second.

    Drop-frame codes (with `;`) leave out two numbers of 30 in every minute but each tenth, four of 60.

    Examples:
        >>> round(_of_timecode(10, 0, 0, 29.97, drops=False), 3), round(_of_timecode(10, 0, 0, 29.97, drops=True), 3)
        (600.6, 599.999)
        >>> _of_timecode(10, 0, 15, 30.0, drops=False)
        600.5
    """
    nominal = round(frame_rate)
    exact = nominal / 1.001
    if not nominal or abs(frame_rate - exact) > 5e-3:
        return 60.0 * minutes + seconds + frames / frame_rate
    left_out = nominal // 15 * (minutes - minutes // 10) if drops else 0
    return ((60 * minutes + seconds) * nominal + frames - left_out) / exact
