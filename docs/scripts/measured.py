"""Puts what was measured into the pages: the parts between two marks are made from `benchmarks/results/*.jsonl*`.

    python docs/scripts/measured.py [--price 0.05] [--check]

--check writes nothing and names the pages that are not up to date (exit code 1 if there are any).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]  # benchmarks, tables beside this

from benchmarks import published_cost  # noqa: E402
from benchmarks.alignment import table as alignment  # noqa: E402
from benchmarks.record import rows  # noqa: E402
from consensus_tables import confidence_lines, consensus_lines, stranger_lines  # noqa: E402
from pose_table import table as pose_lines  # noqa: E402
from pose_table import verb_table as pose_verb_lines  # noqa: E402
from scale_table import answer_lines, first_hour_lines, growth_lines, pixel_lines  # noqa: E402
from scale_table import table as scale_lines  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--price", type=float, default=0.05, help="of a core for an hour (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    blocks = {
        ("alignment-measured.md", "speed"): alignment.table_lines(rows("alignment")),
        ("alignment-measured.md", "bars"): alignment.bar_lines(rows("alignment"), rows("alignment_scaling")),
        ("alignment-measured.md", "band"): alignment.band_lines(rows("alignment_band")),
        ("alignment-measured.md", "soft-dtw"): alignment.soft_dtw_lines(rows("alignment_soft_dtw")),
        ("alignment-measured.md", "significance"): significance_lines(newest("significance", "set")),
        ("alignment-measured.md", "memory"): alignment.memory_lines(rows("alignment_scaling")),
        ("alignment-measured.md", "instructions"): instruction_lines(newest("alignment_instructions", "what")),
        ("pose.md", "pose"): pose_lines(rows("pose")),
        ("pose.md", "verb"): pose_verb_lines(rows("pose")),
        ("published.md", "cost"): published_cost.table_lines(rows("published_cost")),
        ("scale.md", "scale"): scale_lines(rows("embedding"), arguments.price),
        ("scale.md", "bars"): bar_lines(rows("decoding"), rows("evaluation")),
        ("scale.md", "answer"): answer_lines(newest("answer", "what")),
        ("scale.md", "first hour"): first_hour_lines(rows("first_hour")),
        ("scale.md", "growth"): growth_lines(rows("growth")),
        ("scale.md", "pixels"): pixel_lines(rows("pixels")),
        ("scale.md", "store"): store_lines(rows("store")),
        ("training.md", "step"): step_lines(newest("step", "what")),
        ("tasks-measured.md", "tasks"): task_lines(newest("tasks", "what")),
        ("tasks-measured.md", "synthetic"): synthetic_lines(rows("synthetic")),
        ("tasks-measured.md", "transfer short"): short_transfer_lines(rows("transfer_real")),
        ("transfer-measured.md", "transfer"): transfer_lines(rows("transfer_real")),
        ("tasks-measured.md", "consensus"): consensus_lines(rows("transfer_consensus")),
        ("tasks-measured.md", "training cases"): case_lines(rows("training_cases")),
        ("tasks-measured.md", "confidence"): confidence_lines(rows("transfer_consensus"), newest("confidence", "set")),
        ("tasks-measured.md", "strangers"): stranger_lines(rows("strangers")),
        ("tasks-measured.md", "checks"): check_lines(rows("checks_real")),
        ("tasks-measured.md", "groups"): group_lines(rows("groups")),
        ("tasks-measured.md", "one event"): sound_lines(rows("sound")),
        ("tasks-measured.md", "search"): search_lines(rows("search_real")),
        ("viewer.md", "viewer"): viewer_lines(rows("viewer"), newest("viewer_tasks", "task")),
    }
    stale = [f"{page} ({mark})" for (page, mark), lines in blocks.items() if put(page, mark, lines, arguments.check)]
    if arguments.check and stale:
        print(f"not up to date: {', '.join(stale)}; run python docs/scripts/measured.py", file=sys.stderr)
        return 1
    return 0


def put(page: str, mark: str, lines: Iterable[str], check: bool) -> bool:
    """Replaces what is between the marks; whether anything changed, or would."""
    path = ROOT / "docs" / page
    old = path.read_text(encoding="utf-8")
    begin, end = f"<!-- begin: {mark} -->\n", f"<!-- end: {mark} -->\n"
    if old.count(begin) != 1 or old.count(end) != 1:
        raise SystemExit(f"{path}: expected one pair of marks {begin.strip()} and {end.strip()}")
    before, _, rest = old.partition(begin)
    new = before + begin + "\n".join(lines) + "\n" + end + rest.partition(end)[2]
    if new != old and not check:
        path.write_text(new, encoding="utf-8")
    return new != old


def newest(name: str, key: str) -> dict[str, dict[str, Any]]:
    """The last line of each value of ``key``."""
    return {row[key]: row for row in rows(name)}


def where(row: dict[str, Any]) -> str:
    return f"{row['machine']}, load {row['load']} when it began, commit {row['commit']}"


def task_lines(measured: dict[str, dict[str, Any]]) -> list[str]:
    lines = ["| work | videos | frames each | seconds | memory before and after (MB) | on |", "|---" * 6 + "|"]
    for what, row in measured.items():
        memory = f"{row['resident_mb_before']:.0f}, {row['resident_mb_after']:.0f}"
        lines.append(f"| {what} | {row['videos']} | {row['frames']} | {row['seconds']:.1f} | {memory} | {where(row)} |")
    return lines


def significance_lines(measured: dict[str, dict[str, Any]]) -> list[str]:
    columns = {
        "match score": "auroc_match_score", "p-value": "auroc_p_value", "probability": "auroc_probability",
        "strangers with p < .05": "strangers_below_05", "matches with p < .05": "matches_below_05",
        "strangers over .2": "strangers_over_threshold", "matches over .2": "matches_over_threshold",
        "calibration error": "calibration_error",
    }  # fmt: skip
    lines = ["| set | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in measured.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[key]:.2f}" for key in columns.values()) + " |")
    return lines if measured else []


def instruction_lines(measured: dict[str, dict[str, Any]]) -> list[str]:
    lines = ["| pass | inner loop | instructions | of them on vectors | to or from the stack | divisions |"]
    lines.append("|---" * 6 + "|")
    total = 0.0
    for what, row in measured.items():
        for loop in row["loops"]:
            step = loop["fused"] > 0
            total += loop["instructions"] / (16 if step else 256)
            kind = "a step, 16 cells" if step else "moving a block, 256 cells"
            counts = [loop[name] for name in ("instructions", "vector", "stack", "divisions")]
            lines.append(f"| {what} | {kind} | " + " | ".join(map(str, counts)) + " |")
    return [*lines, "", f"Together {total:.0f} instructions a cell, forward and backward."]


def step_lines(measured: dict[str, dict[str, Any]]) -> list[str]:
    lines = ["| | milliseconds a step | of the loss | megabytes at most |", "|---" * 4 + "|"]
    for what, row in measured.items():
        share = f"{100 * row['loss_share']:.1f} %"
        lines.append(f"| {what} | {row['milliseconds']:.0f} | {share} | {row['peak_bytes'] / 1e6:.0f} |")
    return [*lines, "", f"On {where(next(iter(measured.values())))}."] if measured else []


def bar_lines(decoding: list[dict[str, Any]], evaluation: list[dict[str, Any]]) -> list[str]:
    """The newest decoding of each size and length, and the newest evaluation."""
    lines = ["| work | measured | bar | met |", "|---|---|---|---|"]
    newest_of_size = {(row["video"], row["frames"], str(row["scaled_to"])): row for row in decoding}
    for row in newest_of_size.values():
        what = f"{row['frames']:,} frames of {row['video']}" + (
            f", scaled to {row['scaled_to'][0]}" if row["scaled_to"] else ""
        )
        speed = f"{row['ratio']:.2f} of PyAV's bare loop ({row['reader_frames_a_second']:,.0f} frames a second)"
        met = alignment.yes_or_no(row["ratio"] >= row["bar"])
        lines.append(f"| decoding {what} | {speed} | {row['bar']} | {met} |")
    for row in evaluation[-1:]:
        for what, seconds, bar in (
            ("AP@K and tau of 100 videos of 300 frames", row["ap_and_tau_seconds"], 10),
            ("all metrics of 60 + 40 such videos", row["all_metrics_60_40_seconds"], 40),
        ):
            lines.append(
                f"| {what} | {seconds:.1f} s, load {row['load']} | {bar} s | {alignment.yes_or_no(seconds <= bar)} |"
            )
    return lines


def store_lines(measured: list[dict[str, Any]]) -> list[str]:
    lines = ["| frames | on disk (MB) | peak (MB) | write | read | index | search | what is new | add | save | load |"]
    lines.append("|---" * 11 + "|")
    for row in measured[-1:]:
        seconds = [f"{row['seconds'][name]:.2f}" for name in
                   ("write", "read", "index", "search", "stale", "add", "save", "load")]  # fmt: skip
        sizes = f"{row['bytes'] / 1e6:.0f} | {row['peak_bytes'] / 1e6:,.0f}"
        lines += [f"| {row['frames']:,} | {sizes} | " + " | ".join(seconds) + " |", "", f"Seconds; on {where(row)}."]
    return lines


def transfer_lines(measured: list[dict[str, Any]]) -> list[str]:
    """Median (90th percentile) of the error in seconds and F1, by number of labelled videos."""
    if not measured:
        return ["Not measured yet: `python -m benchmarks.transfer_real`."]
    found = {(row["set"], row["protocol"], row["features"], row["method"], row["labelled"]): row for row in measured}
    counts = sorted({key[-1] for key in found})
    lines: list[str] = []
    for name in dict.fromkeys(key[0] for key in found):
        head = [f"{count} labelled" for count in counts]
        lines += ["", f"**{name}**", "", f"| clips | features | method | {' | '.join(head)} |"]
        lines.append("|---" * (3 + len(counts)) + "|")
        for place in dict.fromkeys(key[1:4] for key in found if key[0] == name):
            cells = [found.get((name, *place, count)) for count in counts]
            words = ["" if c is None else f"{c['median']:.2f} ({c['p90']:.2f}), {100 * c['f1']:.0f}" for c in cells]
            lines.append(f"| {' | '.join(place)} | {' | '.join(words)} |")
    any_row = measured[-1]
    return [*lines, "", f"Drawn with {any_row['seeds']} seeds; {where(any_row)}."]


def case_lines(measured: list[dict[str, Any]]) -> list[str]:
    """With the consensus, means over seeds: what single frames count, and hits and F1 by number of labels."""
    counts = sorted({row["labelled"] for row in measured})
    lines = [
        "| set | clips | features | case | runs | frames count | "
        + " | ".join(f"{count} labelled" for count in counts)
        + " |",
        "|---" * (6 + len(counts)) + "|",
    ]
    found: dict[tuple[str, ...], dict[int, list[dict[str, Any]]]] = {}
    for row in measured:
        if row["method"] == "consensus":
            key = (row["set"], row["protocol"], row["training"], row["case"])
            found.setdefault(key, {}).setdefault(row["labelled"], []).append(row)
    for key, by_count in sorted(found.items(), key=lambda item: (*item[0][:2][::-1], item[0][3], item[0][2])):
        name, protocol, training, case = key
        cells = []
        for count in counts:
            parts = by_count.get(count, [])
            hits, scores = (np.mean([part[what] for part in parts]) if parts else 0.0 for what in ("hits", "f1"))
            cells.append(f"{100 * hits:.0f} / {100 * scores:.0f}" if parts else "")
        runs = "" if training == "frozen" else str(max(len(parts) for parts in by_count.values()))
        share = np.mean([part["frames_share"] for parts in by_count.values() for part in parts])
        lines.append(f"| {name} | {protocol} | {training} | {case} | {runs} | {share:.2f} | {' | '.join(cells)} |")
    return lines


def short_transfer_lines(measured: list[dict[str, Any]], labelled: int = 3) -> list[str]:
    """Mean F1 over the sets, of one number of labelled videos: a row each kind of clips and features."""
    chosen = [row for row in measured if row["labelled"] == labelled]
    methods = list(dict.fromkeys(row["method"] for row in chosen))
    head = " | ".join(f"`{method}`" for method in methods)
    lines = [f"| clips | features | {head} |", "|---" * (2 + len(methods)) + "|"]
    for clips, features in dict.fromkeys((row["protocol"], row["features"]) for row in chosen):
        found = {
            (row["set"], row["method"]): row["f1"]
            for row in chosen
            if (row["protocol"], row["features"]) == (clips, features)
        }
        sets = {name for name, _ in found}
        cells = [f"{100 * sum(found[name, method] for name in sets) / len(sets):.0f}" for method in methods]
        lines.append(f"| {clips} | {features} | {' | '.join(cells)} |")
    return lines


def synthetic_lines(measured: list[dict[str, Any]]) -> list[str]:
    """One table a task, kinds of trouble in columns."""
    shown: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
        "alignment": (
            "Frame error in seconds, median (90th percentile); frames that were matched, false matches (%)",
            lambda row: f"{row['median']:.2f} ({row['p90']:.2f}); {100 * row['matched']:.0f}, {100 * row['false']:.0f}",
        ),
        "transfer": (
            "Key events: error in seconds, median (90th percentile); F1 within half a second (%)",
            lambda row: f"{row['median']:.2f} ({row['p90']:.2f}); {100 * row['f1']:.0f}",
        ),
        "deviations": ("Frames of extra and repeated stretches: precision, recall (%)", _hits),
        "missing": ("Missing phases: precision, recall (%)", _hits),
        "synchronisation": (
            "From a reference without its middle third: spread of progress; of others' middle third on it (%)",
            lambda row: f"{row['spread']:.2f}; {100 * row['covered']:.0f}",
        ),
    }
    kinds = list(dict.fromkeys(row["kind"] for row in measured))
    lines = []
    for task, (title, cell) in shown.items():
        found = {(row["method"], row.get("labelled"), row["kind"]): row for row in measured if row["task"] == task}
        lines += ["", f"**{title}**", "", f"| | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
        for method, labelled in dict.fromkeys(key[:2] for key in found):
            name = method if labelled is None else f"{method}, {labelled} labelled"
            lines.append(f"| {name} | " + " | ".join(cell(found[method, labelled, kind]) for kind in kinds) + " |")
    row = measured[-1]
    about = f"{row['seeds']} seeds, two sets of {row['videos']} videos a seed, features: {row['features']}"
    return [*lines, "", f"{about}; commit {row['commit']}."]


def _hits(row: dict[str, Any]) -> str:
    return ", ".join("–" if row[name] is None else f"{100 * row[name]:.0f}" for name in ("precision", "recall"))


def search_lines(measured: list[dict[str, Any]]) -> list[str]:
    """Whether hits are the moment that was asked for, by set and way of looking."""
    newest = {(row["set"], row["split"], row["method"]): row for row in measured}
    ways = ("folder", "frames", "time-only")
    lines = [
        "| set | clips | queries | " + " | ".join(f"{way}: first, each" for way in ways) + " | commit |",
        "|---" * (4 + len(ways)) + "|",
    ]
    for name, split in dict.fromkeys(key[:2] for key in newest):
        found = [newest[name, split, way] for way in ways]
        shares = " | ".join(f"{row['first']:.0f}, {row['each']:.0f}" for row in found)
        clips = f"{found[0]['videos']} ({split})"
        lines.append(f"| {name} | {clips} | {found[0]['queries']} | {shares} | {found[0]['commit']} |")
    return lines


def check_lines(measured: list[dict[str, Any]]) -> list[str]:
    """Deviations on spliced clips and at half the speed, and what the match score tells."""
    newest = {(row["set"], row["features"], row["what"], row.get("method")): row for row in measured}
    lines = [
        "| set | features | `deviate`: precision, recall | rule | half speed | "
        "match score and error: rank correlation |",
        "|---" * 6 + "|",
    ]
    for name, features in dict.fromkeys(key[:2] for key in newest):
        ours, rule = (_hits(newest[name, features, "deviations", method]) for method in ("deviate", "rule"))
        slow = newest[name, features, "half speed", None]
        match = newest[name, features, "match score", None]
        lines.append(
            f"| {name} | {features} | {ours} | {rule} | {round(100 * slow['flagged'])} | "
            f"{match['spearman']:.2f} ({match['pairs']} pairs) |"
        )
    return lines


def group_lines(measured: list[dict[str, Any]]) -> list[str]:
    """A line a set: the common timeline, deviations of whole and spliced clips, and the clips named for labelling."""
    newest = {
        (row["set"], row["within_clips"], row.get("run"), row["what"]): row for row in measured if "within_clips" in row
    }
    if not newest:
        return ["Not measured yet: `python -m benchmarks.groups`."]
    lines = [
        "| set | compared | features | events apart on the timeline: joint, star, share of the video (s) | "
        "misfit and error: correlation | whole clips said to miss a part, of them lack an event, said to have an extra "
        "one | "
        "not compared | spliced: precision, recall (%) | F1 from two named clips, two drawn, ten drawn (%) |",
        "|---" * 9 + "|",
    ]
    keys = dict.fromkeys(key[:3] for key in newest)
    for name, within, run in sorted(keys, key=lambda key: (not key[1], key[2] is not None)):
        sync, deviate, named = (newest.get((name, within, run, what)) for what in ("sync", "deviate", "suggest"))
        odd = ("missing", "missing_and_lacks_an_event", "extra")
        cells = [
            ", ".join(f"{value:.2f}" for value in sync["spread"].values()) if sync else "",
            f"{sync['misfit_rho']:.2f}" if sync else "",
            f"{', '.join(str(deviate[key]) for key in odd)} of {deviate['clips'] - 1}" if deviate else "",
            str(deviate["strangers"]) if deviate else "",
            _hits(deviate) if deviate else "",
            ", ".join(f"{100 * named[key]:.0f}" for key in ("named", "drawn_2", "drawn_10")) if named else "",
        ]
        how = f"{'within clips' if within else 'all'} | {'frozen' if run is None else 'run'}"
        lines.append(f"| {name} | {how} | {' | '.join(cells)} |")
    return [*lines, "", f"On {where(list(newest.values())[-1])}."]


def sound_lines(measured: list[dict[str, Any]]) -> list[str]:
    """The newest run of mixes of sound whose offset and drift are known."""
    if not measured:
        return ["Not measured yet: `python -m benchmarks.sound`."]
    row = measured[-1]
    offset, rate, told, cases = row["offset_ms"], row["rate_ppm"], row["drift_told"], row["cases"]
    drifts = ", ".join(f"{100 * told[kind]:.0f} %" for kind in ("none", "145", "more"))
    return [
        "| mixes of two recordings of one event | |",
        "|---|---|",
        f"| offset within 10 ms | {offset['within_10']} of {cases} |",
        f"| error of the offset: median, 90th percentile, worst | {offset['median']:.2f}, {offset['p90']:.2f}, "
        f"{offset['worst']:.2f} ms |",
        f"| the true offset lies in the stated 90 % interval | {100 * row['offset_inside_90']:.0f} % |",
        f"| error of the rate: median, worst | {rate['median']:.0f}, {rate['worst']:.0f} millionths |",
        f"| the true rate lies in the stated 90 % interval | {100 * row['rate_inside_90']:.0f} % |",
        f"| a drift is told where there is none, one of 145 millionths, a larger one | {drifts} |",
        f"| refused | {row['refused']} of {cases} |",
        f"| two different events taken for one | {row['strangers_taken']} of {row['strangers']} |",
        "",
        f"{row['seconds']:g} seconds each; on {where(row)}.",
    ]


def viewer_lines(measured: list[dict[str, Any]], tasks: dict[str, dict[str, Any]]) -> list[str]:
    lines = []
    if measured:
        row = measured[-1]
        with_run = "with a trained run" if row["run"] else "without a run"
        lines += [
            "| measured | |",
            "|---|---|",
            f"| first paint of {row['videos']} videos, {with_run} | {row['first_paint_seconds']:.2f} s |",
            f"| answer to scrubbing, median (95th percentile) | "
            f"{row['scrub_ms_median']:.0f} ms ({row['scrub_ms_p95']:.0f} ms) |",
            f"| B off the path while A plays, median (95th percentile) | {row['follow_ms_median']:.0f} ms "
            f"({row['follow_ms_p95']:.0f} ms, {row['follow_frames_p95']:.1f} frames) |",
            "",
            f"Measured on {where(row)}.",
            "",
        ]
    lines += ["| from a fresh start to … | clicks | keys | seconds |", "|---|---|---|---|"]
    for task, row in tasks.items():
        words = task.replace("_", " ")
        lines.append(f"| {words} | {row['clicks']} | {row['keys']} | {row['seconds']:.1f} |")
    if tasks:
        lines += ["", f"{row['videos']} videos; {where(row)}."]
    return lines


if __name__ == "__main__":
    sys.exit(main())
