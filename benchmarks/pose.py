"""Key events of people carried by body pose, beside pictures: with and without the folder's consensus.

    SYNCLINE_TEST_DATA=DIR SYNCLINE_POSE_PYTHON=PYTHON python -m benchmarks.pose [--sets human_golf human_pullup]
    ... python -m benchmarks.pose --sets human_golf --run "trained pose" runs/pose --features

One JSON line a set, features and number of labelled videos, added to `results/pose.jsonl`: share of the events that are
there and are placed within a tenth of a second, with the 95 % interval over source videos. `direct` goes along each
labelled video's expected alignment, `consensus` through the unlabelled training clips too; `verb` is what `syncline
transfer --tolerance 0.1` gives, where all clips vote and an event that it calls absent is missed; `nearest` takes the
frame of the target that is most like the labelled ones. Every frame is looked at. Labelled videos come from the
training split (one: all choices; more: 50 draws of a fixed seed), targets are those of the validation split from other
sources. `--run NAME DIR` measures trained runs, for instance of all clips of the folder, without labels.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.record import append, surroundings
from numpy.typing import NDArray

from syncline.alignment import unit_rows
from syncline.alignment.consensus import Consensus
from syncline.data import Embedding, Sampling, VideoSet, open_videos
from syncline.encoder import FrameEncoder
from syncline.encoder.folder_features import untrained_embeddings
from syncline.encoder.pose_inputs import InputCache, encoder_inputs
from syncline.tasks import gather_folder
from syncline.tasks.transfer import Election, election_of

WITHIN = 0.1
DRAWS = 50
KINDS = ("time-only", "pictures", "pose", "pictures+pose")
WAYS = ("direct", "consensus", "verb", "nearest")
Events = tuple[float | None, ...]
Rows = NDArray[np.float64]


def embeddings_of(kind: str, videos: VideoSet) -> list[Embedding]:
    """Every frame of every video; `time-only` knows the share of the video alone."""
    rate = max(video.frame_rate for video in videos)
    if kind != "time-only":
        return untrained_embeddings(list(videos), kind, rate=rate)  # type: ignore[arg-type]
    found = []
    for video in videos:
        share = np.linspace(0, 1, video.num_frames)
        centres = np.linspace(0, 1, 50)
        rows = np.exp(-((share[:, None] - centres) ** 2) / (2 * 0.02**2)).astype(np.float32)
        found.append(Embedding(rows, np.arange(video.num_frames) / video.frame_rate, str(video.path)))
    return found


def embeddings_of_run(run: str, videos: VideoSet) -> list[Embedding]:
    """Every frame of every video by a trained run."""
    encoder = FrameEncoder.from_pretrained(run)
    every = Sampling(max(video.frame_rate for video in videos))
    inputs = encoder_inputs(encoder, sampling=every)
    if isinstance(inputs, InputCache):
        inputs.prepare(list(videos))
        inputs.close()
    return encoder.embed(videos, sampling=every, cache=inputs)


def spread(event: int, length: int) -> Rows:
    """(1, t): the frame of an event and its neighbours."""
    row = np.zeros((1, length))
    row[0, max(0, event - 1) : event + 2] = 1
    return row / row.sum()


def places(group: Consensus, marked: dict[int, Rows], target: int, through: Sequence[int]) -> tuple[Rows, Rows]:
    """Where an event lies in the target, (t,) each: by the labelled videos alone, and by the other clips too."""
    ones = dict.fromkeys(marked, 1.0)
    direct = group.carry(marked, [target], weights=ones)[0]
    carried = group.carry({z: rows / len(marked) for z, rows in marked.items()}, through, weights=ones)
    more = dict(zip(through, carried, strict=True))
    beyond = group.carry(more, [target], weights=dict.fromkeys(more, 1.0))[0] if more else 0.0
    return direct[0], ((1 + 1 / len(marked)) * direct + beyond)[0]


def nearest(embeddings: Sequence[Embedding], marked: dict[int, Rows], target: int) -> Rows:
    """(t,): how much each frame of the target is like the event in the labelled videos."""
    frames = unit_rows(embeddings[target].vectors)
    alike = [frames @ unit_rows(rows @ unit_rows(embeddings[i].vectors))[0] for i, rows in marked.items()]
    mean: Rows = np.mean(alike, axis=0)
    return mean


def by_verb(election: Election, times: dict[int, list[float | None]], targets: Sequence[int]) -> dict[int, Events]:
    """What `syncline transfer` says, from the labelled videos' events in seconds."""
    placed = election.events_of({i: tuple(events) for i, events in times.items()}, targets)
    return {target: found.events for target, found in zip(targets, placed, strict=True)}


