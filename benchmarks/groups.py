"""What `sync`, `deviate` and `transfer --suggest` give on the real sets, by frozen features and the folder's consensus.

    SYNCLINE_TEST_DATA=DIR python -m benchmarks.groups [--sets human_golf ...] [--what sync deviate suggest]
        [--across-clips] [--runs DIR]

One line a set and thing into `results/groups.jsonl`. Features are standardised over the whole clips of the set, as the
verbs do it. `--across-clips`: the consensus compares all that pictures show, not only what changes within a clip (see
`alignment.settings.CONSENSUS`). `sync`, all whole clips: how far true events lie, on the common
timeline, from where the same event lies in the median clip (median over events and clips, seconds), by `joint`, by
`star`, and by the plain share of each video; and the rank correlation of a clip's misfit with that distance of its own
events. `deviate`: how many whole clips have a missing or an extra part, in how many of those with a missing one an
event is absent that the reference has, and how many are not compared, as strangers or as of another cluster; and
precision and recall of frames of foreign or reversed stretches, of the validation clips spliced, in a folder with the
whole training clips. `suggest`: F1 from the two clips that are named, beside the mean of ten draws of two and of ten
labelled clips. `--runs`: by the runs that `benchmarks.training_cases --runs` has left there, each in the folder that it
was trained on, in place of frozen features.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, surroundings
from benchmarks.transfer_consensus import Target, f1, on_clip
from benchmarks.transfer_real import TOLERANCES, WITHIN, clips_of, targets_of
from numpy.typing import NDArray
from scipy.stats import spearmanr

from syncline.data import open_videos
from syncline.encoder import FeatureCache, FrameEncoder
from syncline.evaluation.controls import embed_with, frozen
from syncline.evaluation.protocols import Clip
from syncline.tasks import FolderConsensus, Timeline, deviate_from_group, gather_folder, suggest, synchronize
from syncline.tasks.transfer import transfer_in_folder

FOREIGN = ("extra", "repeated", "out_of_order")
DRAWS = 10


def on_timeline(timeline: Timeline, number: int, target: Target) -> NDArray[np.float64]:
    """(k,) second of the common timeline at which each event of a clip lies; NaN where it has none there."""
    known = np.flatnonzero(~np.isnan(timeline.positions[number]))
    events = np.array([np.nan if e is None else e for e in on_clip(target)], dtype=np.float64)
    if not len(known):
        return np.full(len(events), np.nan)
    own = timeline.positions[number, known]
    found = np.interp(events, own, timeline.seconds[known])
    return np.where((events < own[0]) | (events > own[-1]), np.nan, found)


def apart(placed: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k) how far each event of each clip is from that of the median clip."""
    return np.asarray(np.abs(placed - np.nanmedian(placed, axis=0)))


def sync_rows(videos: Sequence[Target], folder: FolderConsensus) -> Iterator[dict[str, Any]]:
    embeddings = [video.embedding for video in videos]
    joint = synchronize(embeddings, consensus=folder.group)
    timelines = {"joint": joint, "star": synchronize(embeddings, method="star")}
    spreads = {}
    for method, timeline in timelines.items():
        placed = np.stack([on_timeline(timeline, i, video) for i, video in enumerate(videos)])
        spreads[method] = apart(placed)
    length = float(joint.seconds[-1])
    shares = np.array([[np.nan if e is None else e for e in on_clip(video)] for video in videos], dtype=np.float64)
    ends = np.array([embedding.pts_seconds[-1] for embedding in embeddings])
    spreads["share of the video"] = apart(shares / ends[:, None] * length)
    there = ~np.isnan(spreads["joint"]).all(axis=1)
    own = np.nanmean(spreads["joint"][there], axis=1)
    yield {
        "what": "sync", "clips": len(videos), "on_the_timeline": int(there.sum()),
        "spread": {method: round(float(np.nanmedian(distance)), 4) for method, distance in spreads.items()},
        "misfit_rho": round(float(spearmanr(joint.inconsistency[there], own, nan_policy="omit").statistic), 4),
    }  # fmt: skip


