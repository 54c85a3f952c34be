"""Rows of results -> tables as Markdown, CSV and LaTeX, with controls as rows and intervals from the bootstrap.

A cell is the mean over seeds and its standard deviation. It is bold where it is the best of its column *and* the 95 %
interval of its difference to the next best (paired, over source videos, seeds averaged) excludes 0. Controls and other
labels are shown and compared, never bold. tau stands last and is not ranked: time-only scores 99.6.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from syncline.evaluation.controls import CONTROLS
from syncline.evaluation.statistics import Difference, averaged, better_is_lower, paired_bootstrap, spread

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A metric of a table: its key in the rows, its heading, what one unit of it is shown as, and digits."""

    key: str
    heading: str
    factor: float = 100.0
    digits: int = 1
    ranked: bool = True


def _event_columns(by: str) -> tuple[Column, ...]:
    return (
        Column(f"event_{by}_median", f"{by} median s", 1.0, 3),
        Column(f"event_{by}_p90", f"{by} p90 s", 1.0, 2),
        Column(f"event_{by}_within", f"{by} ≤ .5 s %"),
        Column(f"event_{by}_f1", f"{by} F1 %"),
    )


COLUMNS = (
    *(column for by in ("nearest", "dtw", "local") for column in _event_columns(by)),
    Column("class10", "class 10"),
    Column("class50", "class 50"),
    Column("class100", "class 100"),
    Column("ap5", "AP@5"),
    Column("ap10", "AP@10"),
    Column("ap15", "AP@15"),
    Column("progression", "progress"),
    Column("progression_ridge", "progress (ridge)"),
    Column("tau", "tau (unranked)", ranked=False),
)


@dataclass(frozen=True)
class Cell:
    """Mean and standard deviation over seeds, as shown, and whether it is the best beyond doubt."""

    mean: float
    deviation: float
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """One set and protocol: a list of cells a method, in the order of `columns`; `seeds`: how many each method has."""

    title: str
    columns: tuple[Column, ...]
    methods: dict[str, list[Cell]]
    seeds: dict[str, int]


def make_tables(rows: Sequence[Row]) -> list[Table]:
    """A table for each set and protocol, and where there are several sets, one of their unweighted mean."""
    sets = list(dict.fromkeys(row["set"] for row in rows))
    made = []
    for protocol in dict.fromkeys(row["protocol"] for row in rows):
        own = [_table(f"{name}, {protocol}", _of(rows, name, protocol)) for name in sets if _of(rows, name, protocol)]
        made += own
        if len(own) > 1:
            made.append(_mean_table(f"mean of {len(own)} sets, {protocol}", own))
    return made


def _of(rows: Sequence[Row], name: str, protocol: str) -> list[Row]:
    return [row for row in rows if row["set"] == name and row["protocol"] == protocol]


