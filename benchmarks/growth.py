"""``python -m benchmarks.growth``: what a folder of 10, 100, 1,000 and 10,000 clips takes, stage by stage.

    python -m benchmarks.growth [--clips 10 100 1000 10000] [--frames 90] [--voters 200]

Clips are hard links to a dozen rendered ones and their features lie in the cache beforehand, made of random numbers, so
that what is measured is all that is not decoding and the backbone. Where the videos themselves must differ (`index`,
`partners`, `everyone`), embeddings are drawn: noisy courses through one common curve. Each stage runs in a process of
its own, so that its peak of memory is its own, and has done the same with three clips before: imports and compiling are
not counted, and memory is that by which the process grew.

    open       the folder becomes a set of videos
    embed      cached features become embeddings, standardised over the folder
    store      written, and read again
    index      all frames in a search index, and ten questions
    partners   who votes, and every clip aligned with the voters: N k pairs, what the folder's verbs do
    everyone   all pairs, N (N - 1) / 2; left out above ``--most`` clips

Exponents are those of a power law through the two largest sizes, time (processor seconds) and memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, peak_bytes, surroundings

from syncline.data import Embedding

SOURCES, WIDTH, WARM = 12, 128, 3
STAGES = ("open", "embed", "store", "index", "partners", "everyone")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[10, 100, 1000, 10_000])
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--frames", type=int, default=90, help="sampled frames of a drawn embedding (default: 90)")
    parser.add_argument("--most", type=int, default=300, help="clips of which all pairs are aligned (default: 300)")
    parser.add_argument("--inside", nargs=2, metavar=("STAGE", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        stage, folder = arguments.inside
        print(json.dumps(measured(stage, Path(folder), arguments.clips[0], arguments.frames)))
        return
    about = surroundings("numba")
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        os.environ["SYNCLINE_CACHE"] = str(root / "cache")
        write_features(root)
        link(root, WARM)
        found: dict[tuple[str, int], dict[str, float]] = {}
        for clips in sorted(arguments.clips):
            link(root, clips)
            for stage in arguments.stages:
                if stage == "everyone" and clips > arguments.most:
                    continue
                found[stage, clips] = apart(stage, root, clips, arguments.frames)
        for (stage, clips), row in found.items():
            append("growth", about | {"stage": stage, "clips": clips, "frames": arguments.frames} | row)
        for stage in arguments.stages:
            append("growth", about | {"stage": stage} | exponents({n: r for (s, n), r in found.items() if s == stage}))


def exponents(by_size: dict[int, dict[str, float]]) -> dict[str, float]:
    """Of processor time and of memory beyond what was held before, through the two largest sizes; {} of one size.

    Examples:
        >>> exponents({10: {"processor_seconds": 1.0, "grown_bytes": 1e6}, 100: {"processor_seconds": 10.0,
        ...            "grown_bytes": 1e6}})
        {'time_exponent': 1.0, 'memory_exponent': 0.0}
    """
    if len(by_size) < 2:
        return {}
    small, large = sorted(by_size)[-2:]
    scale = math.log(large / small)
    keys = {"time_exponent": "processor_seconds", "memory_exponent": "grown_bytes"}
    return {
        name: round(math.log(max(by_size[large][key], 1e-3) / max(by_size[small][key], 1e-3)) / scale, 2)
        for name, key in keys.items()
    }


def apart(stage: str, root: Path, clips: int, frames: int) -> dict[str, float]:
    """`measured` in a process of its own."""
    words = ["--inside", stage, str(root), "--clips", str(clips), "--frames", str(frames)]
    command = [sys.executable, "-m", "benchmarks.growth", *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def measured(stage: str, root: Path, clips: int, frames: int) -> dict[str, float]:
    """Seconds, processor seconds, and bytes at the peak of one stage."""
    prepare, run = PREPARED[stage]
    run(prepare(root, WARM, frames), root)  # imports and compiles, which take the same for any folder
    given = prepare(root, clips, frames)
    before, wall, processor = peak_bytes(), time.perf_counter(), time.process_time()
    pairs = run(given, root)
    seconds, used = time.perf_counter() - wall, time.process_time() - processor
    row = {"seconds": round(seconds, 3), "processor_seconds": round(used, 3)}
    row |= {"peak_bytes": peak_bytes(), "grown_bytes": peak_bytes() - before}
    return row | ({} if pairs is None else {"pairs": pairs})


def write_features(root: Path) -> None:
    """A dozen short clips, and features of random numbers for them in the cache."""
    from syncline.data import open_videos, sampled_frames
    from syncline.data.synthetic import SyntheticConfig, render_synthetic
    from syncline.encoder.feature_file import writing_features
    from syncline.files import content_of
    from syncline.video import VideoReader

    config = SyntheticConfig(num_videos=SOURCES, size=(64, 64), seconds=(3.0, 4.0))
    cache = cache_of(root)
    render_synthetic(root / "rendered", config)
    for number, video in enumerate(open_videos(root / "rendered")):
        shown = VideoReader(video.path).pts_seconds
        wanted = sampled_frames(video, shown, cache.sampling)
        shape = (1, len(wanted), cache.described.dim)
        rows = np.random.default_rng(number).random(shape[1:]).astype(np.float16)
        target = cache.folder / f"{content_of(video.path)}.safetensors"
        with writing_features(target, shape=shape, frame_indices=wanted, pts_seconds=shown) as writer:
            writer.write(0, 0, rows)


def cache_of(root: Path) -> Any:
    """The feature cache of the default backbone, under ``root``; the backbone is not built if it was described."""
    from syncline.data import Sampling
    from syncline.encoder import FeatureCache
    from syncline.encoder.deferred_backbone import frozen_backbone

    return FeatureCache(root / "cache" / "features", frozen_backbone(), Sampling(7.5))


def link(root: Path, clips: int) -> None:
    """A folder of so many hard links."""
    folder = root / f"clips-{clips}"
    folder.mkdir()
    sources = sorted((root / "rendered").rglob("*.mp4"))
    for number in range(clips):
        os.link(sources[number % len(sources)], folder / f"{number:05d}.mp4")


def drawn(root: Path, clips: int, frames: int) -> list[Embedding]:
    """Noisy courses through one curve, each at a tempo of its own."""
    curve = np.cumsum(np.random.default_rng(0).normal(size=(101, WIDTH)), axis=0)
    found = []
    for number in range(clips):
        random = np.random.default_rng(number + 1)
        progress = np.sort(random.random(frames)) * 100
        rows = np.stack([np.interp(progress, np.arange(101), curve[:, k]) for k in range(WIDTH)], axis=1)
        rows += random.normal(size=rows.shape)
        found.append(Embedding(rows.astype(np.float32), np.arange(frames) / 7.5, f"{number:05d}.mp4"))
    return found


def opened(root: Path, clips: int, frames: int) -> Any:
    """The folder's videos."""
    from syncline.data import open_videos

    return open_videos(root / f"clips-{clips}")


