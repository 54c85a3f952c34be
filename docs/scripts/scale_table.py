"""The calculation of docs/scale.md, made from what `python -m benchmarks.embedding` measured.

    python docs/scripts/scale_table.py [--price 0.05] [--check]

Writes the part of the page between its two marks; --check only says whether it is up to date (exit code 1 if not).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "embedding.jsonl"
PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- begin: scale_table.py -->\n", "<!-- end: scale_table.py -->\n"
RATE_HZ, WIDTH, FEATURES = 7.5, 128, 1280 * 9  # defaults: sampling, embedding, feature map of a frame
CLIP_SECONDS = 12.0
LONG, SHORT = "long video, 720p", "short clips against the bare backbone"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--price", type=float, default=0.05, help="of a core for an hour (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    made = "\n".join(table(latest(), arguments.price)) + "\n"
    before, mark, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"{PAGE} has not the two marks")
    page = before + BEGIN + made + END + after
    if arguments.check:
        return 0 if page == PAGE.read_text(encoding="utf-8") else 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


def latest() -> dict[str, dict[str, Any]]:
    """The last measurement of each kind; of long videos the longest of the last run."""
    found: dict[str, dict[str, Any]] = {}
    if RESULTS.is_file():
        for line in RESULTS.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found[row["what"]] = row
    return found


def table(measured: dict[str, dict[str, Any]], price: float) -> list[str]:
    """Lines of Markdown."""
    if not measured:
        return [
            "No measurement is there yet: `python -m benchmarks.embedding` makes `benchmarks/results/embedding.jsonl`,",
            "and `python docs/scripts/scale_table.py` fills this in.",
        ]
    lines = []
    for what, row in measured.items():
        lines.append(f"Measured: {what}, commit {row['commit']}, {row['machine']}, load {row['load']}.")
    lines += [
        "",
        "| work | sampled frames | core hours | hours on 64 cores | money | embeddings | feature cache |",
        "|---|---|---|---|---|---|---|",
    ]
    jobs = (
        ("1,000 hours of 720p", 1000 * 3600 * RATE_HZ, LONG),
        ("1 M clips of 12 s", 1e6 * CLIP_SECONDS * RATE_HZ, SHORT),
    )
    for name, frames, kind in jobs:
        row = measured.get(kind)
        costs = f"not measured ({kind}) | |"
        if row is not None:
            rate = row["sampled_frames_per_second"] if kind == LONG else row["embed_frames_per_second"]
            hours = frames / (rate / cores(row)) / 3600
            costs = f"{hours:,.0f} | {hours / 64:,.1f} | {hours * price:,.0f}"
        disk = f"{size(frames * WIDTH * 4)} | {size(frames * FEATURES * 2)}"
        lines.append(f"| {name} | {frames / 1e6:,.0f} M | {costs} | {disk} |")
    lines += [
        "",
        f"Money at {price:g} a core and hour, in any currency (`--price`). Rates are divided by the cores there,",
        "which overstates core hours where the machine did other work.",
    ]
    return lines + bottleneck(measured)


def cores(row: dict[str, Any]) -> int:
    """Cores that a measurement had."""
    return int(row.get("threads") or row["machine"].split(",")[1].split()[0])


def bottleneck(measured: dict[str, dict[str, Any]]) -> list[str]:
    """Which part limits, by the measurement."""
    row = measured.get(SHORT)
    if row is None:
        return []
    bare, whole = row["backbone_frames_per_second"], row["embed_frames_per_second"]
    share = whole / bare
    which = "the backbone" if share >= 0.75 else "reading and decoding"
    lines = [
        f"The bottleneck on clips is {which}: embedding from files runs at {100 * share:.0f} % of the rate of the bare",
        f"backbone on pictures in memory ({whole:g} and {bare:g} frames a second).",
    ]
    long = measured.get(LONG)
    if long is not None:
        per_core = long["sampled_frames_per_second"] / cores(long) / (bare / cores(row))
        lines.append(
            f"On 720p it runs at {100 * per_core:.0f} % of it"
            + (", so decoding is what limits there." if per_core < 0.75 else ", so the backbone limits there too.")
        )
    return ["", *lines]


def size(count: float) -> str:
    """Bytes in words."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


if __name__ == "__main__":
    sys.exit(main())
