"""``python -m benchmarks.folder``: a practitioner's folder, 300 clips of 12 seconds, from nothing, by the commands.

The bars: the first aligned pair within 2 minutes, the whole folder usable (embedded) within 15, trained within 60. The
feature cache is empty at first and the same for all three. A dozen videos are rendered (640 x 480, 30 frames a second);
the other clips are copies of them with a few bytes of their own behind, which makes them other videos to the cache.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import append, surroundings

from syncline.data.synthetic import SyntheticConfig, render_synthetic

RENDERED = 12
BARS = {"first aligned pair": 2, "whole folder embedded": 15, "trained": 60}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=300)
    arguments = parser.parse_args()
    about = surroundings()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        folder = write_clips(root, arguments.clips)
        clips = sorted(str(path) for path in folder.iterdir())
        cache = root / "cache"
        commands = {
            "first aligned pair": ["align", *clips[:2], "--force", "--out", str(root / "aligned")],
            "whole folder embedded": ["embed", str(folder), "--out", str(root / "embedded")],
            "trained": ["train", str(folder), "--out", str(root / "run")],
        }
        for what, command in commands.items():
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "syncline", *command, "--cache", str(cache)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            minutes = (time.perf_counter() - start) / 60
            held = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
            row = {"clips": len(clips), "minutes": round(minutes, 2), "bar": BARS[what], "cache_bytes": held}
            append("folder", about | {"what": what} | row)


def write_clips(root: Path, count: int) -> Path:
    """The folder of clips."""
    config = SyntheticConfig(num_videos=RENDERED, size=(480, 640), frame_rate=30.0, seconds=(12.0, 12.0), trim=0.0)
    rendered = [video.path.read_bytes() for video in render_synthetic(root / "rendered", config)]
    folder = root / "clips"
    folder.mkdir()
    for number in range(count):
        padding = b"\x00\x00\x00\x10free" + number.to_bytes(8, "big")  # a box of MP4 that every reader skips
        (folder / f"{number:03d}.mp4").write_bytes(rendered[number % RENDERED] + padding)
    return folder


if __name__ == "__main__":
    main()
