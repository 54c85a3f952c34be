"""``python -m benchmarks.first_hour``: from a bare environment to a trained run on a folder of clips, by the commands.

    python -m benchmarks.first_hour [--clips 300] [--seconds 12] [--height 480] [--minutes N] [--install PROJECT]

A fresh virtual environment gets the package with ``--install .`` (timed apart: it is the network's time, mostly); else
the environment that runs this serves. Then the commands that a person types, one after the other, on a feature cache
that is empty at first: two clips aligned, with pictures and both films; all clips embedded; a run trained on them.

The bars: the first aligned pair within 2 minutes, the whole folder usable (embedded) within 15, trained within 60. A
dozen videos are rendered, at 30 frames a second; the other clips are copies of them with a few bytes of their own
behind, which makes them other videos to the cache. Processor seconds stand beside minutes, because they hardly depend
on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from benchmarks.record import append, surroundings

from syncline.data.synthetic import SyntheticConfig, render_synthetic

RENDERED = 12
BARS = {"first aligned pair": 2, "whole folder embedded": 15, "trained": 60}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=12.0, help="of a clip (default: 12)")
    parser.add_argument("--height", type=int, default=480, help="of the pictures, 4 : 3 (default: 480)")
    parser.add_argument("--minutes", type=float, help="of training; as long as the settings say by default")
    parser.add_argument("--install", type=Path, metavar="PROJECT", help="installed into a bare environment first")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        python = Path(sys.executable)
        if arguments.install is not None:
            python = install(arguments.install.absolute(), root / "bare")
        folder = write_clips(root, arguments.clips, arguments.seconds, arguments.height)
        work(root, folder, python, arguments)


def install(project: Path, environment: Path) -> Path:
    """Makes a bare environment, puts ``project`` and its offline weights into it, and says how long that took."""
    about = surroundings()
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    commands = [[str(python), "-m", "pip", "install", "--quiet", f"{project}[offline,fast]"]]
    row = {"what": "installed", "commands": len(commands), **timed(commands[0], environment)}
    append("first_hour", about | row)
    return python


def work(root: Path, folder: Path, python: Path, arguments: argparse.Namespace) -> None:
    """The commands, in order, with what each of them leaves on the disk."""
    clips = sorted(str(path) for path in folder.iterdir())
    budget = [] if arguments.minutes is None else ["--minutes", str(arguments.minutes)]
    commands = {
        "first aligned pair": ["align", *clips[:2], "--force", "--out", str(root / "aligned")],
        "whole folder embedded": ["embed", str(folder), "--out", str(root / "embedded")],
        "trained": ["train", str(folder), "--out", str(root / "run"), *budget],
    }
    results = {"first aligned pair": "aligned", "whole folder embedded": "embedded", "trained": "run"}
    cache = root / "cache"
    for number, (what, command) in enumerate(commands.items(), 1):
        about = surroundings()
        words = [str(python), "-m", "syncline", *command, "--cache", str(cache / "features")]
        row = {"what": what, "clips": len(clips), "clip_seconds": arguments.seconds, "bar": BARS[what]}
        row |= {"commands": number, **timed(words, cache)}
        row["result_bytes"] = held(root / results[what])
        append("first_hour", about | row)


def timed(command: list[str], kept: Path) -> dict[str, float]:
    """Runs a command; its minutes and processor seconds, and the bytes under ``kept`` afterwards."""
    before, began = os.times(), time.perf_counter()
    environment = os.environ | {"SYNCLINE_CACHE": str(kept)}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    minutes, after = (time.perf_counter() - began) / 60, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {"minutes": round(minutes, 2), "processor_seconds": round(used, 1), "cache_bytes": held(kept)}


def held(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def write_clips(root: Path, count: int, seconds: float, height: int) -> Path:
    """The folder of clips."""
    config = SyntheticConfig(
        num_videos=min(count, RENDERED), size=(height, height * 4 // 3 // 2 * 2), frame_rate=30.0,
        seconds=(seconds, seconds), trim=0.0,
    )  # fmt: skip
    rendered = [video.path.read_bytes() for video in render_synthetic(root / "rendered", config)]
    folder = root / "clips"
    folder.mkdir()
    for number in range(count):
        padding = b"\x00\x00\x00\x10free" + number.to_bytes(8, "big")  # a box of MP4 that every reader skips
        (folder / f"{number:03d}.mp4").write_bytes(rendered[number % len(rendered)] + padding)
    return folder


if __name__ == "__main__":
    main()
