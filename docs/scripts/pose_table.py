"""The table of `docs/pose.md`, from `benchmarks/results/pose.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

COUNTS = (1, 3, 10)


def table(measured: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Hits directly and with consensus by set and features; the newest measurement of each counts."""
    found = {(row["set"], row["features"], row["labelled"]): row for row in measured}
    yield "| set | features | " + " | ".join(f"{count} labelled" for count in COUNTS) + " |"
    yield "|---|---|" + "---|" * len(COUNTS)
    for name, kind in dict.fromkeys((name, kind) for name, kind, _ in found):
        cells = [_cell(found[name, kind, count]) for count in COUNTS if (name, kind, count) in found]
        if len(cells) == len(COUNTS):
            yield f"| {name} | {kind} | " + " | ".join(cells) + " |"


def _cell(row: dict[str, Any]) -> str:
    direct, consensus = row["direct"], row["consensus"]
    return f"{direct['hits']:.0f} / {consensus['hits']:.0f} ({consensus['low']:.0f} to {consensus['high']:.0f})"
