"""Whether the intervals of `estimate_offset` hold: noisy copies of one event with known offset and rate.

    python -m benchmarks.offset [--cases 200]

One JSON line into `results/offset.jsonl`: how often the truth lies inside the stated 90 % interval, the median half of
the interval and the median error, of the offset (where A begins) and of the rate.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from benchmarks.record import append, surroundings

from syncline.errors import SynclineError
from syncline.tasks import estimate_offset

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from noisy_copies import noisy_copies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200, help="default: %(default)s")
    count = parser.parse_args().cases
    append("offset", {"cases": count, **intervals(range(count))} | surroundings("scipy"))


def intervals(seeds: range) -> dict[str, float | int]:
    """Share of truths inside, medians of half widths and errors; and how many were refused."""
    errors, halves = [], []
    for seed in seeds:
        a, b, offset, rate = noisy_copies(seed)
        try:
            line = estimate_offset(a, b)
        except SynclineError:
            continue
        errors.append((abs(line.offset - offset), abs(line.rate - rate)))
        halves.append((line.offset_within, line.rate_within))
    error, half = np.array(errors), np.array(halves)
    found: dict[str, float | int] = {"refused": len(seeds) - len(error)}
    for k, what in enumerate(("offset", "rate")):
        inside, width, typical = (half >= error)[:, k].mean(), np.median(half[:, k]), np.median(error[:, k])
        found |= {f"{what}_inside": float(inside), f"{what}_half": float(width), f"{what}_error": float(typical)}
    return found


if __name__ == "__main__":
    main()
