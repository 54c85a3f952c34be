"""``python -m benchmarks.evaluation``: the metrics on sets of the size that the bars name.

The bars: AP@5/10/15 and tau of 100 videos of 300 frames x 128 in under 10 s on 2 cores; all metrics of 60 + 40 such
videos in under 40 s. Neighbours are searched once for the four, as `syncline evaluate` does. Processor seconds stand
beside the wall's, because they hardly depend on what else the machine does.
"""

from __future__ import annotations

import time

import numpy as np
from benchmarks.record import append, peak_bytes, surroundings

from syncline.evaluation import phase_classification, phase_progression
from syncline.evaluation.kendall import tau_of
from syncline.evaluation.metric_inputs import as_embeddings, comparable
from syncline.evaluation.neighbours import find_neighbours
from syncline.evaluation.retrieval import precision_of


def videos(count: int, seed: int, frames: int = 300, dim: int = 128) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Noisy courses through five phases of random durations."""
    random = np.random.default_rng(seed)
    path = np.random.default_rng(0).normal(size=(101, dim))
    embeddings, labels = [], []
    for _ in range(count):
        ends = np.cumsum(random.dirichlet(np.full(5, 8.0)))
        place = np.linspace(0, 1, frames)
        labels.append(np.searchsorted(ends[:-1], place).astype(np.int64))
        progress = np.interp(place, np.concatenate([[0], ends]), np.linspace(0, 1, 6))
        clean = np.stack([np.interp(progress, np.linspace(0, 1, 101), path[:, k]) for k in range(dim)], axis=1)
        embeddings.append((clean + random.normal(size=clean.shape)).astype(np.float32))
    return embeddings, labels


def order_and_retrieval(x: list[np.ndarray], y: list[np.ndarray]) -> None:
    """AP@5, 10, 15 and tau."""
    found = find_neighbours(as_embeddings(x), comparable(None, len(x)), k=15, per_video=True)
    for k in (5, 10, 15):
        precision_of(found, y, k)
    tau_of(found)


def main() -> None:
    x, y = videos(100, 1)
    order_and_retrieval(x[:2], y[:2])  # kernels are compiled, or read
    began = time.perf_counter(), time.process_time()
    order_and_retrieval(x, y)
    neighbours = time.perf_counter() - began[0], time.process_time() - began[1]
    began = time.perf_counter(), time.process_time()
    for fraction in (0.1, 0.5, 1.0):
        phase_classification(x[:60], y[:60], x[60:], y[60:], fraction=fraction)
    phase_progression(x[:60], y[:60], x[60:], y[60:])
    order_and_retrieval(x[60:], y[60:])
    everything = time.perf_counter() - began[0], time.process_time() - began[1]
    append(
        "evaluation",
        surroundings("scikit-learn", "scipy")
        | {
            "what": "100 videos x 300 frames x 128",
            "ap_and_tau_seconds": round(neighbours[0], 2),
            "ap_and_tau_processor_seconds": round(neighbours[1], 2),
            "all_metrics_60_40_seconds": round(everything[0], 2),
            "all_metrics_60_40_processor_seconds": round(everything[1], 2),
            "peak_bytes": peak_bytes(),
        },
    )


if __name__ == "__main__":
    main()
