"""Writes docs/results-appendix.md, every table, from what was measured; ``--check`` says whether it differs.

``benchmarks/results/trials.jsonl`` holds the single trials that directed the work; ``benchmarks/results/bench/NAME``
the runs of ``syncline bench NAME`` with all their columns. Here stand the columns that matter most.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from syncline.experiments import BenchConfig, read_bench
from syncline.experiments.result_tables import Table, difference_rows, make_tables
from syncline.experiments.run_bench import read_lines, shown_lines
from syncline.files import read_jsonl

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
SHOWN = {
    "event_nearest_median": "nearest: median (s)", "event_nearest_within": "nearest: within .5 s (%)",
    "event_dtw_within": "DTW: within .5 s (%)", "event_local_within": "local: within .5 s (%)",
    "event_local_f1": "local: F1 (%)", "class100": "class", "ap5": "AP@5", "progression": "progression",
    "tau": "tau (unranked)",
}  # fmt: skip
PAIRS = (
    ("across, local", "SCL"),
    ("across, local", "across, soft-DTW"),
    ("LAC corrected", "SCL"),
    ("LAC paper", "SCL"),
    ("LAC released", "SCL"),
)
AGAIN = ("SCL", "across, local")
ASKED = ("nearest median s", "nearest ≤ .5 s %", "dtw ≤ .5 s %", "local ≤ .5 s %", "local F1 %")
FIRST = "real_short"
ABLATIONS = ("real_ablation", "real_encoders", "real_own", "real_loss", "real_gamma")
HOW = """# Results: every table

Generated from JSONL by `python docs/scripts/results_appendix.py`. The short page is [Results](results.md), what was
tried and why stands in the [log](results-log.md).

Mean ± standard deviation over seeds; bold where the best leads the next best by more than the 95 % interval of
the paired bootstrap over source videos. "nearest", "DTW" and "local" are the three ways in which a key event is carried
from one video to another: nearest neighbour, dynamic time warping, local alignment. `time-only` ... `frozen + time` are
controls, `labels: …` what other labels of the same videos reach. Progression is 100 R², below 0 where the regression is
worse than the mean. `syncline bench NAME --only-tables --out benchmarks/results/bench` writes all columns as CSV,
Markdown and LaTeX.
"""


def main() -> int:
    path = ROOT / "docs" / "results-appendix.md"
    text = page()
    if "--check" in sys.argv[1:]:
        return int(path.read_text(encoding="utf-8") != text)
    path.write_text(text, encoding="utf-8")
    return 0


def page() -> str:
    """The tables of all benches, what changed between them, and the single trials."""
    benches = sorted((folder for folder in (RESULTS / "bench").iterdir()), key=lambda f: (f.name != FIRST, f.name))
    trials = read_jsonl(RESULTS / "trials.jsonl", strict=True)
    parts = [HOW, *map(bench_part, benches), encoders_part(), since_part(), "## Single trials\n"]
    for name in sorted({row["set"] for row in trials}):
        parts.append(f"### {name}\n\n" + trial_table([row for row in trials if row["set"] == name]))
    return "\n".join(parts)


def bench_part(folder: Path) -> str:
    """The tables of one bench, how many seeds they have, and the differences that the question is about."""
    config = read_bench(folder.name)
    lines = shown_lines(config, read_lines(folder / "runs.jsonl"))
    rows = [row for line in lines for row in line["rows"]]
    order = {label: i for i, label in enumerate(config.methods)}
    rows.sort(key=lambda row: order.get(row["method"], len(order)))
    text = [f"### `syncline bench {config.name}`\n", config.about, *map(short, make_tables(rows))]
    text.append("#### speed and seeds\n\n" + speeds(lines))
    if config.name in ABLATIONS:
        text.append(every_row(rows, config))
    for method, baseline in PAIRS:
        if {method, baseline} <= {row["method"] for row in rows}:
            text.append(f"#### {method} less {baseline}\n\n" + differences(rows, method, baseline))
    return "\n".join(text)


def encoders_part() -> str:
    """What the default encoder changed on the validation clips: `real_default` less `real_short`, row by row."""
    text = ["### The default encoder less LAC's\n"]
    default, lac = RESULTS / "bench" / "real_default" / "runs.jsonl", RESULTS / "crop_before_recut.jsonl"
    for method in AGAIN:
        text.append(f"#### {method}\n\n" + changes(method, read_lines(default), read_lines(lac)))
    return "\n".join(text)


def since_part() -> str:
    """What the views as they are now changed: `real_short` on three sets, `real_default` on one."""
    before = read_lines(RESULTS / "crop_before_recut.jsonl")
    now = read_lines(RESULTS / "bench" / FIRST / "runs.jsonl")
    default = read_lines(RESULTS / "bench" / "real_default" / "runs.jsonl")
    again = read_lines(RESULTS / "crop_after_recut.jsonl")
    text = ["## Before and after a mistake in the views (see the log)\n"]
    for method in AGAIN:
        text.append(f"#### {method}: now less before\n\n" + changes(method, now, before))
    for method in AGAIN:
        text.append(f"#### {method} on the default encoder: now less before\n\n" + changes(method, again, default))
    for name, lines, method, baseline in (
        ("on the default encoder, now", again, "across, local", "SCL"),
        ("before", before, "across, local, dear gaps", "across, local"),
    ):
        rows = [row for line in lines for row in line["rows"]]
        text.append(f"#### {method} less {baseline}, {name}\n\n" + differences(rows, method, baseline))
    return "\n".join(text)


def changes(method: str, now: list[dict[str, Any]], before: list[dict[str, Any]]) -> str:
    """Event transfer of one method in some runs less that in others."""
    rows = [
        row | {"method": which}
        for which, lines in (("now", now), ("before", before))
        for line in lines
        for row in line["rows"]
        if row["method"] == method
    ]
    return differences(rows, "now", "before")


def short(table: Table) -> str:
    """The shown columns of a table, as Markdown."""
    kept = [i for i, column in enumerate(table.columns) if column.key in SHOWN]
    head = ["method", "seeds", *(SHOWN[table.columns[i].key] for i in kept)]
    lines = [f"#### {table.title}\n", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for method, cells in table.methods.items():
        words = []
        for i in kept:
            cell, digits = cells[i], table.columns[i].digits
            word = "–" if cell.mean != cell.mean else f"{cell.mean:.{digits}f}"
            if cell.deviation == cell.deviation and word != "–" and table.seeds[method] > 1:
                word += f" ± {cell.deviation:.{digits}f}"
            words.append(f"**{word}**" if cell.bold else word)
        lines.append(f"| {method} | {table.seeds[method]} | " + " | ".join(words) + " |")
    return "\n".join(lines) + "\n"


def speeds(lines: list[dict[str, Any]]) -> str:
    """Runs and steps a second of every method; the machine was busy with other work."""
    trained = [line for line in lines if line.get("steps_per_second")]
    text = ["| set | method | runs | steps/s (median) |", "|---|---|---|---|"]
    for (name, label), count in Counter((line["set"], line["label"]) for line in trained).items():
        rates = sorted(line["steps_per_second"] for line in trained if (line["set"], line["label"]) == (name, label))
        text.append(f"| {name} | {label} | {count} | {rates[len(rates) // 2]} |")
    return "\n".join(text) + "\n"


def differences(rows: list[dict[str, Any]], method: str, baseline: str) -> str:
    """Event transfer of one method less another's, with 95 % intervals over source videos."""
    found = difference_rows(rows, baseline, methods=[method], metrics=ASKED)
    text = ["| set | clips | " + " | ".join(ASKED) + " |", "|---|---" + "|---" * len(ASKED) + "|"]
    for place in dict.fromkeys((row["set"], row["protocol"]) for row in found):
        cells = {row["metric"]: row for row in found if (row["set"], row["protocol"]) == place}
        words = [interval(cells.get(metric)) for metric in ASKED]
        text.append(f"| {place[0]} | {place[1]} | " + " | ".join(words) + " |")
    better = sum(row["sure"] and (row["mean"] < 0) == (row["metric"] == ASKED[0]) for row in found)
    worse = sum(row["sure"] for row in found) - better
    text.append(
        f"\nBold: the interval excludes 0, {better} times for and {worse} times against {method}, of {len(found)}. For "
        "the median lower is better, for the rest higher.\n"
    )
    return "\n".join(text)


