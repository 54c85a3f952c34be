"""What a training step costs and the share of the loss in it, for every method, on features as the cache gives them.

    python -m benchmarks.step [--steps 20]

Features are random numbers, so that no data is needed; views, batch, encoder and optimiser are the recommended ones.
The share is that of the loss and of its gradient with respect to the embeddings; the bar is a quarter of a step. Every
row is measured in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from benchmarks.record import append, peak_bytes, surroundings

from syncline.encoder import FrameEncoder
from syncline.training import TrainConfig, make_loss, method_config
from syncline.training.checkpoint import Parts
from syncline.training.optimiser_step import Stepper, make_optimizer
from syncline.views import FeatureViews

METHODS: dict[str, dict[str, Any]] = {
    "SCL": {"method": "scl"},
    "TCN": {"method": "tcn"},
    "TCC": {"method": "tcc"},
    "LAV": {"method": "lav"},
    "GTA": {"method": "gta"},
    "LRProp (our reconstruction)": {"method": "lrprop"},
    "LAC paper": {"method": "lac", "preset": "paper"},
    "LAC corrected": {"method": "lac", "preset": "corrected"},
    "across, local": {"method": "lac", "preset": "cross_video"},
    "SCL, batch 16": {"method": "scl", "views": {"batch_size": 16}},
    "SCL, batch 8 accumulated twice": {"method": "scl", "accumulate": 2},
    "SCL, batch 16, bf16": {"method": "scl", "views": {"batch_size": 16}, "precision": "bf16"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--inside", choices=METHODS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        found = measured(method_config(**METHODS[arguments.inside]), arguments.steps)
        append("step", {"what": arguments.inside, **found, "peak_bytes": peak_bytes(), **surroundings()})
        return
    for name in METHODS:
        command = [sys.executable, "-m", "benchmarks.step", "--inside", name, "--steps", str(arguments.steps)]
        subprocess.run(command, check=True)


def measured(config: TrainConfig, steps: int) -> dict[str, float]:
    """Milliseconds of a step, as late in training as makes every term count, and of the loss: medians after three."""
    torch.manual_seed(0)
    encoder = FrameEncoder(config.encoder)
    features = [torch.rand(1, 100, encoder.backbone.dim).half().numpy() for _ in range(12)]
    encoder.calibrate([np.asarray(feature[0], dtype=np.float32) for feature in features])
    views = FeatureViews(features, config.views)
    loss = make_loss(config, rate_hz=7.5)
    parts = Parts(encoder, loss, make_optimizer(config, encoder, loss))
    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if config.precision == "bf16" else "no")
    stepper = Stepper(config, parts, encoder, accelerator, views)
    whole, own = [], []
    for step in range(steps + 3):
        began = time.perf_counter()
        stepper(steps - 1, steps, tell=False)
        whole.append(time.perf_counter() - began)
        z, sides = stepper._embedded(step)
        leaf = z.detach().requires_grad_()
        began = time.perf_counter()
        loss(leaf[:, 0], leaf[:, 1], **sides).backward()
        own.append(time.perf_counter() - began)
    step_seconds, loss_seconds = float(np.median(whole[3:])), float(np.median(own[3:]))
    return {
        "milliseconds": round(1000 * step_seconds, 1),
        "loss_milliseconds": round(1000 * loss_seconds, 2),
        "loss_share": round(loss_seconds / step_seconds, 4),
        "threads": torch.get_num_threads(),
    }


if __name__ == "__main__":
    main()