def measure(videos: VideoSet, embeddings: Sequence[Embedding], count: int) -> dict[str, object]:
    """Hits of all ways from so many labelled videos."""
    train = [i for i, video in enumerate(videos) if video.split == "train"]
    targets = [i for i, video in enumerate(videos) if video.split == "val"]
    group = Consensus([embedding.vectors for embedding in embeddings], voters=train)
    events = [video.key_events(videos.num_phases) for video in videos]
    seconds = [[None if e is None else float(embedding.pts_seconds[e]) for e in own]
               for own, embedding in zip(events, embeddings, strict=True)]  # fmt: skip
    election = election_of(embeddings, gather_folder(embeddings), WITHIN, None, None)
    rng = np.random.default_rng(0)
    choices = (
        [[i] for i in train]
        if count == 1
        else [sorted(rng.choice(train, count, replace=False).tolist()) for _ in range(DRAWS)]
    )
    hits: dict[str, list[tuple[float, ...]]] = {}
    for chosen in choices:
        told = by_verb(election, {i: seconds[i] for i in chosen}, targets)
        for target in targets:
            source = videos[target].source
            through = [z for z in train if z not in chosen and videos[z].source != source]
            for k, event in enumerate(events[target]):
                marked = {i: spread(events[i][k], len(embeddings[i])) for i in chosen
                          if events[i][k] is not None and videos[i].source != source}  # fmt: skip
                if event is None or not marked:
                    continue
                pts = embeddings[target].pts_seconds
                rows = (*places(group, marked, target, through), nearest(embeddings, marked, target))
                direct, consensus, alike = (float(pts[int(row.argmax())]) for row in rows)
                found = (direct, consensus, told[target][k], alike)
                hits.setdefault(source, []).append(
                    tuple(float(s is not None and abs(s - pts[event]) <= WITHIN + 1e-6) for s in found)
                )
    means = np.array([np.mean(rows, axis=0) for rows in hits.values()])
    weights = np.array([len(rows) for rows in hits.values()], dtype=float)
    draws = rng.integers(0, len(means), size=(2000, len(means)))
    resampled = (means[draws] * weights[draws][..., None]).sum(axis=1) / weights[draws].sum(axis=1)[:, None]
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    share = (means * weights[:, None]).sum(axis=0) / weights.sum()
    return {
        name: {"hits": round(100 * share[i], 1), "low": round(100 * low[i], 1), "high": round(100 * high[i], 1)}
        for i, name in enumerate(WAYS)
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pose", description=__doc__)
    parser.add_argument("--sets", nargs="+", default=["human_golf", "human_pullup"])
    parser.add_argument("--features", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--run", nargs=2, action="append", default=[], metavar=("NAME", "DIR"))
    arguments = parser.parse_args()
    root = os.environ.get("SYNCLINE_TEST_DATA")
    if not root:
        print("SYNCLINE_TEST_DATA is not set: the real videos are not here")
        return
    for name in arguments.sets:
        videos = open_videos(Path(root) / name)
        wanted = dict.fromkeys(arguments.features, "") | dict(arguments.run)
        for kind, run in wanted.items():
            embeddings = embeddings_of_run(run, videos) if run else embeddings_of(kind, videos)
            for count in (1, 3, 10):
                append("pose", {"set": name, "features": kind, "labelled": count, "within": WITHIN}
                       | measure(videos, embeddings, count) | surroundings())  # fmt: skip


if __name__ == "__main__":
    main()
