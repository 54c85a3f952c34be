"""Writes docs/results.md and its picture from what was measured; ``--check`` says whether the page differs.

Means are over the three real sets and three protocols; the interval is of the bootstrap over source videos, with the
seeds averaged first. Every table behind them stands in docs/results-appendix.md.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.evaluation.controls import CONTROLS
from syncline.evaluation.statistics import averaged
from syncline.experiments import read_bench
from syncline.experiments.result_tables import difference_rows
from syncline.experiments.run_bench import read_lines, shown_lines

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
BENCH = "real_short"
METRICS = {
    "event_nearest_within": "events by nearest frame",
    "event_dtw_within": "by DTW",
    "event_local_within": "by local alignment",
    "class100": "phase class",
    "ap5": "AP@5",
}
ASKED = ("nearest median s", "nearest ≤ .5 s %", "dtw ≤ .5 s %", "local ≤ .5 s %", "local F1 %")
NAMES = {
    "across, local": "LAC `cross_video` (ours)",
    "across, soft-DTW": "`cross_video` with soft-DTW as its teacher",
    "LAC corrected": "LAC `corrected`", "LAC paper": "LAC `paper`", "LAC released": "LAC `released`",
    "LRProp (our reconstruction)": "LRProp (our reconstruction)",
}  # fmt: skip
HEAD = """# Results

**Not here: the papers' own tables.** Pouring, PennAction, the published weights and a GPU were not available.

What is here was measured on three sets of real video: `g1_bottle` (a humanoid robot moves a tin; 34 clips for
training + 20 for testing), `cr5_banana` and `cr5_usb` (a hand-led arm; 32 + 16 and 15 + 9 clips). Each shows one
robot in one scene; its key events come from a rule on the robot's sensors. The videos are not part of this
repository.

## The seven methods, one protocol

All methods have the same encoder, views, steps and features, and five seeds each; they are tested on clips that were
not trained on. "Events" are the percentage of key events that are carried from one video to another within half a
second. Every number is a mean over three sets and three protocols (whole, re-timed and spliced clips), with the 95 %
interval of the bootstrap over source videos in brackets. The last column counts how often the method is better /
worse than SCL at carrying events: of 45 differences, only those whose 95 % interval excludes 0. `python
docs/scripts/results.py` makes the table from `benchmarks/results/bench/real_short`.
"""
FINDINGS = """
## What was found

- **`cross_video` is better than SCL**: carrying positions across videos along an expected local alignment gains one
  to four points of events by nearest frame, on every set and protocol.
- **The teacher of `cross_video` does not matter**: with soft-DTW in place of local alignment it is as good.
- **`corrected` is about as good as SCL**: its extra terms align two views of one video, whose correspondence is
  known.
- **LAC as printed is worse than SCL** on this encoder. With its own encoder and views (`real_own`) it is better,
  because of its views and not its loss.
- **Parts of the printed loss** (`real_loss`): the score term gains two to ten points by local alignment, the local
  term next to nothing.
- **The temperature** (`real_gamma`, .6 to .9) hardly matters.
- **TCN, TCC, GTA and LRProp** learn little but time on this encoder; its position code makes that possible.
- **Cheap gaps matter**: with gap prices of 5 and 1 a local teacher teaches straight lines.
- **Aligning new clips needs no training**: frozen features carry events as well as any trained encoder. Training
  helps where single frames are compared: nearest frames, classification, retrieval.

## What does not work

- On rendered videos that all look different (`synthetic_troubles`), every term across videos makes results worse.
- On clips that differ from all training clips (`real_shift`), no method is much better than the time-only control.
- Progression and tau do not measure content: a code that only knows time has 97 to 99.
- There are few sets, with one robot and one scene each. The intervals are over videos of these sets and say nothing
  about other sets.

## More

