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
    """Hits of the verb, and of the single frames that are most alike, by set and features; means over runs."""
    found = {key_of(row): row for row in measured if "verb" in row}
    kinds: dict[tuple[str, str], list[str]] = {}
    for name, features, _ in found:
        kinds.setdefault((name, _kind(features)), []).append(features)
    yield "| set | features | runs | `transfer`, 1 / 3 / 10 labelled | nearest frame, 1 / 3 / 10 labelled |"
    yield "|---|---|---|---|---|"
    for (name, kind), several in sorted(kinds.items(), key=lambda item: (item[0][0], "run on" in item[0][1])):
        features = list(dict.fromkeys(several))
        rows = [[found[name, one, count] for one in features if (name, one, count) in found] for count in COUNTS]
        if all(len(of_count) == len(features) for of_count in rows):
            runs = len(features) if features != [kind] else ""
            yield f"| {name} | {kind} | {runs} | {_three(rows, 'verb')} | {_three(rows, 'nearest')} |"


def _kind(features: str) -> str:
    """What several runs have in common, in words: their names are trained_KIND_SEED, or trained_new_KIND_SEED."""
    if not features.startswith("trained_"):
        return features
    kind = features.removeprefix("trained_").rsplit("_", 1)[0]
    return f"run on {kind.removeprefix('new_')}, {'new clips' if kind.startswith('new_') else 'in its folder'}"


def key_of(row: dict[str, Any]) -> tuple[str, str, int]:
    """What a measurement is of."""
    return row["set"], row["features"], row["labelled"]


def _three(rows: Sequence[Sequence[dict[str, Any]]], way: str) -> str:
    """Means over runs of the hits and of their intervals' ends, for each number of labelled videos."""
    means = [[sum(row[way][key] for row in runs) / len(runs) for key in ("hits", "low", "high")] for runs in rows]
    return " / ".join(f"{hits:.0f} ({low:.0f} to {high:.0f})" for hits, low, high in means)


def _cell(row: dict[str, Any]) -> str:
    direct, consensus = row["direct"], row["consensus"]
    return f"{direct['hits']:.0f} / {consensus['hits']:.0f} ({consensus['low']:.0f} to {consensus['high']:.0f})"