def every_row(rows: list[dict[str, Any]], config: BenchConfig) -> str:
    """Event transfer of every row less the row that it changes one thing of: a table for each set and protocol."""
    text = []
    baselines = {label: changed(label, config) for label in config.methods}
    found = []
    for baseline in dict.fromkeys(baselines.values()):
        methods = [label for label, other in baselines.items() if other == baseline]
        found += difference_rows(rows, baseline, methods=methods, metrics=ASKED)
    for name, protocol in dict.fromkeys((row["set"], row["protocol"]) for row in found):
        text.append(f"#### {name}, {protocol}: each row less its baseline\n")
        text += ["| row | less | " + " | ".join(ASKED) + " |", "|---|---" + "|---" * len(ASKED) + "|"]
        for label, baseline in baselines.items():
            place = (name, protocol, label)
            cells = {row["metric"]: row for row in found if (row["set"], row["protocol"], row["method"]) == place}
            if cells:
                text.append(f"| {label} | {baseline} | " + " | ".join(interval(cells.get(m)) for m in ASKED) + " |")
        text.append("")
    return "\n".join(text) + "\n"


def changed(label: str, config: BenchConfig) -> str:
    """The row that a row changes something of."""
    if config.name == "real_ablation" and label.startswith("corrected, "):
        return "+ same video (corrected)"
    if config.name == "real_loss" and label.startswith("Lc + "):
        return "Lc"
    return str(config.baseline)


def interval(row: dict[str, Any] | None) -> str:
    """A difference with its interval; bold where that excludes 0."""
    if row is None:
        return "–"
    word = f"{row['mean']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
    return f"**{word}**" if row["sure"] else word


def trial_table(rows: list[dict[str, Any]]) -> str:
    columns = ["class", "AP@5", "progression", "tau", "error (s)"]
    head = ["trial"] + [f"whole: {c}" for c in columns] + [f"re-timed: {c}" for c in columns]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [row["what"]]
        for protocol in ("whole", "retimed"):
            values = row[protocol]
            cells += [f"{values[key]:.1f}" for key in ("class100", "ap5", "progression", "tau")]
            spread = "" if values["event_p90"] is None else f" ({values['event_p90']:.2f})"
            cells.append(f"{values['event_median']:.2f}{spread}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
