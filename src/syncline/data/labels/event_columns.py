"""Tables with a column an event: `video,grasp,lift,release`, and a time or nothing in each cell."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from syncline.data.labels.spreadsheet import Table, as_seconds, is_absent, plain_name, unit_of
from syncline.errors import SynclineError

_FACTORS = {
    "": 1.0, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "mm:ss": 1.0, "hh:mm:ss": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
}  # fmt: skip
_FRAMES = ("frame", "frames", "fr")
_UNIT_AT_END = re.compile(r"[\s_-]+(frames?|ms|msec|milliseconds?|s|secs?|seconds?)\s*$", re.IGNORECASE)
_NUMBERS = {
    "id", "index", "unnamed0", "episode", "episodeindex", "repetitions", "reps", "weight", "distance",
    "number", "no", "nr", "row", "subject", "participant", "person", "patient", "trial",
    "session", "take", "repetition", "rep", "score", "age", "camera", "width", "height",
}  # fmt: skip
"""Columns that hold numbers which are no times."""


@dataclass(frozen=True)
class EventColumn:
    """A column that holds when one event happens in each video.

    Attributes:
        index: which column of the table. name: the event: its header without a unit.
        factor: what makes seconds of its numbers; None where they count frames. unit: whether the header names it.
    """

    index: int
    name: str
    factor: float | None
    unit: bool


def event_columns(table: Table, claimed: Collection[str], *, manifest: bool = False) -> list[EventColumn]:
    """The columns that hold times or nothing, and at least one time.

    Args:
        table: its rows. claimed: plain names of columns that are something else.
        manifest: whether there may be columns of somebody's own. Where there are, numbers are times only in columns
            whose header names a unit.

    Raises:
        SynclineError: a column in which some cells are times and others are neither times nor empty; not of a manifest.
    """
    found, own = [], False
    for index, header in enumerate(table.columns):
        unit, name = _unit_and_name(header)
        if not name or plain_name(header) in claimed:
            continue
        if plain_name(header) in _NUMBERS or (unit not in _FACTORS and unit not in _FRAMES):
            own = True
            continue
        cells = [(number, row[index]) for number, row in table.rows if not is_absent(row[index])]
        odd = next(((number, cell.strip()) for number, cell in cells if not _is_time(cell)), None)
        if odd is None and cells:
            found.append(EventColumn(index, name, _FACTORS.get(unit), bool(unit)))
        elif odd is not None and manifest:
            own = True
        elif odd is not None and any(_is_time(cell) for _, cell in cells):
            raise SynclineError(
                f"row {odd[0]}: {odd[1][:40]!r} in column {header.strip()!r} is no time, where other rows have one; "
                "correct it, or leave the column out"
            )
    if manifest and (own or any(column.unit for column in found)):
        return [column for column in found if column.unit]
    return found


def _unit_and_name(header: str) -> tuple[str, str]:
    """Unit and event of a header.

    Examples:
        >>> _unit_and_name("Lift off (ms)"), _unit_and_name("grasp_frame"), _unit_and_name(" grasp ")
        (('ms', 'Lift off'), ('frame', 'grasp'), ('', 'grasp'))
    """
    name = re.sub(r"[(\[].*?[)\]]", "", header).strip()
    at_end = _UNIT_AT_END.search(name)
    if unit_of(header) or at_end is None or at_end.start() == 0:
        return unit_of(header), name
    return at_end[1].casefold(), name[: at_end.start()]


def _is_time(cell: str) -> bool:
    try:
        as_seconds(cell, 25.0)  # of a time code the rate does not matter here
    except ValueError:
        return False
    return True