[Every table](results-appendix.md) · [what was tried, and why](results-log.md) ·
[what the verbs reach](tasks-measured.md)
"""


def main() -> int:
    path = ROOT / "docs" / "results.md"
    lines = shown_lines(read_bench(BENCH), read_lines(RESULTS / "bench" / BENCH / "runs.jsonl"))
    rows = [row for line in lines for row in line["rows"]]
    found = means(rows)
    text = "\n".join([HEAD, table(found, rows), "![Events carried](images/results.png)", FINDINGS])
    if "--check" in sys.argv[1:]:
        return int(path.read_text(encoding="utf-8") != text)
    path.write_text(text, encoding="utf-8")
    picture(found)
    return 0


def means(rows: list[dict[str, Any]]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """method -> metric -> (mean, low, high), means over sets and protocols."""
    runs: dict[tuple[str, str, str, str], list[dict[str, float]]] = defaultdict(list)
    for row in rows:
        if not row["method"].startswith("labels"):
            for metric in METRICS:
                if metric in row["per_source"]:  # spliced clips have no classes
                    runs[row["method"], metric, row["set"], row["protocol"]].append(row["per_source"][metric])
    draws: dict[tuple[str, str], list[NDArray[np.float64]]] = defaultdict(list)
    for (method, metric, name, _), seeds in sorted(runs.items()):
        values = averaged(seeds)
        known = np.array([values[source] for source in sorted(values)])
        # the same draw of source videos for all protocols of a set
        generator = np.random.default_rng(sorted({row["set"] for row in rows}).index(name))
        chosen = generator.integers(0, len(known), (10_000, len(known)))
        draws[method, metric].append(np.concatenate([[known.mean()], known[chosen].mean(axis=1)]))
    found: dict[str, dict[str, NDArray[np.float64]]] = defaultdict(dict)
    for (method, metric), groups in draws.items():
        pooled = np.mean(groups, axis=0) * 100
        found[method][metric] = np.array([pooled[0], *np.quantile(pooled[1:], [0.025, 0.975])])
    return found


def table(found: dict[str, dict[str, NDArray[np.float64]]], rows: list[dict[str, Any]]) -> str:
    """Methods by events carried by nearest frame, then the controls."""
    asked = difference_rows(rows, "SCL", metrics=ASKED)
    text = ["| method | " + " | ".join(METRICS.values()) + " | better / worse |", "|---" * (len(METRICS) + 2) + "|"]
    for method in ranked(found):
        cells = [f"{mean:.1f} [{low:.1f}, {high:.1f}]" for mean, low, high in (found[method][m] for m in METRICS)]
        sure = [row for row in asked if row["method"] == method and row["sure"]]
        good = sum((row["mean"] < 0) == (row["metric"] == ASKED[0]) for row in sure)
        count = "–" if method == "SCL" else f"{good} / {len(sure) - good}"
        name = f"*{method}*" if method in CONTROLS else NAMES.get(method, method)
        text.append(f"| {name} | " + " | ".join(cells) + f" | {count} |")
    return "\n".join([*text, "", "In italics: the controls.", ""])


def ranked(found: dict[str, dict[str, NDArray[np.float64]]]) -> list[str]:
    methods = sorted(found, key=lambda method: -found[method]["event_nearest_within"][0])
    return [m for m in methods if m not in CONTROLS] + [m for m in CONTROLS if m in found]


def picture(found: dict[str, dict[str, NDArray[np.float64]]]) -> None:
    """Events carried by nearest frame and by local alignment, with intervals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.add_subplot()
    methods = ranked(found)[::-1]
    for metric, shift, colour in (("event_nearest_within", 0.17, "#0b7a75"), ("event_local_within", -0.17, "#d1495b")):
        values = np.array([found[method][metric] for method in methods])
        error = np.abs(values[:, 1:].T - values[:, 0])
        axes.errorbar(values[:, 0], np.arange(len(methods)) + shift, xerr=error, fmt="o", color=colour, capsize=3,
                      markersize=5, label=METRICS[metric].replace("events ", ""))  # fmt: skip
    axes.set_yticks(range(len(methods)), [NAMES.get(method, method).replace("`", "") for method in methods])
    axes.set_xlabel("key events carried within half a second (%), new clips")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2)
    FigureCanvasAgg(figure)
    figure.savefig(ROOT / "docs" / "images" / "results.png", dpi=110)


if __name__ == "__main__":
    sys.exit(main())
