"""The tables of docs/scale.md, from what the benchmarks that it names measured; see measured.py."""

from __future__ import annotations

from typing import Any

from syncline.wording import counted

RATE_HZ, WIDTH, FEATURES = 7.5, 128, 1280 * 9  # defaults: sampling, embedding, feature map of a frame
CLIP_SECONDS = 12.0
LONG, SHORT = "long video, 720p", "short clips against the bare backbone"


def table(rows: list[dict[str, Any]], price: float) -> list[str]:
    """Lines of Markdown; rates are those of the fastest run of each kind."""
    measured = {row["what"]: row for row in sorted(rows, key=rate)}
    if not measured:
        return [
            "No measurement is there yet: `python -m benchmarks.embedding` makes `benchmarks/results/embedding.jsonl`,",
            "and `python docs/scripts/measured.py` fills this in.",
        ]
    lines = []
    for what, row in measured.items():
        runs = sum(other["what"] == what for other in rows)
        which = f"the fastest of {runs} runs: " if runs > 1 else ""
        lines.append(f"Measured: {what}, {which}commit {row['commit']}, {row['machine']}, load {row['load']}.")
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
            hours = frames / (rate(row) / cores(row)) / 3600
            costs = f"{hours:,.0f} | {hours / 64:,.1f} | {hours * price:,.0f}"
        disk = f"{size(frames * WIDTH * 4)} | {size(frames * FEATURES * 2)}"
        lines.append(f"| {name} | {frames / 1e6:,.0f} M | {costs} | {disk} |")
    lines += [
        "",
        f"Money at {price:g} a core and hour, in any currency (`--price`). Rates are divided by the cores there,",
        "which overstates core hours where the machine did other work.",
    ]
    return lines + bottleneck(measured) + memory(rows)


def rate(row: dict[str, Any]) -> float:
    """Frames a second."""
    return float(row["sampled_frames_per_second"] if row["what"] == LONG else row["embed_frames_per_second"])


def memory(rows: list[dict[str, Any]]) -> list[str]:
    """The peak of the newest run of every length."""
    newest = {row["minutes"]: row for row in rows if row["what"] == LONG}
    lines = ["", "| 720p, minutes | sampled frames | peak of the process (MB) |", "|---|---|---|"]
    for minutes, row in sorted(newest.items()):
        lines.append(f"| {minutes:g} | {row['sampled_frames']:,} | {row['peak_bytes'] / 1e6:,.0f} |")
    return lines


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


NOTHING = ["Not measured yet."]


def where(row: dict[str, Any]) -> str:
    """Machine, load and commit; a load above its cores is called what it is."""
    busy = ", a loaded machine" if (row["load"] or 0) > cores(row) else ""
    return f"{row['machine']}, load {row['load']}{busy}, commit {row['commit']}"


def answer_lines(measured: dict[str, dict[str, Any]]) -> list[str]:
    """What a verb takes with cached features, beside the imports it cannot do without; films beside none; help."""
    lines = ["| | seconds | less | more | processor seconds | more | bar of more seconds | met |", "|---" * 8 + "|"]
    helps = [what for what, row in measured.items() if "base_seconds" not in row]  # another verb may be the slowest
    newest = max((measured[what]["when"] for what in helps), default="")
    for what, row in measured.items():
        if what in helps and row["when"] != newest:
            continue
        spent, used, bar = f"{row['seconds']:.2f}", f"{row['processor_seconds']:.2f}", row["bar"]
        if "base_seconds" in row:
            more, more_used = row["more_seconds"], f"{row['more_processor_seconds']:.2f}"
            cells = [what, spent, f"{row['base_seconds']:.2f}", f"{more:.2f}", used, more_used, bar, yes(more <= bar)]
        else:
            cells = [what, spent, "", "", used, "", f"{bar} in all", yes(row["seconds"] <= bar)]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return [*lines, "", f"On {where(next(iter(measured.values())))}."] if measured else NOTHING


def first_hour_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Minutes and bytes up to each point of a first hour; the newest of each number of clips."""
    measured = {(row["what"], row.get("clips")): row for row in rows}
    lines = [
        "| from nothing to | commands | minutes | processor seconds | bar (minutes) | cache, results (MB) | on |",
        "|---" * 7 + "|",
    ]
    for (what, count), row in sorted(measured.items(), key=lambda item: item[1]["what"] != "installed"):
        clips = what if count is None else f"{what}, {counted(count, 'clip')}"
        used = f"{row['processor_seconds']:.0f}" if "processor_seconds" in row else "not counted"
        bytes_ = [f"{row[name] / 1e6:,.0f}" for name in ("cache_bytes", "result_bytes") if name in row]
        cells = [clips, row.get("commands", ""), f"{row['minutes']:.1f}", used, row.get("bar", "")]
        lines.append(f"| {' | '.join(map(str, [*cells, ', '.join(bytes_), where(row)]))} |")
    return lines if measured else NOTHING


def growth_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Processor seconds and memory by stage and number of clips, and the exponents; the newest of each."""
    sizes = sorted({row["clips"] for row in rows if "clips" in row})
    newest = {(row["stage"], row.get("clips")): row for row in rows}
    if not sizes:
        return NOTHING
    lines = ["| stage | " + " | ".join(f"{size:,} clips" for size in sizes) + " | time ~ N^ | memory ~ N^ |"]
    lines.append("|---" * (len(sizes) + 3) + "|")
    for stage in dict.fromkeys(row["stage"] for row in rows):
        found = [newest.get((stage, size)) for size in sizes]
        cells = [
            "–" if row is None else f"{row['processor_seconds']:.2f} s, {row['grown_bytes'] / 1e6:,.0f} MB"
            for row in found
        ]
        fitted = newest.get((stage, None), {})
        power = [f"{fitted[name]:.2f}" if name in fitted else "–" for name in ("time_exponent", "memory_exponent")]
        lines.append(f"| {stage} | " + " | ".join([*cells, *power]) + " |")
    return [*lines, "", f"On {where(rows[-1])}."]


def pixel_lines(rows: list[dict[str, Any]]) -> list[str]:
    """The newest run: seconds a batch by stage, batches a second by workers."""
    if not rows:
        return NOTHING
    newest = {(row["what"], row.get("workers")): row for row in rows}
    lines = ["| | |", "|---|---|"]
    for (what, workers), row in newest.items():
        if "decode" in row:
            lines += [
                f"| {name}, seconds a batch | {row[name]:.3f} |" for name in ("decode", "store", "augment", "transfer")
            ]
        elif "planned_seconds" in row:
            seconds = f"{row['planned_seconds']:.0f} and {row['taken_seconds']:.0f} s"
            memory = f"{row['planned_gb']:.1f} and {row['taken_gb']:.1f} GB of memory"
            lines.append(f"| planned before a run, and taken by it | {seconds}, {memory} |")
        else:
            name = what if not workers else f"{what}, {counted(workers, 'worker')}"
            waits = f"; the loop waits {100 * row['waiting_share']:.0f} % of the time" if "waiting_share" in row else ""
            lines.append(f"| {name} | {row['batches_per_second']:.2f} batches a second{waits} |")
    row = rows[-1]
    about = f"{row['batch']} pairs of {row['frames']} frames of {row['size']} x {row['size']}, device {row['device']}"
    return [*lines, "", f"{about}; on {where(row)}."]


def yes(met: bool) -> str:
    """In a column of bars."""
    return "yes" if met else "no"