def _table(title: str, rows: Sequence[Row]) -> Table:
    columns = tuple(c for c in COLUMNS if any(row.get(c.key) is not None for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    methods.sort(key=is_control)  # stable: trained methods first
    best = {column.key: _best(rows, column) for column in columns}
    cells: dict[str, list[Cell]] = {}
    for method in methods:
        own = [row for row in rows if row["method"] == method]
        cells[method] = []
        for column in columns:
            mean, deviation = spread([_number(row.get(column.key)) for row in own])
            bold = best[column.key] == method
            cells[method].append(Cell(column.factor * mean, column.factor * deviation, bold))
    return Table(title, columns, cells, {m: sum(row["method"] == m for row in rows) for m in methods})


def _best(rows: Sequence[Row], column: Column) -> str | None:
    """The method whose lead over the next best is beyond doubt, if there is one."""
    if not column.ranked:
        return None
    methods = [m for m in dict.fromkeys(row["method"] for row in rows) if not is_control(m)]
    sign = -1 if better_is_lower(column.key) else 1
    ranked = []
    for method in methods:
        mean = spread([_number(row.get(column.key)) for row in rows if row["method"] == method])[0]
        if not math.isnan(mean):
            ranked.append((sign * mean, method))
    ranked.sort(reverse=True)
    if len(ranked) < 2:
        return None
    found = difference(rows, ranked[0][1], ranked[1][1], column.key)
    return ranked[0][1] if found.sure and sign * found.mean > 0 else None


def difference(rows: Sequence[Row], first: str, second: str, metric: str) -> Difference:
    """How much more of a metric one method has than another, by source video; rows of one set and protocol.

    Rows without values by video give NaN.
    """
    values = []
    for method in (first, second):
        runs = [row.get("per_source", {}).get(metric, {}) for row in rows if row["method"] == method]
        values.append(averaged([{k: _number(v) for k, v in run.items()} for run in runs]) if runs else {})
    return paired_bootstrap(*values, lower_is_better=better_is_lower(metric))


def difference_rows(
    rows: Sequence[Row],
    baseline: str,
    *,
    methods: Collection[str] | None = None,
    metrics: Collection[str] | None = None,
) -> list[dict[str, Any]]:
    """Every method against `baseline`, for each set, protocol and ranked metric with values by video.

    ``methods`` and ``metrics`` (headings of columns) limit it to those.
    """
    columns = [c for c in COLUMNS if c.ranked and (metrics is None or c.heading in metrics)]
    result = []
    for name in dict.fromkeys(row["set"] for row in rows):
        for protocol in dict.fromkeys(row["protocol"] for row in rows):
            own = _of(rows, name, protocol)
            for method in dict.fromkeys(row["method"] for row in own):
                if method == baseline or (methods is not None and method not in methods):
                    continue
                for column in columns:
                    found = difference(own, method, baseline, column.key)
                    if not found.videos:
                        continue
                    scaled = {k: column.factor * getattr(found, k) for k in ("mean", "low", "high")}
                    result.append(
                        {"set": name, "protocol": protocol, "metric": column.heading, "method": method}
                        | {"against": baseline, **{k: round(v, 4) for k, v in scaled.items()}}
                        | {"sure": found.sure, "wins": found.wins, "losses": found.losses, "videos": found.videos}
                    )
    return result


def _mean_table(title: str, tables: Sequence[Table]) -> Table:
    """Unweighted means; a cell has no deviation, is not bold, and is left open where one of the sets has no number."""
    columns = tuple(c for c in COLUMNS if any(c in table.columns for table in tables))
    methods = [m for m in tables[0].methods if all(m in table.methods for table in tables)]
    cells = {}
    for method in methods:
        found = [[_mean_of(table, method, column) for table in tables] for column in columns]
        cells[method] = [Cell(sum(means) / len(means), math.nan) for means in found]
    return Table(title, columns, cells, {m: min(table.seeds[m] for table in tables) for m in methods})


def _mean_of(table: Table, method: str, column: Column) -> float:
    return table.methods[method][table.columns.index(column)].mean if column in table.columns else math.nan


def is_control(method: str) -> bool:
    """Whether a row is a control or the floor of other labels.

    Examples:
        >>> is_control("frozen"), is_control("labels: early"), is_control("SCL")
        (True, True, False)
    """
    return method in CONTROLS or method.startswith("labels: ")


def texts(table: Table, *, bold: tuple[str, str] = ("**", "**")) -> list[list[str]]:
    """The table as words: a heading, and a line for each method."""
    lines = [["method", "seeds", *(column.heading for column in table.columns)]]
    for method, cells in table.methods.items():
        words = []
        for cell, column in zip(cells, table.columns):
            word = "–" if math.isnan(cell.mean) else f"{cell.mean:.{column.digits}f}"
            if not math.isnan(cell.deviation):
                word += f" ± {cell.deviation:.{column.digits}f}"
            words.append(f"{bold[0]}{word}{bold[1]}" if cell.bold else word)
        lines.append([method, str(table.seeds[method]), *words])
    return lines


def as_markdown(tables: Sequence[Table]) -> str:
    """All tables as Markdown."""
    parts = []
    for table in tables:
        heading, *lines = texts(table)
        parts.append(f"### {table.title}\n")
        parts.append("| " + " | ".join(heading) + " |")
        parts.append("|---|" + "---:|" * (len(heading) - 1))
        parts += ["| " + " | ".join(line) + " |" for line in lines]
        parts.append("")
    return "\n".join(parts)


def as_csv(tables: Sequence[Table]) -> str:
    """All cells as CSV: table, method, seeds, metric, mean, deviation, bold."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["table", "method", "seeds", "metric", "mean", "deviation", "bold"])
    for table in tables:
        for method, cells in table.methods.items():
            for cell, column in zip(cells, table.columns):
                numbers = ["" if math.isnan(v) else f"{v:.4f}" for v in (cell.mean, cell.deviation)]
                writer.writerow([table.title, method, table.seeds[method], column.heading, *numbers, int(cell.bold)])
    return out.getvalue()


def as_latex(tables: Sequence[Table]) -> str:
    """All tables as LaTeX tabulars."""
    parts = []
    for table in tables:
        heading, *lines = texts(table, bold=(r"\textbf{", "}"))
        body = [[_latex(word) for word in line] for line in (heading, *lines)]
        parts.append(f"% {table.title}\n\\begin{{tabular}}{{l{'r' * (len(heading) - 1)}}}\n\\hline")
        parts += [" & ".join(body[0]) + r" \\ \hline", *(" & ".join(line) + r" \\" for line in body[1:])]
        parts.append("\\hline\n\\end{tabular}\n")
    return "\n".join(parts)


def _latex(word: str) -> str:
    for old, new in (("_", r"\_"), ("%", r"\%"), ("±", r"$\pm$"), ("≤", r"$\le$"), ("–", "--")):
        word = word.replace(old, new)
    return word


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
