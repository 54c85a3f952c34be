"""Consensus of a folder: 200 videos of 300 frames, pairs included, then all of one video's P' and a carried event.

    python -m benchmarks.consensus [--videos 200] [--frames 300] [--voters K]

One JSON line into `results/consensus.jsonl`: seconds of the pairs, of one video's P' to all others and of carrying,
seconds of CPU over all threads (which a busy machine does not stretch), and the largest resident size of the process.
The bar: two minutes and 1 GB on two cores, all together.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from benchmarks.record import append, peak_bytes, surroundings

from syncline.alignment.consensus import Consensus


def course(frames: int, seed: int, *, width: int = 128, noise: float = 0.6) -> np.ndarray:
    """A walk that all videos share, at a warp and with noise of its own."""
    random = np.random.default_rng(seed)
    knots = np.concatenate([[0.0], np.sort(random.uniform(0, 1, 3)), [1.0]])
    at = np.interp(np.linspace(0, 1, frames), np.linspace(0, 1, 5), knots)
    waves = np.random.default_rng(0).normal(0, 12, (1, width // 2))
    rows = np.concatenate([np.cos(at[:, None] * waves), np.sin(at[:, None] * waves)], axis=1)
    return np.asarray(rows + noise * random.standard_normal(rows.shape), dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--voters", type=int, help="how many serve as intermediaries (default: all)")
    arguments = parser.parse_args()
    random = np.random.default_rng(1)
    lengths = random.integers(int(0.7 * arguments.frames), int(1.3 * arguments.frames), arguments.videos)
    videos = [course(int(length), k) for k, length in enumerate(lengths)]
    Consensus([video[:20] for video in videos[:3]])  # compiles
    start, began = time.perf_counter(), time.process_time()
    voters = None if arguments.voters is None else range(arguments.voters)
    group = Consensus(videos, voters=voters)
    aligned = time.perf_counter()
    for j in range(1, len(group)):
        group.matrix(0, j)
    consistent = time.perf_counter()
    events = np.eye(int(lengths[0]))[:: max(1, int(lengths[0]) // 6)]
    through = group.carry({0: events})
    group.carry(dict(enumerate(through)))
    end, cpu = time.perf_counter(), time.process_time() - began
    kept = sum(matrix.nnz for matrix in group._pairs.values()) / sum(m.shape[0] for m in group._pairs.values())
    row = {
        "videos": arguments.videos, "frames": arguments.frames, "voters": len(group.voters),
        "threads": torch.get_num_threads(), "pairs_s": round(aligned - start, 1),
        "one_to_all_s": round(consistent - aligned, 1), "carry_s": round(end - consistent, 1),
        "total_s": round(end - start, 1), "cpu_s": round(cpu, 1), "kept_per_row": round(kept, 2),
        "peak_bytes": peak_bytes(),
    }  # fmt: skip
    append("consensus", row | surroundings("numba", "scipy"))


if __name__ == "__main__":
    main()
