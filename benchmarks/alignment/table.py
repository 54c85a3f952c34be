"""The JSONL of a run as lines of Markdown: nanoseconds a cell, and how many times ours; and the figure of scaling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def table_lines(measured: Sequence[Row]) -> list[str]:
    """The newest row of each (threads, shape, contestant)."""
    newest = {(row["threads"], tuple(row["shape"]), row["name"]): row for row in measured}
    lines = ["Forward and backward pass, nanoseconds a cell, best turn; in brackets how many times ours."]
    for threads in sorted({key[0] for key in newest}):
        rows = {key[1:]: row for key, row in newest.items() if key[0] == threads}
        last = list(rows.values())[-1]
        shapes = sorted({shape for shape, _ in rows}, key=lambda shape: (shape[1], shape[0]))
        versions = ", ".join(f"{name} {version}" for name, version in last["versions"].items() if version)
        lines += [
            "",
            f"**{threads} thread{'s' * (threads > 1)}**: {last['machine']}, load {last['load']}, {versions}.",
            "",
        ]
        lines += ["| | " + " | ".join("×".join(map(str, shape)) for shape in shapes) + " |"]
        lines += ["|---" * (len(shapes) + 1) + "|"]
        for name in dict.fromkeys(name for _, name in rows):
            lines.append(f"| {name} | " + " | ".join(_cell(rows, shape, name) for shape in shapes) + " |")
    return lines


def band_lines(measured: Sequence[Row]) -> list[str]:
    """The newest row of each form and width of the band."""
    newest = {(row["form"], row["band"]): row for row in measured}
    widths = list(dict.fromkeys(band for _, band in newest))
    lines = ["| milliseconds | " + " | ".join(f"band {band}" if band else "no band" for band in widths) + " |"]
    lines.append("|---" * (len(widths) + 1) + "|")
    for form in dict.fromkeys(form for form, _ in newest):
        lines.append(
            f"| `{form}` | " + " | ".join(f"{1e3 * newest[form, band]['seconds']:.1f}" for band in widths) + " |"
        )
    if not newest:
        return []
    first = next(iter(newest.values()))
    shares = " | ".join(f"{newest[first['form'], band]['cells'] / first['cells']:.3f}" for band in widths)
    about = f"One pair of {first['frames']:,} × {first['frames']:,} frames, one thread, {first['machine']}, "
    return [*lines, f"| share of the cells | {shares} |", "", f"{about}load {first['load']} when it began."]


def soft_dtw_lines(measured: Sequence[Row]) -> list[str]:
    """The newest row of each package and shape."""
    newest = {(row["name"], tuple(row["shape"])): row for row in measured}
    if not newest:
        return []
    shapes = sorted({shape for _, shape in newest}, key=lambda shape: shape[1])
    lines = [
        "| | " + " | ".join("×".join(map(str, shape)) for shape in shapes) + " |",
        "|---" * (len(shapes) + 1) + "|",
    ]
    for name in dict.fromkeys(name for name, _ in newest):
        cells = []
        for shape in shapes:
            row, own = newest.get((name, shape)), newest["syncline", shape]["ns"]
            cells.append("" if row is None else f"{row['ns']:.1f} ({row['ns'] / own:.2g}×)")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    last = list(newest.values())[-1]
    versions = ", ".join(f"{name} {version}" for name, version in last["versions"].items() if version)
    return [*lines, "", f"{last['machine']}, load {last['load']}, {versions}."]


def bar_lines(measured: Sequence[Row], scaling: Sequence[Row]) -> list[str]:
    """What was asked of the operators beside the newest measurements."""
    newest = {(row["threads"], tuple(row["shape"]), row["name"]): row["wall_ns_per_cell"] for row in measured}
    memory = {row["memory"]: row for row in scaling if "memory" in row}
    many, few, long = (64, 128, 128), (2, 64, 64), (8, 512, 512)
    if not memory or any((threads, many, "syncline") not in newest for threads in (1, 2)):
        return []

    def ours(shape: tuple[int, ...], name: str = "", threads: int = 1) -> float:
        return float(newest[threads, shape, "syncline" + (f", {name}" if name else "")])

    def against(shape: tuple[int, ...], other: str) -> float:
        return float(newest[1, shape, other]) / ours(shape)

    shapes = [shape for threads, shape, name in newest if threads == 1 and name == "syncline, expected alignment"]
    dearest = max(ours(shape, "expected alignment") / ours(shape) for shape in shapes)
    gaps = [ours(shape, "(n, m) gaps") / ours(shape, "with D") for shape in shapes]
    nanoseconds, microseconds = ours(many, "with D"), ours(few) * 2 * 64 * 64 / 1e3
    speedups = {shape: ours(shape) / ours(shape, threads=2) for shape in (many, long)}
    soft, hard = memory["1x10000x10000"], memory["streamed"]
    rows: list[tuple[str, str, str, bool]] = [
        ("nanoseconds a cell, 64 × 128 × 128, with D", f"{nanoseconds:.1f}", "at most 3", nanoseconds <= 3),
        ("microseconds, 2 × 64 × 64", f"{microseconds:.0f}", "at most 100", microseconds <= 100),
        *((f"two threads against one, {' × '.join(map(str, shape))}", f"{times:.2f} ×", "at least 1.7 ×", times >= 1.7)
          for shape, times in speedups.items()),
        ("(n, m) gaps against scalars, with D", f"{min(gaps):.2f} to {max(gaps):.2f} ×", "at most 1.25 ×",
         max(gaps) <= 1.25),
        ("expected alignment against the score", f"at most {dearest:.2f} ×", "at most 2 ×", dearest <= 2),
        ("soft value and gradient, 10,000 × 10,000", f"{soft['wall_s']:.2f} s, {soft['extra_mb']:.0f} MB",
         "1 s, 100 MB", soft["wall_s"] <= 1 and soft["extra_mb"] <= 100),
        ("hard path from embeddings, 10,000 × 10,000", f"{hard['wall_s']:.2f} s, {hard['extra_mb']:.0f} MB",
         "1 s, 50 MB", hard["wall_s"] <= 1 and hard["extra_mb"] <= 50),
    ]  # fmt: skip
    for other, bar in (("JAX scan", 40), ("PyTorch anti-diagonals", 80), ("tslearn soft-DTW", 16)):
        if (1, many, other) in newest:
            times = against(many, other)
            rows.append((f"{other}, 64 × 128 × 128", f"{times:.0f} × ours", f"at least {bar} ×", times >= bar))
    lines = [f"| {what} | {measured} | {asked} | {yes_or_no(met)} |" for what, measured, asked, met in rows]
    return ["| what | measured | asked | met |", "|---|---|---|---|", *lines]


def yes_or_no(met: bool) -> str:
    """What the column says of a bar; that is held against the number as it was measured, not as it is shown."""
    return "yes" if met else "no"


def memory_lines(measured: Sequence[Row]) -> list[str]:
    """The newest row of each measurement of memory."""
    newest = {row["memory"]: row for row in measured if "memory" in row}
    lines = ["| one pass, one thread | seconds | megabytes beside inputs and gradient |", "|---|---|---|"]
    for name, row in newest.items():
        what = "hard path from embeddings" if name == "streamed" else name
        what = f"10,000 × 10,000, {what}" if "embeddings" in what else what.replace("x", " × ")
        lines.append(f"| {what} | {row['wall_s']} | {row['extra_mb']} |")
    return lines


def write_plot(measured: list[Row], out: Path) -> None:
    """Nanoseconds a cell over T and over B, of the newest row of each shape."""
    from matplotlib.figure import Figure

    newest = {tuple(row["shape"]): row for row in measured if "shape" in row}
    figure = Figure(figsize=(8, 3), layout="constrained")
    over_frames, over_pairs = figure.subplots(1, 2, sharey=True)
    for axes, chosen, place, label in (
        (over_frames, [shape for shape in newest if shape[0] == 1], 1, "frames T of one pair"),
        (over_pairs, [shape for shape in newest if shape[1] == 64], 0, "pairs B of 64 × 64 frames"),
    ):
        chosen.sort()
        values = [1e6 * newest[shape]["wall_ms"] / (shape[0] * shape[1] * shape[2]) for shape in chosen]
        axes.plot([shape[place] for shape in chosen], values, marker="o", markersize=3)
        axes.set(xscale="log", yscale="log", xlabel=label)
        axes.grid(alpha=0.3, which="both")
    over_frames.set_ylabel("ns a cell, forward + backward")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)


def _cell(rows: dict[tuple[tuple[int, ...], str], Row], shape: tuple[int, ...], name: str) -> str:
    row, ours = rows.get((shape, name)), rows.get((shape, "syncline"))
    if row is None:
        return ""
    value = row["wall_ns_per_cell"]
    word = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    return word if ours is None or name == "syncline" else f"{word} ({value / ours['wall_ns_per_cell']:.3g}×)"
