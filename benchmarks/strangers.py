"""Who is silenced as a stranger: in folders of one real set, and with a fifth of foreign clips mixed in.

    SYNCLINE_TEST_DATA=DIR python -m benchmarks.strangers [--sets human_golf ...] [--draws 2]

One JSON line a folder into `results/strangers.jsonl`: how many clips of the set have no vote, how many strangers of
each kind have one, and of those without one how many are in doubt (`deviate` compares them all the same). Strangers
are, in turn: clips of another set (`other`), one frame of such a clip or of the set itself held as long as the median
clip, with a tenth of the clip's spread as noise (`still`), and frames of many clips in no order (`noise`). Of drawn
pairs of voting videos, both of the set (`pairs`) or one of them foreign (`other_pairs`), it is counted how many match
by their own score and how many the folder links (`align --within`). Frozen features, standardised over the mixed
folder, at the rates of `benchmarks.transfer_real`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, surroundings
from benchmarks.transfer_real import TOLERANCES
from numpy.typing import NDArray

from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.data import Embedding, Sampling, open_videos
from syncline.encoder import FeatureCache
from syncline.encoder.principal_space import PrincipalSpace
from syncline.evaluation.protocols import evaluation_sampling
from syncline.tasks import FolderConsensus, align_within, gather_folder

KINDS = ("other", "still", "noise")
PAIRS = 60
FOREIGN = {"human_golf": "human_pullup", "human_pullup": "human_golf", "g1_bottle": "cr5_usb", "cr5_usb": "g1_bottle",
           "cr5_banana": "g1_bottle"}  # fmt: skip

Rows = NDArray[Any]


def clips_of(folder: Path) -> list[Rows]:
    """Features (t, f) of all clips of a set."""
    videos, cache = open_videos(folder), FeatureCache()
    sampling = Sampling(stride=1) if videos.name.startswith("human") else evaluation_sampling(videos)
    return [cache.features(video, sampling=sampling).features[0] for video in videos]


def stranger(kind: str, own: Sequence[Rows], foreign: Sequence[Rows], random: np.random.Generator) -> Rows:
    """Features of one stranger."""
    length = int(np.median([len(clip) for clip in own]))
    if kind == "other":
        return foreign[random.integers(len(foreign))]
    among = own if random.random() < 0.5 else foreign
    if kind == "still":
        clip = np.asarray(among[random.integers(len(among))], np.float32)
        jitter = 0.1 * clip.std(axis=0) * random.standard_normal((length, clip.shape[1])).astype(np.float32)
        return np.asarray(clip[random.integers(len(clip))][None] + jitter)
    chosen = [among[random.integers(len(among))] for _ in range(length)]
    return np.stack([np.asarray(clip[random.integers(len(clip))], np.float32) for clip in chosen])


def pairs_that_match(folder: FolderConsensus, pairs: Sequence[tuple[int, int]], name: str) -> dict[str, int]:
    """Of `PAIRS` drawn pairs: how many there are, match by their own score, and are linked by the folder."""
    drawn = np.random.default_rng(0).permutation(len(pairs))[:PAIRS]
    found = [align_within(folder.group, folder.embeddings, *pairs[k], votes=folder.votes) for k in drawn]
    return {
        name: len(found), f"{name}_by_score": sum(one.match_score >= MATCH_THRESHOLD for one in found),
        f"{name}_linked": sum(one.linked for one in found),
    }  # fmt: skip


def measured(own: Sequence[Rows], foreign: Sequence[Rows], seed: int | None) -> dict[str, Any]:
    """One folder: `seed` None for the set by itself."""
    added: list[tuple[str, Rows]] = []
    if seed is not None:
        random = np.random.default_rng(seed)
        count = max(3, round(len(own) / 4))  # a fifth of the folder
        added = [(KINDS[k % 3], stranger(KINDS[k % 3], own, foreign, random)) for k in range(count)]
    clips = [*own, *(rows for _, rows in added)]
    space = PrincipalSpace.fit(clips, 128)
    embeddings = [
        Embedding(space.project(rows).numpy(), np.arange(len(rows)) / 10, str(k)) for k, rows in enumerate(clips)
    ]
    folder = gather_folder(embeddings)
    votes = folder.votes
    silent, doubtful = set(votes.strangers), set(votes.doubtful)
    row: dict[str, Any] = {
        "true": len(own), "silenced": sum(k in silent for k in range(len(own))),
        "in_doubt": sum(k in doubtful for k in range(len(own))),
    }  # fmt: skip
    for kind in KINDS:
        places = [len(own) + k for k, (name, _) in enumerate(added) if name == kind]
        if added:
            row |= {kind: len(places), f"{kind}_passed": sum(k not in silent for k in places),
                    f"{kind}_in_doubt": sum(k in doubtful for k in places)}  # fmt: skip
    voting = [(a, b) for a in range(len(clips)) for b in range(len(clips)) if a != b and not {a, b} & silent]
    others = {len(own) + k for k, (name, _) in enumerate(added) if name == "other"}
    row |= pairs_that_match(folder, [pair for pair in voting if max(pair) < len(own)], "pairs")
    return row | pairs_that_match(folder, [pair for pair in voting if len(others & set(pair)) == 1], "other_pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(TOLERANCES), choices=list(TOLERANCES))
    parser.add_argument("--draws", type=int, default=2, help="mixed folders a set")
    arguments = parser.parse_args()
    data = os.environ.get("SYNCLINE_TEST_DATA")
    if not data:
        print("benchmarks.strangers: needs the real sets (SYNCLINE_TEST_DATA); nothing was measured")
        return
    around = surroundings("numba")
    for name in arguments.sets:
        own, foreign = clips_of(Path(data) / name), clips_of(Path(data) / FOREIGN[name])
        for seed in (None, *range(arguments.draws)):
            about = {"set": name, "foreign": None if seed is None else FOREIGN[name], "seed": seed}
            append("strangers", about | measured(own, foreign, seed) | around)


if __name__ == "__main__":
    main()
