"""Key-event transfer on the real sets from 1, 3 and 10 labelled videos, beside its controls.

    SYNCLINE_TEST_DATA=DIR python -m benchmarks.transfer_real [--run RUN] [--sets g1_bottle ...] [--out FILE.jsonl]

One JSON line a set, protocol, method and number of labelled videos: error in seconds (median, 90th percentile), share
within half a second, F1. Labelled videos are drawn from the training split with fixed seeds, targets are the whole
validation split. Protocols: `whole`, and `cut` (a third of every target taken off at the head or the tail, so that
events are absent: methods that always answer must fail there). Methods: `transfer` (alignment and neighbours together),
`local` (its alignment alone), `nearest` (its neighbours alone, never absent), `global` (dynamic time warping) and
`time` (the same share of the video). Frozen features, and the run beside them if one is given.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from syncline.data import Embedding, VideoSet, events_from_phases, open_videos
from syncline.encoder import FeatureCache, FrameEncoder, frozen_embeddings
from syncline.files import write_text
from syncline.tasks import LabelledVideo, align, transfer_events

Events = tuple[float | None, ...]
Method = Callable[[list[LabelledVideo], Embedding], Events]
WITHIN = 0.5


def seconds_of(videos: VideoSet) -> list[Events]:
    """Seconds of the key events of every video."""
    found = []
    for video in videos:
        assert video.phases is not None
        frames = events_from_phases(video.phases, videos.num_phases)
        found.append(tuple(None if f is None else f / video.frame_rate for f in frames))
    return found


def transferred(labelled: list[LabelledVideo], target: Embedding, **options: Any) -> Events:
    return transfer_events(labelled, [target], calibrate=False, **options)[0].events


def by_clock(labelled: list[LabelledVideo], target: Embedding) -> Events:
    """The median share of the labelled videos at which the event lies."""
    found: list[float | None] = []
    for k in range(len(labelled[0].events)):
        shares = [v.events[k] / v.embedding.pts_seconds[-1] for v in labelled if v.events[k] is not None]  # type: ignore[operator]
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
    "transfer": transferred,
    "local": lambda labelled, target: transferred(labelled, target, alignment_weight=1.0),
    "nearest": lambda labelled, target: transferred(labelled, target, alignment_weight=0.0, absent_below=0.0),
    "global": by_warping,
    "time": by_clock,
}


def cut(target: Embedding, events: Events, place: int) -> tuple[Embedding, Events]:
    """A third taken off: the head of even places, the tail of odd ones; times stay those of the whole video."""
    third = len(target) // 3
    part = slice(third, None) if place % 2 == 0 else slice(None, len(target) - third)
    kept = Embedding(target.vectors[part], target.pts_seconds[part], target.source)
    first, last = kept.pts_seconds[0], kept.pts_seconds[-1]
    return kept, tuple(None if e is None or not first < e <= last else e for e in events)


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


def lines(videos: VideoSet, embeddings: list[Embedding], features: str, seeds: int) -> Iterator[dict[str, Any]]:
    truth = seconds_of(videos)
    train = [i for i, video in enumerate(videos) if video.split == "train"]
    val = [i for i, video in enumerate(videos) if video.split == "val"]
    for protocol in ("whole", "cut"):
        targets = [(embeddings[i], truth[i]) for i in val]
        if protocol == "cut":
            targets = [cut(target, events, place) for place, (target, events) in enumerate(targets)]
        for count in (1, 3, 10):
            draws = [np.random.default_rng(seed).permutation(train)[:count] for seed in range(seeds)]
            for name, method in METHODS.items():
                found: list[Events] = []
                for draw in draws:
                    labelled = [LabelledVideo(embeddings[i], truth[i]) for i in draw]
                    found += [method(labelled, target) for target, _ in targets]
                result = score(found, [events for _, events in targets] * seeds)
                yield {"set": videos.name, "protocol": protocol, "features": features, "labelled": count,
                       "method": name, "seeds": seeds, **result}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["g1_bottle", "cr5_banana", "cr5_usb"])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/transfer_real.jsonl"))
    arguments = parser.parse_args()
    written: list[str] = []
    for name in arguments.sets:
        videos = open_videos(Path(os.environ["SYNCLINE_TEST_DATA"]) / name)
        fit = [video for video in videos if video.split == "train"]
        sides = [("frozen", frozen_embeddings(videos, FeatureCache(), fit=fit))]
        if arguments.run is not None:
            encoder = FrameEncoder.from_pretrained(arguments.run)
            cache = FeatureCache(None, encoder.backbone)
            sides.append((f"run {arguments.run.name}", encoder.embed(videos, cache=cache)))
        for features, embeddings in sides:
            for line in lines(videos, embeddings, features, arguments.seeds):
                written.append(json.dumps(line))
                print(written[-1], flush=True)
    write_text(arguments.out, "\n".join(written) + "\n")


if __name__ == "__main__":
    main()
