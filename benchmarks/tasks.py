"""Speed of the tasks: star synchronisation of 200 videos of 300 frames, and all their 19,900 pairs.

    python -m benchmarks.tasks [--videos 200] [--frames 300]

One JSON line a measurement: wall seconds, seconds of processor time in all threads, resident megabytes before and
after. Courses are smooth random curves at uneven tempo with noise, 128 wide. The bars are 30 s for the star and 180 s
for all pairs on two idle cores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from benchmarks.record import append, surroundings

from syncline.data import Embedding
from syncline.tasks import align, align_pairs, synchronize


def videos(count: int, frames: int) -> list[Embedding]:
    """The same curve at different tempi."""
    generator = np.random.default_rng(0)
    frequencies, phases = generator.uniform(2, 14, 128), generator.uniform(0, 2 * np.pi, 128)
    made = []
    for k in range(count):
        passed = np.cumsum(np.interp(np.linspace(0, 5, frames), np.arange(6), np.exp(0.5 * generator.normal(size=6))))
        progress = (passed - passed[0]) / (passed[-1] - passed[0])
        vectors = np.sin(progress[:, None] * frequencies + phases) + 0.3 * generator.normal(size=(frames, 128))
        made.append(Embedding(vectors.astype(np.float32), np.arange(frames) / 7.5, f"v{k}"))
    return made


def all_pairs(embeddings: list[Embedding]) -> int:
    """Aligns every pair and keeps nothing."""
    return sum(len(alignment.path) > 0 for _, _, alignment in align_pairs(embeddings))


def resident_megabytes() -> float | None:
    """Linux only."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--frames", type=int, default=300)
    arguments = parser.parse_args()
    embeddings = videos(arguments.videos, arguments.frames)
    align(embeddings[0], embeddings[1])  # compiles
    work: dict[str, tuple[Callable[[], object], int]] = {
        "sync star": (lambda: synchronize(embeddings, method="star"), arguments.videos),
        "all pairs": (lambda: all_pairs(embeddings), arguments.videos * (arguments.videos - 1) // 2),
    }
    for name, (function, units) in work.items():
        before, around = resident_megabytes(), surroundings("numba")
        start, used = time.perf_counter(), time.process_time()
        function()
        seconds, used = time.perf_counter() - start, time.process_time() - used
        row = {"what": name, "videos": arguments.videos, "frames": arguments.frames, "units": units,
               "seconds": round(seconds, 3), "cpu_seconds": round(used, 3), "resident_mb_before": before,
               "resident_mb_after": resident_megabytes(), "threads": torch.get_num_threads(), **around}  # fmt: skip
        append("tasks", row)


if __name__ == "__main__":
    main()
