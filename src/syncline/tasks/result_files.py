"""Results as CSV rows and plain JSON values."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from syncline.data import Embedding
from syncline.files import write_text
from syncline.tasks.alignment_result import Alignment
from syncline.tasks.sync import Timeline


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a CSV with the given columns; None and NaN are empty cells."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    for row in rows:
        table.writerow(["" if plain(row.get(name)) is None else plain(row.get(name)) for name in columns])
    write_text(path, text.getvalue())


def plain(value: Any) -> Any:
    """A value as JSON and CSV hold it: numpy's numbers as Python's, rounded to microseconds; NaN as None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def alignment_rows(alignment: Alignment, a: Embedding, b: Embedding) -> list[dict[str, Any]]:
    """Every matched pair and every frame that lies in a gap, in order of time.

    Columns: `time_a`, `time_b` (seconds; None on the side that has no counterpart), `confidence` of a match, `kind`
    (`match` or `gap`), `segment` (number of the matched stretch from 0, None in a gap).
    """
    rows = []
    for number, segment in enumerate(alignment.segments):
        for k in range(segment.first, segment.last + 1):
            one, other = (float(second) for second in alignment.times[k])
            sure = float(alignment.confidence[k])
            rows.append({"time_a": one, "time_b": other, "confidence": sure, "kind": "match", "segment": number})
    for video, embedding in (("a", a), ("b", b)):
        for gap in alignment.gaps:
            inside = (embedding.pts_seconds >= gap.start - 1e-9) & (embedding.pts_seconds < gap.end - 1e-9)
            if gap.video == video:
                for second in embedding.pts_seconds[inside]:
                    rows.append({f"time_{video}": float(second), "kind": "gap"})
    return sorted(rows, key=lambda row: _order(row, alignment))


def _order(row: Mapping[str, Any], alignment: Alignment) -> tuple[float, float]:
    """Order: A's time; a frame of B alone stands after the last pair before it."""
    if "time_a" in row:
        return float(row["time_a"]), float(row.get("time_b", math.inf))
    before = alignment.times[alignment.times[:, 1] <= row["time_b"], 0]
    return (float(before.max()) if len(before) else -math.inf), float(row["time_b"])


def alignment_value(alignment: Alignment, a: Embedding, b: Embedding) -> dict[str, Any]:
    """An alignment as JSON holds it; `pairs` are the rows of `alignment_rows`."""
    return {
        "a": a.source,
        "b": b.source,
        "mode": alignment.mode,
        "matches": alignment.matches,
        "match_score": plain(alignment.match_score),
        **({} if alignment.carried is None else {"carried": plain(alignment.carried), "linked": alignment.linked}),
        "score": plain(alignment.score),
        "segments": [
            {"start_a": plain(s.start_a), "end_a": plain(s.end_a), "start_b": plain(s.start_b), "end_b": plain(s.end_b),
             "score": plain(s.score)}
            for s in alignment.segments
        ],
        "gaps": [{"video": g.video, "start": plain(g.start), "end": plain(g.end)} for g in alignment.gaps],
        "slower": [{"video": g.video, "start": plain(g.start), "end": plain(g.end)} for g in alignment.slower],
        "pairs": [{key: plain(value) for key, value in row.items()} for row in alignment_rows(alignment, a, b)],
    }  # fmt: skip


def timeline_rows(timeline: Timeline, names: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """One row an instant of the common time, and the columns: `seconds`, then one a video (NaN: no part in it)."""
    rows = [
        {"seconds": float(second), **{name: float(at) for name, at in zip(names, column, strict=True)}}
        for second, column in zip(timeline.seconds, timeline.positions.T, strict=True)
    ]
    return rows, ["seconds", *names]
