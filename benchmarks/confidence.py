"""What votes at a peak say about a hit: fits the logistic rule of `syncline.tasks.event_confidence`.

    SYNCLINE_TEST_DATA=DIR python -m benchmarks.confidence [--sets human_golf ...] [--draws 4] [--write]

Training clips of real sets only: their sources are dealt into four parts; the clips of one part are the targets, whole
and with a third cut off, those of the others vote, and 1 and 3 of them are labelled. Every set, protocol and number of
labelled clips weighs the same. `--write` keeps the weights in `src/syncline/tasks/hit_weights.json`. One JSON line a
set into `results/confidence.jsonl`: how well the rule fitted to the other sets is calibrated on it.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, surroundings
from benchmarks.transfer_consensus import Target, on_clip
from benchmarks.transfer_real import TOLERANCES, cut, targets_of
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from syncline.data import Sampling, open_videos
from syncline.encoder import FeatureCache
from syncline.evaluation.controls import frozen
from syncline.evaluation.protocols import evaluation_sampling, whole_clip
from syncline.tasks import gather_folder
from syncline.tasks.place_events import frame_time, lie_on_frames, mean_time, windows_about
from syncline.tasks.transfer import election_of

WEIGHTS = Path(__file__).parents[1] / "src" / "syncline" / "tasks" / "hit_weights.json"
FEATURES = ("logit of the share at the peak", "log of all votes", "log of second over first peak", "at the edge",
            "log of labelled videos")  # fmt: skip
PARTS, COUNTS = 4, (1, 3)

Claims = tuple[list[tuple[float, ...]], list[bool]]


def claims_of(name: str, data: Path, draws: int) -> Iterator[tuple[str, int, Claims]]:
    """Of every protocol and number of labelled clips: features of each placed event and whether it hit."""
    videos, cache = open_videos(data / name), FeatureCache()
    sampling = Sampling(stride=1) if name.startswith("human") else evaluation_sampling(videos)
    train = [whole_clip(video, cache, sampling) for video in videos.split("train")]
    tick = float(np.median(np.concatenate([np.diff(clip.times) for clip in train])))
    embed = frozen(train)
    sources = sorted({clip.source for clip in train})
    order = np.random.default_rng(0).permutation(len(sources))
    for protocol in ("whole", "cut"):
        for count in COUNTS:
            found: Claims = ([], [])
            for part in range(PARTS):
                out = {sources[k] for k in order[part::PARTS]}
                asked = [clip for clip in train if clip.source in out]
                if protocol == "cut":
                    asked = [cut(clip, place) for place, clip in enumerate(asked)]
                sides = [[clip for clip in train if clip.source not in out], asked]
                known, targets = (targets_of(side, embed, videos.num_phases, tick) for side in sides)
                claims_of_part(known, targets, count, draws, TOLERANCES[name], found)
            yield protocol, count, found


def claims_of_part(
    known: Sequence[Target], targets: Sequence[Target], count: int, draws: int, tolerance: float, found: Claims
) -> None:
    """Adds what is placed in some targets, by draws of labelled clips."""
    everyone = [one.embedding for one in [*known, *targets]]
    election = election_of(everyone, gather_folder(everyone, voters=range(len(known))), tolerance, None, None)
    indices = range(len(known), len(everyone))
    random = np.random.default_rng(count)
    for _ in range(draws):
        marks = {int(i): on_clip(known[i]) for i in random.permutation(len(known))[:count]}
        on_frames = all(lie_on_frames(known[i].embedding.pts_seconds, events) for i, events in marks.items())
        time_of = frame_time if on_frames else mean_time
        have = [sum(events[k] is not None for events in marks.values()) for k in range(len(known[0].events))]
        for target, votes in zip(targets, election.densities(marks, indices), strict=True):
            pts = target.embedding.pts_seconds
            windows = windows_about(pts, tolerance)
            peaks = election.peaks_of(target.embedding, votes, have)
            claims = [None if c < 0 else time_of(votes[k], pts, windows[c]) for k, (c, _) in enumerate(peaks)]
            for (_, peak), claim, true in zip(peaks, target.on_source(tuple(claims)), target.events, strict=True):
                if claim is not None:
                    found[0].append(peak.features())
                    found[1].append(true is not None and abs(claim - true) <= tolerance + 1e-9)


def fitted(features: NDArray[np.float64], hit: NDArray[np.bool_], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bias and weights."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    rule = LogisticRegression(C=10).fit((features - mean) / spread, hit, sample_weight=weight)
    weights = rule.coef_[0] / spread
    return np.concatenate([[rule.intercept_[0] - float(weights @ mean)], weights])


def error(sure: NDArray[np.float64], hit: NDArray[np.bool_]) -> float:
    """Expected calibration error over five bins of as many claims."""
    bins = np.array_split(np.argsort(sure, kind="stable"), 5)
    return float(sum(len(b) * abs(sure[b].mean() - hit[b].mean()) for b in bins) / len(sure))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(TOLERANCES), choices=list(TOLERANCES))
    parser.add_argument("--draws", type=int, default=4, help="draws of the labelled clips a part")
    parser.add_argument("--write", action="store_true", help="keep the weights that were fitted to all sets")
    arguments = parser.parse_args()
    data = os.environ.get("SYNCLINE_TEST_DATA")
    if not data:
        print("benchmarks.confidence: needs the real sets (SYNCLINE_TEST_DATA); nothing was measured")
        return
    rows, hits, weights, names = [], [], [], []
    for name in arguments.sets:
        for _, _, (features, hit) in claims_of(name, Path(data), arguments.draws):
            rows += features
            hits += hit
            weights += [100 / max(len(hit), 1)] * len(hit)
            names += [name] * len(hit)
    x, hit, weight, whose = np.array(rows), np.array(hits), np.array(weights), np.array(names)
    rule = fitted(x, hit, weight)
    if arguments.write:
        sets = " ".join(arguments.sets)
        kept: dict[str, Any] = {
            "from": f"python -m benchmarks.confidence --draws {arguments.draws} --write --sets {sets}",
            "bias": round(float(rule[0]), 4),
            "weights": dict(zip(FEATURES, np.round(rule[1:], 4).tolist(), strict=True)),
        }
        WEIGHTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    for name in arguments.sets:
        mine = whose == name
        other = fitted(x[~mine], hit[~mine], weight[~mine]) if (~mine).any() else rule
        row: dict[str, Any] = {"set": name, "claims": int(mine.sum()), "hits": round(float(hit[mine].mean()), 4)}
        for title, used in (("all_sets", rule), ("other_sets", other)):
            sure = 1 / (1 + np.exp(-(used[0] + x[mine] @ used[1:])))
            row |= {f"{title}_ece": round(error(sure, hit[mine]), 4),
                    f"{title}_auroc": round(float(roc_auc_score(hit[mine], sure)), 4),
                    f"{title}_sure_minus_hit": round(float(sure.mean() - hit[mine].mean()), 4)}  # fmt: skip
        append("confidence", row | surroundings())


if __name__ == "__main__":
    main()
