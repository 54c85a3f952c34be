"""``python -m benchmarks.decoding``: frames a second of the reader against the bare PyAV loop, in one run.

The bar: at least .9 of a loop that decodes and converts with one shared reformatter. Rounds alternate, and the ratio is
of the medians; a line for each size and length, because the reader opens a file once more to know its frames. The bare
loop looks at every picture and keeps none; the reader hands out arrays that stay, which costs it one copy.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from benchmarks.record import append, surroundings

from syncline.video import VideoReader, VideoWriter

LENGTHS = (300, 1800)
SIZES = {"156p": (156, 208), "360p": (360, 640), "720p": (720, 1280)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, (height, width) in SIZES.items():
            for frames in LENGTHS:
                path = Path(folder) / f"{name}_{frames}.mp4"
                write(path, height, width, frames)
                for scaled in (None, (112, 112)):
                    compare(path, name, frames, scaled, arguments.rounds)


def write(path: Path, height: int, width: int, frames: int) -> None:
    """A noisy pattern that moves."""
    noise = np.random.default_rng(0).integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    still = noise.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    with VideoWriter(path, height=height, width=width, rate=30) as writer:
        for number in range(frames):
            writer.write(np.roll(still, 2 * number, axis=1), number / 30)


def compare(path: Path, name: str, frames: int, scaled: tuple[int, int] | None, rounds: int) -> None:
    seconds: dict[str, list[float]] = {"bare": [], "reader": []}
    for _ in range(rounds):
        for which, work in (("bare", bare), ("reader", reader)):
            start = time.perf_counter()
            count = work(path, scaled)
            seconds[which].append(time.perf_counter() - start)
            assert count == frames
    bare_rate, reader_rate = (frames / statistics.median(seconds[which]) for which in ("bare", "reader"))
    row = {
        "what": "decoding", "video": name, "scaled_to": scaled, "frames": frames, "rounds": rounds,
        "bare_frames_a_second": round(bare_rate, 1), "reader_frames_a_second": round(reader_rate, 1),
        "ratio": round(reader_rate / bare_rate, 3), "bar": 0.9,
    }  # fmt: skip
    append("decoding", row | surroundings())


def bare(path: Path, scaled: tuple[int, int] | None) -> int:
    """What the libraries take at least: decode, convert, keep one frame at a time."""
    reformatter = VideoReformatter()
    count = 0
    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        stream.thread_type = "AUTO"
        height, width = scaled or (stream.codec_context.height, stream.codec_context.width)
        for frame in container.decode(stream):
            reformatter.reformat(frame, width=width, height=height, format="rgb24", threads=1).to_ndarray()
            count += 1
    return count


def reader(path: Path, scaled: tuple[int, int] | None) -> int:
    return sum(len(chunk.indices) for chunk in VideoReader(path, size=scaled).chunks())


if __name__ == "__main__":
    main()