def deviate_rows(
    train: Sequence[Target], whole: Sequence[Target], clips: Sequence[Clip], spliced: Sequence[Target],
    folder: FolderConsensus,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    start, reports = deviate_from_group(folder.embeddings, folder.group, doubtful=folder.votes.doubtful)
    videos = [*train, *whole]
    kinds = [{d.kind for d in report.deviations} for report in reports]
    lacks = [lacks_an_event(video, videos[start]) for i, video in enumerate(videos) if i != start]
    everyone = [target.embedding for target in [*train, *spliced]]
    other = gather_folder(everyone, voters=range(len(train)), within_clips=folder.group.within_clips)
    new = range(len(train), len(everyone))
    counts = np.zeros(3)
    made = deviate_from_group(everyone, other.group, only=new, doubtful=other.votes.doubtful)[1]
    for clip, report, place in zip(clips, made, new, strict=True):
        odd, pts = clip.labels < 0, everyone[place].pts_seconds
        claimed = np.zeros(len(pts), dtype=bool)
        for d in report.deviations:
            if d.kind in FOREIGN:
                claimed |= (pts >= d.start) & (pts < d.end)
        counts += ((claimed & odd).sum(), claimed.sum(), odd.sum())
    hit, claimed_frames, odd_frames = counts
    yield {
        "what": "deviate", "clips": len(videos), "lack_an_event": sum(lacks),
        "whole_flagged": sum(bool(found & {"missing", "extra"}) for found in kinds),
        "missing": sum("missing" in found for found in kinds), "extra": sum("extra" in found for found in kinds),
        "missing_and_lacks_an_event": sum("missing" in k and lack for k, lack in zip(kinds, lacks, strict=True)),
        "strangers": sum(report.stranger for report in reports), "spliced": len(spliced),
        "precision": round(hit / max(claimed_frames, 1), 4), "recall": round(hit / max(odd_frames, 1), 4),
    }  # fmt: skip


def lacks_an_event(video: Target, reference: Target) -> bool:
    """Whether an event of the reference is absent from a video."""
    return any(e is None and r is not None for e, r in zip(video.events, reference.events, strict=True))


def suggest_rows(videos: Sequence[Target], folder: FolderConsensus, tolerance: float) -> Iterator[dict[str, Any]]:
    def score(labelled: Sequence[int]) -> float:
        marks = {i: on_clip(videos[i]) for i in labelled}
        targets = [i for i in range(len(videos)) if i not in marks]
        counts = []
        for i, found in zip(targets, transfer_in_folder(folder, marks, targets, tolerance=tolerance), strict=True):
            truth = on_clip(videos[i])
            right = [f is not None and t is not None and abs(f - t) <= tolerance + 1e-9
                     for f, t in zip(found.events, truth, strict=True)]  # fmt: skip
            counts.append((sum(right), sum(f is not None for f in found.events), sum(t is not None for t in truth)))
        return f1(np.array(counts))

    named = suggest(folder, 2)
    yield {
        "what": "suggest", "clips": len(videos), "tolerance": tolerance, "named": score(named.videos),
        "covered": round(named.covered[-1], 4),
        **{f"drawn_{count}": round(float(np.mean([
            score(np.random.default_rng(seed).permutation(len(videos))[:count].tolist()) for seed in range(DRAWS)
        ])), 4) for count in (2, 10)},
    }  # fmt: skip


def rows_of(path: Path, asked: Sequence[str], within_clips: bool, run: Path | None) -> Iterator[dict[str, Any]]:
    """The lines of one set, with the seconds of CPU that each took; by a run, or by frozen features."""
    videos = open_videos(path)
    train_clips, clips = clips_of(videos, None, FeatureCache())
    tick = float(np.median(np.concatenate([np.diff(clip.times) for clip in train_clips])))
    encoder = None if run is None else FrameEncoder.from_pretrained(run)
    embed = frozen([*train_clips, *clips["whole"]]) if encoder is None else embed_with(encoder)
    train, whole, spliced = (
        targets_of(some, embed, videos.num_phases, tick) for some in (train_clips, clips["whole"], clips["spliced"])
    )
    everyone = [*train, *whole]
    folder = gather_folder([target.embedding for target in everyone], within_clips=within_clips)
    made = {
        "sync": sync_rows(everyone, folder),
        "deviate": deviate_rows(train, whole, clips["spliced"], spliced, folder),
        "suggest": suggest_rows(everyone, folder, TOLERANCES.get(path.name, WITHIN)),
    }
    for what in asked:
        began = time.process_time()
        for row in made[what]:
            cpu = round(time.process_time() - began, 1)
            yield row | {"run": run and run.name, "within_clips": within_clips, "cpu_s": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(TOLERANCES))
    parser.add_argument("--what", nargs="+", default=["sync", "deviate", "suggest"])
    parser.add_argument("--across-clips", action="store_true", help="compare all that pictures show")
    parser.add_argument("--runs", type=Path, help="folder of runs, each trained on all clips of its set")
    arguments = parser.parse_args()
    data = os.environ.get("SYNCLINE_TEST_DATA")
    if not data:
        print("benchmarks.groups: needs the real sets (SYNCLINE_TEST_DATA); nothing was measured")
        return
    around = surroundings("numba", "scipy")
    for name in arguments.sets:
        runs = [None] if arguments.runs is None else sorted(arguments.runs.glob(f"{name}_folder_default_*"))
        for run in runs:
            for row in rows_of(Path(data) / name, arguments.what, not arguments.across_clips, run):
                append("groups", {"set": name} | row | around)


if __name__ == "__main__":
    main()
