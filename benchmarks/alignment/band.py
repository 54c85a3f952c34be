"""``python -m benchmarks.alignment.band``: what a band saves, one thread.

Each form once without a band and with bands of falling width, in turns; the best turn counts, in seconds of the
processor. Appends JSONL (a table in docs/alignment-measured.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from benchmarks.record import append, surroundings

from syncline.alignment import dtw, expected_alignment, expected_path, soft_dtw, soft_smith_waterman

FRAMES, TURNS = 2000, 3
BANDS: tuple[int | None, ...] = (None, 400, 100, 25)


def main() -> None:
    torch.set_num_threads(1)
    cost = torch.rand(1, FRAMES, FRAMES, generator=torch.Generator().manual_seed(0)).requires_grad_()
    forms: dict[str, Callable[[int | None], object]] = {
        "dtw": lambda band: dtw(cost, band=band),
        "soft_dtw": lambda band: torch.autograd.grad(soft_dtw(cost, band=band).sum(), cost),
        "expected_path": lambda band: expected_path(cost.detach(), band=band),
        "soft_smith_waterman": lambda band: torch.autograd.grad(
            soft_smith_waterman(0.5 - cost, gamma=0.1, band=band).sum(), cost
        ),
        "expected_alignment": lambda band: expected_alignment(0.5 - cost.detach(), gamma=0.1, band=band),
    }
    about = surroundings("numba", "llvmlite")
    for name, form in forms.items():
        form(BANDS[-1])  # compiled before it is timed
        seconds = dict.fromkeys(BANDS, float("inf"))
        for _ in range(TURNS):
            for band in BANDS:
                start = time.process_time()
                form(band)
                seconds[band] = min(seconds[band], time.process_time() - start)
        for band, best in seconds.items():
            row = {"form": name, "frames": FRAMES, "band": band, "cells": cells(band), "seconds": round(best, 5)}
            append("alignment_band", row | about)


def cells(band: int | None) -> int:
    """How many cells a square matrix has within a band."""
    return FRAMES**2 if band is None else sum(min(FRAMES, i + band + 1) - max(0, i - band) for i in range(FRAMES))


if __name__ == "__main__":
    main()
