"""``python -m benchmarks.alignment.scaling``: time over T and B, peak memory, and the figure of both.

Every measurement of memory is made in a process of its own (Linux only): the largest resident size during a pass, less
what was resident before it with the inputs and the compiled kernels, less the gradient that the pass returns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.record import RESULTS, append, rows, surroundings

FRAMES = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096]
PAIRS = [1, 2, 4, 8, 16, 32, 64, 128]
FRAMES_OF_PAIRS = 64
LONG = 10_000
WIDTH = 128
HARD, SOFT_DTW, SOFT = "streamed", "soft-DTW from embeddings", "soft Smith-Waterman from embeddings"
FROM_EMBEDDINGS = (HARD, SOFT, SOFT_DTW)
MEMORY = ("64x128x128", "1x2048x2048", f"1x{LONG}x{LONG}", *FROM_EMBEDDINGS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--frames", type=int, default=LONG, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)  # here and in the processes of their own
    if arguments.inside:
        print(json.dumps(memory(arguments.inside, arguments.frames)))
        return
    about = surroundings("numba", "llvmlite") | {"threads": 1, "turns": arguments.turns}
    shapes = [(1, t, t) for t in FRAMES] + [(b, FRAMES_OF_PAIRS, FRAMES_OF_PAIRS) for b in PAIRS]
    for shape in shapes:
        append(
            "alignment_scaling", about | {"shape": shape, "wall_ms": round(1e3 * fastest(shape, arguments.turns), 4)}
        )
    for name in MEMORY:
        append("alignment_scaling", about | {"memory": name} | memory_in_a_process(name))
    from benchmarks.alignment.table import write_plot

    write_plot(rows("alignment_scaling"), RESULTS.parents[1] / "docs" / "images" / "alignment_speed.png")


def fastest(shape: tuple[int, int, int], turns: int) -> float:
    """Seconds of the best of several passes, forward and backward."""
    from benchmarks.alignment.contestants import CONTESTANTS

    work = CONTESTANTS["syncline"](*shape)
    repeats = max(1, 200_000 // (shape[0] * shape[1] * shape[2]))
    return min(_seconds(work, repeats) for _ in range(turns + 1))


def _seconds(work: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def memory_in_a_process(name: str, frames: int = LONG) -> dict[str, float]:
    """`memory` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.alignment.scaling", "--inside", name, "--frames", str(frames)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def memory(name: str, frames: int) -> dict[str, float]:
    """Seconds of one pass, and the megabytes that it needs beside its inputs and their gradients."""
    work, returned = embedded(name, frames) if name in FROM_EMBEDDINGS else matrix(name)
    Path("/proc/self/clear_refs").write_text("5")  # the largest size is counted from now on
    before, start = _resident("VmRSS"), time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    return {"wall_s": round(seconds, 3), "extra_mb": round((_resident("VmHWM") - before - returned) / 1e6, 1)}


def matrix(name: str) -> tuple[Callable[[], object], float]:
    """A pass of the soft Smith-Waterman on a matrix, and the bytes that it returns."""
    from benchmarks.alignment.contestants import ours

    b, n, m = map(int, name.split("x"))
    ours("")(2, 64, 64)()
    return ours("")(b, n, m), 4.0 * b * n * m


def embedded(name: str, frames: int) -> tuple[Callable[[], object], float]:
    """A pass straight from two sequences of embeddings of one course, and the bytes that it returns."""
    import torch

    from syncline.alignment import smith_waterman_streamed, soft_dtw_streamed, soft_smith_waterman_streamed

    generator = torch.Generator().manual_seed(0)
    course = torch.randn(frames, WIDTH, generator=generator).cumsum(0)
    course -= course.mean(0)
    x, y = (course[torch.randint(0, frames, (frames,), generator=generator).sort().values] for _ in range(2))
    if name == HARD:
        smith_waterman_streamed(x[:300], y[:300], scale=0.1)
        return lambda: smith_waterman_streamed(x, y, scale=0.1), 0.0

    def soft(a: torch.Tensor, b: torch.Tensor) -> object:
        if name == SOFT_DTW:
            value = soft_dtw_streamed(a[None], b[None], cost="cosine")
        else:
            value = soft_smith_waterman_streamed(a[None], b[None], constant=0.5, scale=0.1)
        return torch.autograd.grad(value.sum(), (a, b))

    x, y = x.requires_grad_(), y.requires_grad_()
    soft(x[:300], y[:300])
    return lambda: soft(x, y), 2 * 4.0 * frames * WIDTH


def _resident(field: str) -> float:
    """Bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return 1024.0 * int(line.split()[1])


if __name__ == "__main__":
    main()
