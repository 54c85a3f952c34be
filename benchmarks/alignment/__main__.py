"""``python -m benchmarks.alignment``: times every contestant on every shape, appends JSONL (a table in
docs/alignment-measured.md).

One process a number of threads, pinned to as many CPUs. The contestants of a shape take turns; the best turn counts,
because other work on the machine only ever adds time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from benchmarks.record import append, surroundings

SHAPES = [(2, 64, 64), (16, 64, 64), (16, 128, 128), (64, 128, 128), (8, 512, 512), (1, 2048, 2048), (1, 10000, 10000)]
LONGEST = 3.0
"""Seconds a pass; a contestant that needs longer for a shape is left out of larger ones."""
LARGEST = 20_000_000
"""Cells; what is not ours is not tried on more, nor the expected alignment, whose backward pass holds float64."""
OURS_AT_ANY_SIZE = ("syncline", "syncline, with D", "syncline, (n, m) gaps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--largest", type=int, default=10000, help="leave out shapes with more frames")
    parser.add_argument("--only", nargs="*", default=[], help="parts of contestants' names")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        measure(arguments)
        return
    for threads in arguments.threads:
        command = [sys.executable, "-m", "benchmarks.alignment", "--inside", "--threads", str(threads)]
        command += ["--turns", str(arguments.turns), "--largest", str(arguments.largest)]
        command += ["--only", *arguments.only]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "JAX_PLATFORMS": "cpu"}
        subprocess.run(command, check=True, env=environment)
    if not arguments.only:
        for part in ("scaling", "band", "soft_dtw", "instructions"):
            subprocess.run([sys.executable, "-m", f"benchmarks.alignment.{part}"], check=True)


def measure(arguments: argparse.Namespace) -> None:
    (threads,) = arguments.threads
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import llvmlite.binding as llvm
    import torch
    from benchmarks.alignment.contestants import CONTESTANTS

    torch.set_num_threads(threads)
    about = surroundings("numba", "llvmlite", "jax", "tslearn") | {"threads": threads, "turns": arguments.turns}
    about["machine"] = f"{llvm.get_host_cpu_name()}, {about['machine']}"
    names = [name for name in CONTESTANTS if not arguments.only or any(part in name for part in arguments.only)]
    for shape in (shape for shape in SHAPES if max(shape) <= arguments.largest):
        cells = shape[0] * shape[1] * shape[2]
        works = {}
        for name in list(names):
            if cells > LARGEST and name not in OURS_AT_ANY_SIZE:
                continue
            try:
                works[name] = CONTESTANTS[name](*shape)
                works[name]()  # compiles
                start = time.perf_counter()
                works[name]()
                if time.perf_counter() - start > LONGEST:
                    names.remove(name)
            except ImportError as missing:
                print(f"{name}: skipped ({missing})")
                names.remove(name)
        best: dict[str, tuple[float, float]] = {}
        for _ in range(arguments.turns):
            for name, work in works.items():
                best[name] = min(best.get(name, (1e9, 1e9)), once(work, cells))
        for name, (wall, cpu) in best.items():
            row = {"shape": shape, "name": name, "wall_ns_per_cell": round(wall, 2), "cpu_ns_per_cell": round(cpu, 2)}
            append("alignment", about | row)


def once(work: object, cells: int) -> tuple[float, float]:
    """Wall and CPU nanoseconds a cell of one pass; of several for a small shape, after one that warms the caches."""
    repeats = max(1, 400_000 // cells)
    if repeats > 1:
        work()  # type: ignore[operator]
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        work()  # type: ignore[operator]
    return (time.perf_counter() - wall) / repeats / cells * 1e9, (time.process_time() - cpu) / repeats / cells * 1e9


if __name__ == "__main__":
    main()
