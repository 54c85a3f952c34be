"""Speed of the tasks: star synchronisation of 200 videos of 300 frames, and all their 19,900 pairs.

    python -m benchmarks.tasks [--videos 200] [--frames 300] [--out FILE.jsonl]

One JSON line a measurement: wall seconds, pairs a second, resident megabytes afterwards. Courses are smooth random
curves at uneven tempo with noise, 128 wide. The bars are 30 s for the star and 180 s for all pairs on two idle cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from syncline.data import Embedding
from syncline.files import write_text
from syncline.tasks import align, synchronize


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
    count = 0
    for a, b in itertools.combinations(embeddings, 2):
        count += len(align(a, b, verdict=False).path) > 0
    return count


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
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/tasks.jsonl"))
    arguments = parser.parse_args()
    embeddings = videos(arguments.videos, arguments.frames)
    align(embeddings[0], embeddings[1])  # compiles
    work: dict[str, tuple[Callable[[], object], int]] = {
        "sync star": (lambda: synchronize(embeddings, method="star"), arguments.videos),
        "all pairs": (lambda: all_pairs(embeddings), arguments.videos * (arguments.videos - 1) // 2),
    }
    written = []
    for name, (function, units) in work.items():
        start = time.perf_counter()
        function()
        seconds = time.perf_counter() - start
        line = {"what": name, "videos": arguments.videos, "frames": arguments.frames, "units": units,
                "seconds": round(seconds, 3), "resident_mb": resident_megabytes(),
                "threads": os.environ.get("OMP_NUM_THREADS"), "cpus": os.cpu_count()}  # fmt: skip
        written.append(json.dumps(line))
        print(written[-1], flush=True)
    write_text(arguments.out, "\n".join(written) + "\n")


if __name__ == "__main__":
    main()
