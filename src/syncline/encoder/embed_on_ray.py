"""Embedding on a cluster: Ray Data spreads the videos over actors that hold the encoder; the caller writes the store.

Notable choices:
- The store has one writer, the process that calls. An actor that dies costs its videos a retry by Ray, and a video that
  was computed twice still comes back once: no row is lost or doubled.
- Only what the store lacks is handed out, so running again does what is missing.
- A file that cannot be decoded comes back as a message, never as a failed job.
- Workers have working folders of their own, so they are told absolute paths; the store keeps those that were given.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from syncline.data import Embedding, Sampling
from syncline.encoder.choose_device import chosen_device
from syncline.encoder.embedding_store import EmbeddingStore
from syncline.encoder.extraction import embed_video, video_of
from syncline.encoder.frame_encoder import FrameEncoder
from syncline.errors import SynclineError
from syncline.files import content_of
from syncline.progress import Callback, Steps, silent
from syncline.ray_cluster import LOCAL, cluster


class _Embedder:
    """An actor: holds the encoder, loaded once."""

    def __init__(self, run: str, sampling: Sampling | None, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.encoder, self.sampling = FrameEncoder.from_pretrained(run, device=chosen_device()), sampling

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Paths in; vectors, times and what went wrong out, a row a video."""
        vectors: list[bytes] = []
        times: list[bytes] = []
        problems: list[str] = []
        contents: list[str] = []
        for file in batch["file"]:
            try:
                content = content_of(Path(str(file)))
                found = embed_video(self.encoder, video_of(str(file)), sampling=self.sampling)
            except SynclineError as error:
                contents.append("")
                vectors.append(b"")
                times.append(b"")
                problems.append(str(error))
                continue
            vectors.append(found.vectors.tobytes())
            times.append(found.pts_seconds.tobytes())
            contents.append(content)
            problems.append("")
        return {"path": batch["path"], "vectors": vectors, "times": times, "problem": problems, "content": contents}


def embed_on_ray(
    paths: Sequence[str | os.PathLike[str]],
    *,
    run: str | os.PathLike[str],
    store: EmbeddingStore,
    address: str = LOCAL,
    workers: int = 2,
    sampling: Sampling | None = None,
    callback: Callback = silent,
) -> list[tuple[str, str]]:
    """Embeds the videos that ``store`` lacks with ``workers`` actors.

    Args:
        paths: video files; on a cluster, paths that every machine sees. run: folder of a trained run, likewise.
        store: where the embeddings go; written by this process alone.
        address: of a running cluster (``auto`` finds the one of this machine), or ``local`` to start one here.
        workers: actors; each computes on one thread.
        sampling: which frames; those that the encoder was trained with by default.
        callback: called with a ``Progress`` as each video comes back, with its path or its problem as the message.

    Returns:
        (path, problem) of the videos that could not be embedded.

    Raises:
        SynclineError: Ray is not installed, or the cluster cannot be reached.
    """
    missing = [str(path) for path in paths if str(path) not in store]
    if not missing:
        return []
    dim = FrameEncoder.from_pretrained(run).config.embedding_dim
    failed = []
    step = Steps("embedding", len(missing), callback)
    where = os.path.abspath(run) if os.path.exists(run) else str(run)
    with cluster(address, workers):
        import ray.data

        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        rows = ray.data.from_items(
            [{"path": path, "file": os.path.abspath(path)} for path in missing], override_num_blocks=len(missing)
        )
        results = rows.map_batches(
            _Embedder,
            fn_constructor_args=(where, sampling, 1), compute=ray.data.ActorPoolStrategy(size=workers),
            batch_size=1, num_cpus=1,
        )  # fmt: skip
        for row in results.iter_rows():
            path, problem = str(row["path"]), str(row["problem"])
            if problem:
                failed.append((path, problem))
            else:
                vectors = np.frombuffer(row["vectors"], dtype=np.float32).reshape(-1, dim)
                found = Embedding(vectors, np.frombuffer(row["times"], dtype=np.float64), path)
                store.write(found, content=str(row["content"]))
            step(problem or path)
        store.flush()
    return failed
