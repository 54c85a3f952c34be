"""The table of `docs/pose.md`, from `benchmarks/results/pose.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

COUNTS = (1, 3, 10)


def table(measured: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Hits directly and with consensus by set and features; the newest measurement of each counts."""
    found = {key_of(row): row for row in measured if not row["features"].startswith("trained")}
    yield "| set | features | " + " | ".join(f"{count} labelled" for count in COUNTS) + " |"
    yield "|---|---|" + "---|" * len(COUNTS)
    for name, kind in dict.fromkeys((name, kind) for name, kind, _ in found):
        cells = [_cell(found[name, kind, count]) for count in COUNTS if (name, kind, count) in found]
        if len(cells) == len(COUNTS):
            yield f"| {name} | {kind} | " + " | ".join(cells) + " |"


def verb_table(measured: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Hits of the verb, and of the single frames that are most alike, by set and features."""
    found = {key_of(row): row for row in measured if "verb" in row}
    yield "| set | features | `transfer`, 1 / 3 / 10 labelled | nearest frame, 1 / 3 / 10 labelled |"
    yield "|---|---|---|---|"
    for name, kind in dict.fromkeys((name, kind) for name, kind, _ in found):
        rows = [found[name, kind, count] for count in COUNTS if (name, kind, count) in found]
        if len(rows) == len(COUNTS):
            yield f"| {name} | {kind} | {_three(rows, 'verb')} | {_three(rows, 'nearest')} |"


def key_of(row: dict[str, Any]) -> tuple[str, str, int]:
    """What a measurement is of."""
    return row["set"], row["features"], row["labelled"]


def _three(rows: Sequence[dict[str, Any]], way: str) -> str:
    return " / ".join(f"{row[way]['hits']:.0f} ({row[way]['low']:.0f} to {row[way]['high']:.0f})" for row in rows)


def _cell(row: dict[str, Any]) -> str:
    direct, consensus = row["direct"], row["consensus"]
    return f"{direct['hits']:.0f} / {consensus['hits']:.0f} ({consensus['low']:.0f} to {consensus['high']:.0f})"
