"""Key-event transfer on the real sets from 1, 3 and 10 labelled videos, beside its controls.

    SYNCLINE_TEST_DATA=DIR python -m benchmarks.transfer_real [--run RUN ...] [--sets g1_bottle ...] [--seeds 5]
        [--checks | --controls]

Two lines a set, protocol, features and number of labelled videos, `direct` (`transfer --no-consensus`) and `consensus`,
added to `results/transfer_consensus.jsonl` (see `benchmarks.transfer_consensus`). The human sets are looked at frame by
frame, with a tolerance of .1 s; the others at about 7.5 frames a second, .5 s.

`--controls`: one JSON line a set, protocol, features, method and number of labelled videos, into
`results/transfer_real.jsonl`: error in seconds (median, 90th percentile), share within half a second, F1. Labelled
videos are drawn from the training split with fixed seeds, targets are made of the whole validation split: `whole`;
`retimed` (the re-cuts that come with the sets; errors in its seconds); `spliced` (foreign or reversed stretches
before, inside and after); `cut` (a third of every target taken off at the head or the tail, so that events are absent:
methods that always answer must fail there). Clips are embedded as they are sampled, so an encoder sees no more than is
shown; an event is the first sampled frame of its phase. Methods: `transfer` (the package's, without consensus), `local`
(its expected alignment alone), `nearest` (its neighbours alone, never absent), `global` (dynamic time warping) and
`time-only` (the same share of the video). Frozen features, and the runs beside them; a run is measured on every set
asked for, also on those that it was not trained on.

`--checks` measures two other things, into `results/checks_real.jsonl`: precision and recall of `deviate` on the spliced
clips (frames that are not of the clip's course), beside the simple rule of others; and Spearman's rank correlation of a
pair's match score with the median error of its key events, on whole and spliced clips together.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, surroundings
from benchmarks.transfer_consensus import Events, Target, compare
from numpy.typing import NDArray
from scipy.stats import spearmanr

from syncline.data import Embedding, Sampling, VideoSet, open_videos, read_recuts
from syncline.encoder import FeatureCache, FrameEncoder
from syncline.evaluation.controls import Embed, embed_with, frozen
from syncline.evaluation.protocols import Clip, evaluation_sampling, recut_clip, splice, whole_clip
from syncline.tasks import LabelledVideo, align, deviate, distance_rule, transfer_events

Method = Callable[[list[LabelledVideo], Embedding], Events]
WITHIN = 0.5
PROTOCOLS = ("whole", "retimed", "spliced", "cut")
TOLERANCES = {"human_golf": 0.1, "human_pullup": 0.1, "g1_bottle": 0.5, "cr5_usb": 0.5, "cr5_banana": 0.5}


def targets_of(clips: Sequence[Clip], embed: Embed, num_phases: int, tick: float) -> list[Target]:
    """Clips with what is known about them; `tick`: seconds a sampled frame is shown."""
    made = []
    for clip, vectors in zip(clips, embed(clips), strict=True):
        events: list[float | None] = []
        for phase in range(1, num_phases):
            at = np.flatnonzero(clip.labels >= phase)
            before = (clip.labels[: at[0]] >= 0).any() if len(at) else False
            events.append(float(clip.times[at[0]]) if before and clip.labels[at[0]] == phase else None)
        embedding = Embedding(vectors, tick * np.arange(len(clip)), clip.name)
        made.append(Target(embedding, clip.times, tuple(events), clip.source))
    return made


def cut(clip: Clip, place: int) -> Clip:
    """A third taken off: the head of even places, the tail of odd ones."""
    third = len(clip) // 3
    part = slice(third, None) if place % 2 == 0 else slice(None, len(clip) - third)
    return replace(clip, features=clip.features[part], steps=clip.steps[part] - clip.steps[part][0],
                   labels=clip.labels[part], times=clip.times[part])  # fmt: skip


def clips_of(
    videos: VideoSet, recuts: VideoSet | None, cache: FeatureCache
) -> tuple[list[Clip], dict[str, list[Clip]]]:
    """Training clips, and the targets by protocol."""
    sampling = Sampling(stride=1) if videos.name.startswith("human") else evaluation_sampling(videos)
    train = [whole_clip(video, cache, sampling) for video in videos.split("train")]
    val = [whole_clip(video, cache, sampling) for video in videos.split("val")]
    found = {"whole": val, "cut": [cut(clip, place) for place, clip in enumerate(val)], "spliced": splice(val)}
    if recuts is not None:
        found["retimed"] = [recut_clip(video, cache) for video in recuts.split("val")]
    return train, found


def transferred(labelled: list[LabelledVideo], target: Embedding, **options: Any) -> Events:
    options = {"consensus": False, "tolerance": WITHIN, "calibrate": False, "refuse": False} | options
    return transfer_events(labelled, [target], **options)[0].events


def by_time(labelled: list[LabelledVideo], target: Embedding) -> Events:
    """The median share of the labelled videos at which the event lies."""
    found: list[float | None] = []
    for k in range(len(labelled[0].events)):
        shares = [event / v.embedding.pts_seconds[-1] for v in labelled if (event := v.events[k]) is not None]
        found.append(float(np.median(shares) * target.pts_seconds[-1]) if shares else None)
    return tuple(found)


def by_warping(labelled: list[LabelledVideo], target: Embedding) -> Events:
    """The median of where dynamic time warping puts the labelled videos' events."""
    paths = [align(video.embedding, target, mode="global", verdict=False) for video in labelled]
    found: list[float | None] = []
    for k in range(len(labelled[0].events)):
        at = [float(path.follow(np.array([v.events[k]]))[0]) for v, path in zip(labelled, paths, strict=True)
              if v.events[k] is not None]  # fmt: skip
        found.append(float(np.median(at)) if at else None)
    return tuple(found)


