"""Offset and drift by sound: mixes whose truth is known, with as much noise as sound.

    python -m benchmarks.sound [--cases 200] [--seconds 20]

One JSON line into `results/sound.jsonl`: errors of the offset in milliseconds, errors of the rate in millionths, how
often the truth lies inside the stated 90 % interval, how often a drift is told where there is one and where there is
none, refusals, and how many pairs of different events are taken for one. Rates are off by 0, 145, 1,000 and 10,000
millionths and by 3 and 6 %, both ways; every case is an event of its own.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from benchmarks.record import append, surroundings
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.tasks.sound_offset import SOUND_RATE, SoundOffset, sound_offset
from syncline.video.sound import Sound

DRIFTS = (0.0, 145e-6, -145e-6, 1e-3, -1e-3, 1e-2, -1e-2, 0.03, -0.03, 0.06, -0.06)
Samples = NDArray[np.float32]


def event(rng: np.random.Generator, seconds: float) -> Samples:
    """Knocks and tones at random times, as of an event that several people film."""
    samples, at = np.zeros(int(seconds * SOUND_RATE), np.float32), 0.0
    while (at := at + float(rng.exponential(0.25))) < seconds - 0.5:
        first, count = int(at * SOUND_RATE), int(rng.uniform(0.03, 0.4) * SOUND_RATE)
        fading = np.exp(-np.arange(count) / (rng.uniform(0.01, 0.12) * SOUND_RATE))
        wave = np.sin(2 * np.pi * rng.uniform(120, 5000) * np.arange(count) / SOUND_RATE)
        wave = wave if rng.random() < 0.6 else rng.normal(size=count)
        samples[first : first + count] += (rng.uniform(0.2, 1) * fading * wave).astype(np.float32)
    return samples


def noisy(rng: np.random.Generator, samples: Samples) -> Sound:
    """As much noise as sound."""
    level = float(np.sqrt((samples**2).mean()))
    return Sound((samples + level * rng.normal(size=len(samples))).astype(np.float32)[None], SOUND_RATE)


def recordings(rng: np.random.Generator, seconds: float, rate: float) -> tuple[Sound, Sound, float]:
    """Two recordings of one event, whose second runs at `rate`, and the offset of the second."""
    whole = event(rng, seconds + 8)
    begin_a, begin_b = int(rng.uniform(0, 4) * SOUND_RATE), float(rng.uniform(0, 4))
    a = whole[begin_a : begin_a + int(seconds * SOUND_RATE)]
    own = begin_b + np.arange(int(seconds * rate * SOUND_RATE)) / SOUND_RATE / rate
    b = np.interp(own * SOUND_RATE, np.arange(len(whole)), whole).astype(np.float32)
    return noisy(rng, a), noisy(rng, b), rate * (begin_a / SOUND_RATE - begin_b)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    around = surroundings("scipy")
    rows: list[tuple[float, float, SoundOffset]] = []
    refused, began = 0, time.process_time()
    for case in range(arguments.cases):
        rng, drift = np.random.default_rng(case), DRIFTS[case % len(DRIFTS)]
        a, b, offset = recordings(rng, arguments.seconds, 1 + drift)
        try:
            rows.append((drift, offset, sound_offset(a, b)))
        except SynclineError:
            refused += 1
    used = time.process_time() - began
    taken, strangers = 0, max(1, arguments.cases // 4)
    for case in range(strangers):
        rng = np.random.default_rng(10_000 + case)
        try:
            sound_offset(*(noisy(rng, event(rng, arguments.seconds)) for _ in range(2)))
            taken += 1
        except SynclineError:
            pass
    offsets = 1000 * np.array([abs(found.offset - truth) for _, truth, found in rows])
    rates = 1e6 * np.array([abs(found.rate - 1 - drift) for drift, _, found in rows])
    inside = [abs(found.rate - 1 - drift) <= found.rate_within for drift, _, found in rows]
    held = [abs(found.offset - truth) <= found.offset_within for _, truth, found in rows]
    told = {name: [found.drifts for drift, _, found in rows if test(abs(drift))]
            for name, test in (("none", lambda d: d == 0), ("145", lambda d: 0 < d < 2e-4),
                               ("more", lambda d: d > 2e-4))}  # fmt: skip
    row = {
        "cases": arguments.cases, "seconds": arguments.seconds, "refused": refused,
        "offset_ms": {"median": round(float(np.median(offsets)), 3), "p90": round(float(np.quantile(offsets, 0.9)), 3),
                      "worst": round(float(offsets.max()), 3), "within_10": int((offsets <= 10).sum())},
        "rate_ppm": {"median": round(float(np.median(rates)), 1), "worst": round(float(rates.max()), 1)},
        "offset_inside_90": round(float(np.mean(held)), 3),
        "offset_within_ms": round(1000 * float(np.median([found.offset_within for *_, found in rows])), 2),
        "rate_inside_90": round(float(np.mean(inside)), 3),
        "drift_told": {name: round(float(np.mean(values)), 3) if values else None for name, values in told.items()},
        "strangers": strangers, "strangers_taken": taken, "cpu_s_a_case": round(used / arguments.cases, 2),
    }  # fmt: skip
    append("sound", row | around)


if __name__ == "__main__":
    main()
