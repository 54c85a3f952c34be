"""``python -m benchmarks.runtimes``: frames a second of embedding clips by each runtime, in turns, and how alike.

The bar: 1.5 times PyTorch's frames a second, and .9 of the bare runtime on pictures in memory. Frames a second of
processor time stand beside: they hardly depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from benchmarks.record import append, surroundings

from syncline.data import Sampling, open_videos
from syncline.encoder import Backbone, FeatureCache
from syncline.encoder.backbone_runtimes import VARIABLE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, help="folder of videos (default: g1_bottle of SYNCLINE_TEST_DATA)")
    parser.add_argument("--runtimes", nargs="+", default=["torch", "openvino"])
    parser.add_argument("--turns", type=int, default=2)
    arguments = parser.parse_args()
    data = os.environ.get("SYNCLINE_TEST_DATA")
    folder = arguments.clips or (Path(data) / "g1_bottle" / "videos" if data else None)
    if folder is None:
        print("no clips: give --clips FOLDER, or the real sets in SYNCLINE_TEST_DATA")
        return
    videos = list(open_videos(folder))[:4]
    backbones = {}
    for runtime in arguments.runtimes:
        os.environ[VARIABLE] = runtime
        backbones[runtime] = Backbone()
        backbones[runtime](torch.zeros(2, 3, 64, 64, dtype=torch.uint8))  # exported and compiled now
    rates: dict[str, dict[str, float]] = {runtime: {} for runtime in backbones}
    features: dict[str, np.ndarray] = {}
    for _ in range(arguments.turns):
        for runtime, backbone in backbones.items():
            measure(runtime, backbone, videos, rates[runtime], features)
    for runtime, found in rates.items():
        a, b = features[runtime], features["torch"] if "torch" in features else features[runtime]
        worst = float((np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())
        row = {"what": runtime, "threads": torch.get_num_threads(), "worst_cosine_to_torch": round(worst, 4)}
        append("runtimes", surroundings("openvino", "onnxruntime") | row | {k: round(v, 1) for k, v in found.items()})


def measure(
    runtime: str, backbone: Backbone, videos: list, rates: dict[str, float], features: dict[str, np.ndarray]
) -> None:
    """Clips from their files into an empty cache, then the bare backbone on as many pictures in memory."""
    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(folder, backbone, Sampling(7.5))
        wall, processor = time.perf_counter(), time.process_time()
        found = [np.array(cache.features(video).features[0], dtype=np.float32) for video in videos]
        frames = sum(map(len, found))
        keep(rates, "embed", frames, time.perf_counter() - wall, time.process_time() - processor)
    features[runtime] = np.concatenate(found)
    pictures = torch.randint(0, 256, (32, 3, *backbone.size), dtype=torch.uint8)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(max(1, frames // 32)):
        backbone(pictures)
    keep(rates, "bare", 32 * max(1, frames // 32), time.perf_counter() - wall, time.process_time() - processor)


def keep(rates: dict[str, float], what: str, frames: int, wall: float, processor: float) -> None:
    """The best of all turns."""
    for name, seconds in ((f"{what}_per_second", wall), (f"{what}_per_processor_second", processor)):
        rates[name] = max(rates.get(name, 0.0), frames / seconds)


if __name__ == "__main__":
    main()
