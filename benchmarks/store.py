"""A store of a million frames: written, read, indexed, searched, added to, saved and loaded.

    python -m benchmarks.store [--videos 1000] [--frames 1000]

Embeddings are random, 128 wide, stored in float16; videos of 1,000 frames by default. They are made before the first of
them is written, and freed after the last. The search is the median of twenty; the bar is one in under a second with the
default, exact index.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, peak_bytes, surroundings

from syncline.data import Embedding
from syncline.encoder import EmbeddingStore
from syncline.tasks import MomentIndex

WIDTH, SEARCHES, ADDED = 128, 20, 10


def made(number: int, frames: int) -> Embedding:
    vectors = np.random.default_rng(number).normal(size=(frames, WIDTH)).astype(np.float32)
    return Embedding(vectors, np.arange(frames) / 7.5, f"{number}.mp4")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=1000)
    arguments = parser.parse_args()
    around, seconds = surroundings(), {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = work()
        seconds[name] = round(time.perf_counter() - began, 3)
        return result

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store"

        def write(embeddings: list[Embedding]) -> None:
            with EmbeddingStore(place, dtype="float16") as store:
                for embedding in embeddings:
                    store.write(embedding)

        drawn = [made(k, arguments.frames) for k in range(arguments.videos)]
        timed("write", lambda: write(drawn))
        del drawn
        embeddings = timed("read", lambda: EmbeddingStore.read(place))
        index = timed("index", lambda: MomentIndex(embeddings))
        query = index.query("3.mp4", 1.0)
        took = []
        for _ in range(SEARCHES):
            assert timed("search", lambda: index.search(query, k=10))[0].source == "3.mp4"
            took.append(seconds["search"])
        seconds["search"] = round(float(np.median(took)), 3)
        write([made(k, arguments.frames) for k in range(arguments.videos, arguments.videos + ADDED)])
        fresh = EmbeddingStore.read(place)
        stale = timed("stale", lambda: index.stale(fresh))
        assert len(stale) == ADDED
        timed("add", lambda: index.add([embedding for embedding in fresh if embedding.source in stale]))
        timed("save", lambda: index.save(Path(folder) / "index"))
        again = timed("load", lambda: MomentIndex.load(Path(folder) / "index"))
        assert len(again) == len(index) == (arguments.videos + ADDED) * arguments.frames
        bytes_on_disk = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    row = {"what": "store", "videos": arguments.videos, "frames": arguments.videos * arguments.frames}
    append("store", row | {"seconds": seconds, "bytes": bytes_on_disk, "peak_bytes": peak_bytes(), **around})


if __name__ == "__main__":
    main()