METHODS: dict[str, Method] = {
    "transfer": lambda labelled, target: transferred(labelled, target, alignment_weight=0.7),
    "local": lambda labelled, target: transferred(labelled, target, alignment_weight=1.0),
    "nearest": lambda labelled, target: transferred(labelled, target, alignment_weight=0.0, absent_below=0.0),
    "global": by_warping,
    "time-only": by_time,
}


def score(found: list[Events], truth: list[Events]) -> dict[str, Any]:
    """Errors where both have the event; F1, where an event put into a video without it is wrong."""
    pairs = [(f, t) for one, other in zip(found, truth, strict=True) for f, t in zip(one, other, strict=True)]
    errors = np.array([abs(f - t) for f, t in pairs if f is not None and t is not None])
    hits = int((errors <= WITHIN).sum())
    claimed, there = sum(f is not None for f, _ in pairs), sum(t is not None for _, t in pairs)
    return {
        "median": round(float(np.median(errors)), 4) if len(errors) else None,
        "p90": round(float(np.quantile(errors, 0.9)), 4) if len(errors) else None,
        "within_half_second": round(hits / max(len(errors), 1), 4),
        "f1": round(2 * hits / max(claimed + there, 1), 4),
        "events": there,
    }


def labelled_video(target: Target) -> LabelledVideo:
    """A whole training clip with its events in its own seconds."""
    first = target.source_seconds[0]
    return LabelledVideo(target.embedding, tuple(None if e is None else e - first for e in target.events))


def lines(
    name: str, train: Sequence[Target], targets: dict[str, list[Target]], features: str, seeds: int
) -> Iterator[dict[str, Any]]:
    """One row a protocol, number of labelled videos and method."""
    for protocol in PROTOCOLS:
        for count in (1, 3, 10):
            draws = [np.random.default_rng(seed).permutation(len(train))[:count] for seed in range(seeds)]
            for method, place in METHODS.items():
                found: list[Events] = []
                for draw in draws:
                    labelled = [labelled_video(train[i]) for i in draw]
                    found += [target.on_source(place(labelled, target.embedding)) for target in targets[protocol]]
                result = score(found, [target.events for target in targets[protocol]] * seeds)
                yield {"set": name, "protocol": protocol, "features": features, "labelled": count, "method": method,
                       "seeds": seeds, **result}  # fmt: skip


def flagged_frames(reference: Embedding, video: Embedding) -> NDArray[np.bool_]:
    """(m,) which frames of a video `deviate` says are not of the reference's course."""
    flagged = np.zeros(len(video), dtype=bool)
    for one in deviate(reference, video).deviations:
        if one.kind in ("extra", "repeated", "out_of_order"):
            flagged |= (video.pts_seconds >= one.start) & (video.pts_seconds < one.end)
    return flagged


def half_speed(video: Embedding) -> Embedding:
    """Every frame shown twice as long."""
    step = float(np.median(np.diff(video.pts_seconds)))
    return Embedding(np.repeat(video.vectors, 2, axis=0), step * np.arange(2 * len(video)), video.source)


