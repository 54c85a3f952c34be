"""How well a true pair is told from strangers, and whether the probabilities hold, on the real sets.

    SYNCLINE_TEST_DATA=DIR python -m benchmarks.significance [--clips 12] [--pairs 50]

Every set plays a folder into which two clips of each other set have strayed; frozen features, standardised over that
folder. True pairs: two clips of the set; strangers: one of the set and one stray. One JSON line a set into
`results/significance.jsonl`: the area under the ROC curve of the match score (the rule so far) and of the significance,
p-values of strangers, and for the probability the Brier score and calibration error with a logistic rule that was
fitted to the other sets. The line ``all`` has the rule fitted to every set, which the package ships.
"""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.record import append, surroundings
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from syncline.alignment import significance
from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.alignment.centring import centred_similarity
from syncline.alignment.inference import match_score
from syncline.data import Sampling, open_videos
from syncline.encoder import FeatureCache
from syncline.encoder.principal_space import PrincipalSpace
from syncline.files import cache_folder

RATES = {
    "cr5_banana": 7.5, "cr5_usb": 7.5, "g1_bottle": 7.5, "grid_s1_mini": 25.0, "human_golf": 25.0, "human_pullup": 25.0,
}  # fmt: skip
"""Frames a second of each set: more where a clip lasts a second or three."""
SETS = tuple(RATES)
WIDTH, STRAYS = 128, (0, 5)
Pairs = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=12, help="of each set (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=50, help="true ones of each set, and strangers (default: 50)")
    arguments = parser.parse_args()
    root = Path(os.environ["SYNCLINE_TEST_DATA"])
    torch.set_num_threads(1)
    features = {name: clips_of(root / name / "videos", rate, arguments.clips) for name, rate in RATES.items()}
    pairs = {name: pairs_of(name, features, arguments.pairs) for name in SETS}
    about = surroundings("numba")
    for name in SETS:
        others = [pair for other in SETS if other != name for pair in pairs[other]]
        append("significance", {"set": name, **judged(pairs[name], fitted(others))} | about)
    everything = [pair for name in SETS for pair in pairs[name]]
    rule = fitted(everything)
    shipped = {"slope": round(float(rule.coef_[0, 0]), 2), "offset": round(float(rule.intercept_[0]), 2)}
    append("significance", {"set": "all", **judged(everything, rule), **shipped} | about)


def clips_of(folder: Path, rate: float, count: int) -> list[NDArray[np.float16]]:
    """Grid features of every second clip, ``count`` of them."""
    cache = FeatureCache(cache_folder() / f"significance_{rate}", sampling=Sampling(rate))
    return [cache.features(video).features[0] for video in open_videos(sorted(folder.iterdir())[::2][:count])]


def pairs_of(name: str, features: dict[str, list[NDArray[np.float16]]], count: int) -> Pairs:
    """``count`` true pairs of a set and as many with the strays of the others."""
    generator = np.random.default_rng(SETS.index(name))
    own = features[name]
    strays = [features[other][k] for other in SETS if other != name for k in STRAYS]
    space = PrincipalSpace.fit([*own, *strays], WIDTH)
    inside, outside = ([space.project(clip).numpy() for clip in clips] for clips in (own, strays))
    true = list(itertools.combinations(range(len(own)), 2))
    chosen = [true[k] for k in generator.permutation(len(true))[:count]]
    foreign = [(k % len(strays), int(generator.integers(len(own)))) for k in range(count)]
    return [
        *(measured(inside[i], inside[j], True) for i, j in chosen),
        *(measured(inside[i], outside[k], False) for k, i in foreign),
    ]


def measured(x: NDArray[np.float32], y: NDArray[np.float32], true: bool) -> dict[str, Any]:
    matrix = centred_similarity(x, y)
    found = significance(matrix)
    evidence = np.log(max(found.score, 1e-2) / max(found.shuffled, 1e-2)) + np.log(
        max(found.score, 1e-2) / np.sqrt(len(x) * len(y))
    )
    return {"true": true, "before": match_score(matrix), "found": found, "evidence": float(evidence)}


def fitted(pairs: Pairs) -> LogisticRegression:
    """The logistic rule in the evidence, with as many true pairs as strangers."""
    return LogisticRegression(C=100.0).fit([[pair["evidence"]] for pair in pairs], [pair["true"] for pair in pairs])


def judged(pairs: Pairs, rule: LogisticRegression) -> dict[str, Any]:
    true = np.array([pair["true"] for pair in pairs])
    before = np.array([pair["before"] for pair in pairs])
    p_values = np.array([pair["found"].p_value for pair in pairs])
    probability = rule.predict_proba([[pair["evidence"]] for pair in pairs])[:, 1]
    numbers = {
        "auroc_match_score": roc_auc_score(true, before),
        "auroc_p_value": roc_auc_score(true, -p_values),
        "auroc_probability": roc_auc_score(true, probability),
        "strangers_below_05": np.mean(p_values[~true] < 0.05),
        "strangers_below_01": np.mean(p_values[~true] < 0.01),
        "matches_below_05": np.mean(p_values[true] < 0.05),
        "strangers_over_threshold": np.mean(before[~true] >= MATCH_THRESHOLD),
        "matches_over_threshold": np.mean(before[true] >= MATCH_THRESHOLD),
        "brier": brier_score_loss(true, probability),
        "calibration_error": calibration_error(true, probability),
    }
    return {"pairs": len(pairs)} | {name: round(float(number), 3) for name, number in numbers.items()}


def calibration_error(true: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """Mean distance of what was claimed from what was so, over ten bins of the probability."""
    bins = np.clip((10 * probability).astype(int), 0, 9)
    return float(
        sum(abs(probability[bins == k].mean() - true[bins == k].mean()) * (bins == k).mean() for k in set(bins))
    )


if __name__ == "__main__":
    main()
