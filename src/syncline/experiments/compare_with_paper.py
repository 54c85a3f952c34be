"""Compares our numbers with those printed in the LAC paper: differences, seeds, intervals, and what is missing.

The paper's numbers are data (`paper/*.csv`), not settings. An interval is of the mean over validation videos: these are
drawn anew within each action, values averaged over seeds first.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.evaluation.controls import CONTROLS
from syncline.evaluation.statistics import averaged
from syncline.wording import counted

Row = Mapping[str, Any]
_DRAWS = 2000


def paper_numbers(table: str) -> dict[str, dict[str, float]]:
    """The numbers printed in a table of the paper, in percent, by row and metric.

    Examples:
        >>> paper_numbers("table1")["LAC"]["tau"]
        97.5
    """
    path = files("syncline.experiments") / "paper" / f"{table}.csv"
    with path.open(encoding="utf-8") as file:
        return {
            row["row"]: {name: float(value) for name, value in row.items() if name != "row" and value}
            for row in csv.DictReader(file)
        }


def paper_row(row: str, table: str | None) -> str:
    """The row of the paper's table that one of ours is a form of ("LAC, corrected" of "LAC"), or "".

    Examples:
        >>> paper_row("LAC, corrected", "table1"), paper_row("CLIP", "table1")
        ('LAC', '')
    """
    if table is None:
        return ""
    name = row.split(", ")[0]
    return name if name in paper_numbers(table) else ""


def compare_with_paper(rows: Sequence[Row], table: str, *, actions: int) -> str:
    """Our means in percent beside the printed ones, as Markdown: ours with its interval, the paper's, the difference.

    Args:
        rows: of runs; controls are passed over. actions: over how many the paper takes its means; a row that was not
            measured on all of them says so.
    """
    printed = paper_numbers(table)
    metrics = list(dict.fromkeys(name for numbers in printed.values() for name in numbers))
    lines = [
        f"\n### Beside {table.replace('table', 'Table ')} of the paper\n",
        "ours [95 % interval over validation videos] / paper / difference, in points\n",
        "| row | seeds | " + " | ".join(metrics) + " |",
        "|---|---:|" + "---:|" * len(metrics),
    ]
    for name in dict.fromkeys(row["method"] for row in rows if row["method"] not in CONTROLS):
        own = [row for row in rows if row["method"] == name]
        sets = len({row["set"] for row in own})
        shown = name if sets == actions else f"{name} ({sets} of {actions} actions)"
        known = printed.get(name.split(", ")[0], {})
        cells = [_cell(own, metric, known.get(metric)) for metric in metrics]
        lines.append(f"| {shown} | {_seeds(own)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def weights_used(lines: Iterable[Mapping[str, Any]]) -> str:
    """From which weights the backbones of these runs started, as one sentence; "" where no run says."""
    rows: dict[str, list[str]] = {}
    for line in lines:
        if line.get("weights") and line["label"] not in rows.setdefault(line["weights"], []):
            rows[line["weights"]].append(line["label"])
    parts = "; ".join(f"{origin} ({', '.join(labels)})" for origin, labels in rows.items())
    return f"Backbones started from: {parts}.\n" if parts else ""


def runs_missing(planned: Iterable[tuple[str, str, int]], lines: Iterable[Mapping[str, Any]]) -> str:
    """Which of the planned runs (set, row, seed) are not among the lines, as one sentence; "" where all are."""
    there = {(line["set"], line["label"], line["seed"]) for line in lines}
    every = list(planned)
    rows: dict[str, int] = {}
    for run in every:
        if run not in there:
            rows[run[1]] = rows.get(run[1], 0) + 1
    if not rows:
        return ""
    which = ", ".join(f"{row} {count}" for row, count in rows.items())
    return f"**{sum(rows.values())} of {counted(len(every), 'run')} are not there yet: {which}.**\n"


def _cell(rows: Sequence[Row], metric: str, paper: float | None) -> str:
    """Ours [low, high] / paper / difference."""
    means = [value for value in _by_set(rows, metric).values() if value is not None]
    ours = 100 * sum(means) / len(means) if means else None
    parts = ["–" if value is None else f"{value:.2f}" for value in (ours, paper)]
    found = _deviations(rows, metric)
    if ours is not None and len(found):
        low, high = ours + 100 * np.quantile(found, [0.025, 0.975])
        parts[0] += f" [{low:.1f}, {high:.1f}]"
    parts.append("–" if ours is None or paper is None else f"{ours - paper:+.2f}")
    return " / ".join(parts)


def _by_set(rows: Sequence[Row], metric: str) -> dict[str, float | None]:
    """Mean over seeds, by set."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row["set"], [])
        if row.get(metric) is not None:
            found[row["set"]].append(row[metric])
    return {name: sum(values) / len(values) if values else None for name, values in found.items()}


def _deviations(rows: Sequence[Row], metric: str) -> NDArray[np.float64]:
    """How far means over validation videos that are drawn anew lie from the mean over all; () where none are known."""
    drawn, generator = [], np.random.default_rng(0)
    for name in dict.fromkeys(row["set"] for row in rows):
        runs = [row.get("per_source", {}).get(metric, {}) for row in rows if row["set"] == name]
        values = np.array(list(averaged(runs).values()))
        if len(values) > 1:
            chosen = generator.integers(0, len(values), (_DRAWS, len(values)))
            drawn.append(values[chosen].mean(axis=1) - values.mean())
    return np.mean(drawn, axis=0) if drawn else np.zeros(0)


def _seeds(rows: Sequence[Row]) -> str:
    """How many seeds each action has: "3", or "1 to 3"."""
    counts = [sum(row["set"] == name for row in rows) for name in {row["set"] for row in rows}]
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