def checks(
    name: str, train: Sequence[Target], clips: dict[str, list[Clip]], targets: dict[str, list[Target]], features: str,
    references: int = 3,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Deviations on spliced clips and at half the speed, and whether the match score tells how events are carried."""
    chosen = [train[i] for i in np.random.default_rng(0).permutation(len(train))[:references]]
    about = {"set": name, "features": features, "references": references}
    counts = {method: np.zeros(3) for method in ("deviate", "rule")}
    for clip, target in zip(clips["spliced"], targets["spliced"], strict=True):
        odd = clip.labels < 0
        for reference in chosen:
            flagged = flagged_frames(reference.embedding, target.embedding)
            rule = distance_rule(reference.embedding, target.embedding)
            for method, claimed in (("deviate", flagged), ("rule", rule)):
                counts[method] += ((claimed & odd).sum(), claimed.sum(), odd.sum())
    for method, (hit, claimed, true) in counts.items():
        yield about | {"what": "deviations", "method": method, "precision": round(hit / max(claimed, 1), 4),
                       "recall": round(hit / max(true, 1), 4)}  # fmt: skip
    slow = [half_speed(target.embedding) for target in targets["whole"]]
    shares = [flagged_frames(reference.embedding, video).mean() for video in slow for reference in chosen]
    yield about | {"what": "half speed", "flagged": round(float(np.mean(shares)), 4)}
    scores, errors = [], []
    for protocol in ("whole", "spliced"):
        for target in targets[protocol]:
            for reference in chosen:
                alignment = align(reference.embedding, target.embedding)
                known = labelled_video(reference).events
                found = target.on_source(tuple(
                    None if event is None else float(alignment.follow(np.array([event]))[0]) for event in known
                ))  # fmt: skip
                pairs = [
                    abs(f - t) for f, t in zip(found, target.events, strict=True) if f is not None and t is not None
                ]
                if pairs:
                    scores.append(alignment.match_score)
                    errors.append(float(np.median(pairs)))
    correlation = spearmanr(scores, errors).statistic
    yield about | {"what": "match score", "pairs": len(scores), "spearman": round(float(correlation), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(TOLERANCES))
    parser.add_argument("--run", type=Path, nargs="+", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--protocols", nargs="+", default=["whole", "spliced", "retimed", "cut"], choices=PROTOCOLS)
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 3, 10], help="numbers of labelled videos")
    parser.add_argument("--draws", type=int, default=50, help="draws of 3 and more labelled videos; of 1 all are taken")
    parser.add_argument("--controls", action="store_true", help="the older table: global alignment, time and the like")
    parser.add_argument("--checks", action="store_true", help="deviations and match scores instead of transfer")
    arguments = parser.parse_args()
    data = os.environ.get("SYNCLINE_TEST_DATA")
    if not data:
        print("benchmarks.transfer_real: needs the real sets (SYNCLINE_TEST_DATA); nothing was measured")
        return
    around = surroundings("numba")
    for name in arguments.sets:
        folder = Path(data) / name
        videos = open_videos(folder)
        asked_for = "retimed" in arguments.protocols or arguments.controls or arguments.checks
        recuts = read_recuts(folder / "retimed.csv", videos) if asked_for else None
        cache = FeatureCache()
        train, clips = clips_of(videos, recuts, cache)
        tick = float(np.median(np.concatenate([np.diff(clip.times) for clip in train])))
        sides: dict[str, Embed] = {"frozen": frozen(train)}
        sides |= {f"run {run.name}": embed_with(FrameEncoder.from_pretrained(run)) for run in arguments.run}
        for features, embed in sides.items():
            known = targets_of(train, embed, videos.num_phases, tick)
            targets = {protocol: targets_of(made, embed, videos.num_phases, tick) for protocol, made in clips.items()}
            if arguments.checks:
                for row in checks(name, known, clips, targets, features):
                    append("checks_real", row | around)
                continue
            if not arguments.controls:
                asked = {protocol: targets[protocol] for protocol in arguments.protocols if protocol in targets}
                for row in compare(
                    known, asked, counts=arguments.counts, draws=arguments.draws, tolerance=TOLERANCES.get(name, WITHIN)
                ):
                    append("transfer_consensus", {"set": name, "features": features} | row | around)
                continue
            for row in lines(name, known, targets, features, arguments.seeds):
                append("transfer_real", row | around)


if __name__ == "__main__":
    main()
