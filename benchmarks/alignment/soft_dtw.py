"""``python -m benchmarks.alignment.soft_dtw``: value and gradient of soft-DTW beside packages that install from PyPI.

One thread, float32 costs that are there, nanoseconds of the processor a cell, in turns; the best turn counts. tslearn
comes with the ``bench`` extra; pysdtw and ddtw are timed where they can be imported (``pip install --no-deps --target
DIR pysdtw ddtw``, and DIR on PYTHONPATH). Appends JSONL (a table in docs/alignment-measured.md).
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable

import numpy as np
import torch
from benchmarks.record import append, surroundings
from torch import Tensor

from syncline.alignment import soft_dtw

SHAPES, TURNS, GAMMA = [(2, 64, 64), (16, 128, 128), (1, 1024, 1024)], 5, 0.1
Work = Callable[[Tensor], object]


def ours(route: str) -> Work:
    """soft_dtw; route "" is the one a user gets."""

    def work(cost: Tensor) -> object:
        os.environ["SYNCLINE_ALIGNMENT"] = route
        return torch.autograd.grad(soft_dtw(cost, gamma=GAMMA).sum(), cost)

    return work


def tslearn(cost: Tensor) -> object:
    """Pair by pair, float64."""
    module = importlib.import_module("tslearn.metrics")
    for cells in cost.detach().numpy().astype(np.float64):
        problem = module.SoftDTW(cells, gamma=GAMMA)
        problem.compute()
        problem.grad()
    return None


def pysdtw(cost: Tensor) -> object:
    """Its autograd function on the costs."""
    b, n, m = cost.shape
    lengths = torch.tensor([[n, m]] * b)
    function = importlib.import_module("pysdtw.sdtw_cpu").SoftDTWcpu
    return torch.autograd.grad(function.apply(cost, lengths, GAMMA, 0.0).sum(), cost)


def ddtw(cost: Tensor) -> object:
    """Its module on the costs, through numba."""
    kind = importlib.import_module("ddtw").SDTW
    module = kind(cost_function=None, gamma=GAMMA, normalization="none", backend="cpu_numba")
    return torch.autograd.grad(module(C=cost), cost)


CONTESTANTS: dict[str, Work] = {
    "syncline": ours(""),
    "syncline, one cell at a time": ours("scalar"),
    "tslearn": tslearn,
    "pysdtw": pysdtw,
    "ddtw": ddtw,
}


def main() -> None:
    torch.set_num_threads(1)
    about = surroundings("numba", "tslearn", "pysdtw", "ddtw")
    for shape in SHAPES:
        cost = torch.rand(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
        best: dict[str, float] = {}
        for name, work in list(CONTESTANTS.items()):
            try:
                work(cost)  # compiles
            except ImportError as missing:
                print(f"{name}: skipped ({missing})")
                del CONTESTANTS[name]
        for _ in range(TURNS):
            for name, work in CONTESTANTS.items():
                start = time.process_time()
                work(cost)
                best[name] = min(best.get(name, 1e9), time.process_time() - start)
        for name, seconds in best.items():
            append(
                "alignment_soft_dtw",
                {"shape": shape, "name": name, "ns": round(1e9 * seconds / cost.numel(), 2)} | about,
            )


if __name__ == "__main__":
    main()