def run_open(given: Path, root: Path) -> None:
    from syncline.data import open_videos

    open_videos(given)


def run_embed(given: Any, root: Path) -> None:
    from syncline.encoder.folder_fit import folder_embeddings

    folder_embeddings(list(given), cache_of(root), rate_hz=7.5)


def run_store(given: list[Embedding], root: Path) -> None:
    from syncline.encoder import EmbeddingStore

    with EmbeddingStore(root / f"store-{len(given)}") as store:
        for embedding in given:
            store.write(embedding, content=embedding.source)
    EmbeddingStore.read(store.folder)


def run_index(given: list[Embedding], root: Path) -> None:
    from syncline.tasks import MomentIndex

    index = MomentIndex(given)
    for number in range(10):
        source = given[number * len(given) // 10].source
        index.search(index.query(source, 1.0, None), 10, exclude=source)


def run_partners(given: list[Embedding], root: Path) -> int:
    from syncline.cli.consensus_options import pairs_of
    from syncline.tasks import gather_folder
    from syncline.tasks.folder_consensus import MOST_VOTERS

    gather_folder(given)
    return pairs_of(len(given), min(len(given), MOST_VOTERS))


def run_everyone(given: list[Embedding], root: Path) -> int:
    from syncline.tasks import align_pairs

    return sum(1 for _ in align_pairs(given))


PREPARED: dict[str, tuple[Any, Any]] = {
    "open": (lambda root, clips, frames: root / f"clips-{clips}", run_open),
    "embed": (opened, run_embed),
    "store": (drawn, run_store),
    "index": (drawn, run_index),
    "partners": (drawn, run_partners),
    "everyone": (drawn, run_everyone),
}


if __name__ == "__main__":
    main()
