"""``python -m benchmarks.answer``: how long a verb takes with cached features, with films, and with ``--help``.

The bars: eight clips of ten seconds in ``import torch, numba`` of the same run and .7 s more; both films of two clips
of twelve seconds at 480p in 6 s beside ``align --no-films``; ``--help`` of every verb in .4 s.
Everything is started in turns, each in a process of its own; the least of all turns counts. Processor seconds stand
beside, because they hardly depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.record import append, surroundings

BASE = [sys.executable, "-c", "import torch, numba"]
SYNCLINE = [sys.executable, "-m", "syncline"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        answers(Path(folder), arguments.turns)
    with tempfile.TemporaryDirectory() as folder:
        films(Path(folder), arguments.turns)
    helps(arguments.turns)


def answers(folder: Path, turns: int) -> None:
    """The verbs against the imports that none of them can do without."""
    from syncline.data.synthetic import SyntheticConfig, render_synthetic

    render_synthetic(folder / "set", SyntheticConfig(num_videos=8, seed=0, seconds=(10.0, 10.0)))
    clips = sorted((folder / "set").rglob("*.mp4"))
    labels = folder / "labels.csv"
    labels.write_text(f"video,fps,events\n{clips[0].name},30,60;90\n", encoding="utf-8")
    quiet = ["--figures", "none"]
    lines = {
        "align": ["align", clips[0], clips[1], "--force", "--no-films", *quiet],
        "search": ["search", clips[0].parent, "--video", clips[0].name, "--time", "4", *quiet],
        "sync": ["sync", clips[0].parent, "--no-films", *quiet],
        "deviate": ["deviate", clips[0].parent, *quiet],
        "transfer": ["transfer", clips[0].parent, "--labels", labels],
    }
    commands = {"imports": BASE} | {
        verb: [*SYNCLINE, *map(str, words), "--out", str(folder / verb)] for verb, words in lines.items()
    }
    best = least(commands, folder / "cache", turns)
    for name in lines:
        append("answer", surroundings("numba") | row(f"{name}, cached", best[name], best["imports"], 0.7))


def films(folder: Path, turns: int) -> None:
    """Both films of `align`, side by side and in step, against the same without films."""
    from syncline.data.synthetic import SyntheticConfig, render_synthetic

    config = SyntheticConfig(num_videos=2, seed=0, seconds=(12.0, 12.0), size=(480, 640), frame_rate=30.0, trim=0.0)
    clips = [str(video.path) for video in render_synthetic(folder / "set", config)]
    line = [*SYNCLINE, "align", *clips, "--force", "--figures", "none", "--out", str(folder / "out")]
    commands = {"path": [*line, "--no-films"], "films": line}
    best = least(commands, folder / "cache", turns)
    found = row("align with both films, clips of 480p", best["films"], best["path"], 6.0)
    append("answer", surroundings("av") | found)


def least(commands: dict[str, list[str]], cache: Path, turns: int) -> dict[str, tuple[float, float]]:
    """The least wall and processor seconds of each command, all of them in turns, features cached."""
    environment = os.environ | {"SYNCLINE_CACHE": str(cache)}
    for command in commands.values():  # features into the cache, kernels compiled
        seconds_of(command, environment)
    best = dict.fromkeys(commands, (math.inf, math.inf))
    for _ in range(turns):
        for name, command in commands.items():
            wall, processor = seconds_of(command, environment)
            best[name] = (min(best[name][0], wall), min(best[name][1], processor))
    return best


def row(what: str, found: tuple[float, float], base: tuple[float, float], bar: float) -> dict[str, Any]:
    """A line: what was found beside what it is compared with. The bar is of the wall's seconds more."""
    return {
        "what": what,
        "seconds": round(found[0], 2),
        "base_seconds": round(base[0], 2),
        "more_seconds": round(found[0] - base[0], 2),
        "processor_seconds": round(found[1], 2),
        "more_processor_seconds": round(found[1] - base[1], 2),
        "bar": bar,
    }


def helps(turns: int) -> None:
    """``--help`` of every verb; the slowest is told."""
    from syncline.cli.main import VERBS

    found = {}
    for verb in VERBS:
        times = [seconds_of([*SYNCLINE, verb, "--help"], dict(os.environ)) for _ in range(turns)]
        found[verb] = (min(wall for wall, _ in times), min(processor for _, processor in times))
    slowest = max(found, key=lambda verb: found[verb][1])
    wall, processor = found[slowest]
    found_of_slowest = {
        "what": f"{slowest} --help, the slowest",
        "seconds": round(wall, 2),
        "processor_seconds": round(processor, 2),
        "bar": 0.4,
    }
    append("answer", surroundings() | found_of_slowest)


def seconds_of(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and processor seconds of a process."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, used


if __name__ == "__main__":
    main()
