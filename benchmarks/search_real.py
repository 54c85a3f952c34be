"""Whether search finds the moment: real sets, every labelled key event as a query, the other clips as the folder.

    SYNCLINE_TEST_DATA=DIR python -m benchmarks.search_real [--sets human_golf ...] [--split val]

One JSON line a set and method into `results/search_real.jsonl`: `first`, the share of queries whose first hit lies
within .2 s of the same event of its clip (wrong where that clip does not show the event); `five`, the same of the first
five; `each`, of the best hit of every clip that shows the event. Embeddings are those of the verbs: frozen features at
the folder's own rate, standardised on the clips of the split. Methods: `folder` (what `syncline search` does), `frames`
(`--no-consensus`) and `time-only` (the same share of the clip, clips of the most similar duration first).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, surroundings

from syncline.data import Embedding, Video, open_videos
from syncline.encoder import FeatureCache, folder_embeddings
from syncline.tasks import Hit, MomentIndex, gather_folder, same_moments
from syncline.video import VideoReader

SETS = ("human_golf", "human_pullup", "g1_bottle", "cr5_usb", "cr5_banana")
WITHIN = 0.2
Events = tuple[float | None, ...]
Find = Callable[[int, float], list[Hit]]


def events_of(video: Video, num_phases: int) -> Events:
    """Seconds of the key events."""
    seconds = VideoReader(video.path).pts_seconds
    return tuple(None if frame is None else float(seconds[frame]) for frame in video.key_events(num_phases))


def by_time(embeddings: Sequence[Embedding]) -> Find:
    """The control: the same share of every other clip."""
    ends = [float(embedding.pts_seconds[-1]) for embedding in embeddings]

    def find(query: int, second: float) -> list[Hit]:
        others = sorted((i for i in range(len(ends)) if i != query), key=lambda i: abs(ends[i] - ends[query]))
        return [Hit(str(i), second / ends[query] * ends[i], 0.0) for i in others]

    return find


def measure(find: Find, events: Sequence[Events]) -> dict[str, Any]:
    """The three shares, in percent, and how many queries they are of."""
    first, five, each = [], [], []
    for query, own in enumerate(events):
        for k, second in enumerate(own):
            if second is None:
                continue
            truth = [clip[k] for clip in events]
            found = [(int(hit.source), hit.seconds) for hit in find(query, second)]
            right = [(true := truth[i]) is not None and abs(at - true) <= WITHIN + 1e-9 for i, at in found]
            first.append(bool(right and right[0]))
            five += right[:5]
            reached = {i for (i, _), yes in zip(found, right, strict=True) if yes}
            each += [i in reached for i, true in enumerate(truth) if true is not None and i != query]
    shares = {"first": first, "five": five, "each": each}
    return {"queries": len(first)} | {name: round(100 * float(np.mean(hits)), 1) for name, hits in shares.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--split", default="val", help="train, val or all")
    arguments = parser.parse_args()
    data = os.environ.get("SYNCLINE_TEST_DATA")
    if not data:
        print("benchmarks.search_real: needs the real sets (SYNCLINE_TEST_DATA); nothing was measured")
        return
    around = surroundings("numba")
    for name in arguments.sets:
        whole = open_videos(Path(data) / name)
        videos = list(whole if arguments.split == "all" else whole.split(arguments.split))
        events = [events_of(video, whole.num_phases) for video in videos]
        made, fit = folder_embeddings(videos, FeatureCache())
        embeddings = [Embedding(e.vectors, e.pts_seconds, str(i)) for i, e in enumerate(made)]
        began = time.process_time()
        folder, index = gather_folder(embeddings), MomentIndex(embeddings)
        seconds = round(time.process_time() - began, 1)
        methods: dict[str, Find] = {
            "folder": lambda q, s, f=folder: same_moments(f, q, s, k=len(f.embeddings)),
            "frames": lambda q, s, i=index: i.search(i.query(str(q), s), len(i.sources), per_video=1, exclude=str(q)),
            "time-only": by_time(embeddings),
        }
        about = {"set": name, "split": arguments.split, "videos": len(videos), "rate": fit.rate_hz, "within": WITHIN}
        for method, find in methods.items():
            row = about | {"method": method} | measure(find, events)
            append("search_real", row | ({"consensus_cpu_s": seconds} if method == "folder" else {}) | around)


if __name__ == "__main__":
    main()
