"""``python -m benchmarks.pixels``: batches of pictures a second, by stage and by number of workers.

    python -m benchmarks.pixels [--size 224] [--frames 64] [--batch 2] [--workers 1 2] [--batches 6] [--device cuda]

Stages, each alone on one thread: pictures decoded from files; read from the store of decoded ones; augmented; sent to
the device. Then the loader alone by number of workers (bar: two make 1.6 times the batches of one), and how long a loop
waits whose step takes as long as two batches (bar: 5 %). That step is a pause, as a GPU's is to the processor. The bare
loop beside it makes the same batches in its own process. The batch is that of LAC as published. Last, what training
plans before it begins beside what a short run took: LAC as published, but a small backbone on pictures of 160 x 160.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from benchmarks.record import append, surroundings

from syncline.data import Sampling, Video, VideoSet, open_videos
from syncline.data.synthetic import SyntheticConfig, render_synthetic
from syncline.training import TrainingProgress, fit, method_config
from syncline.training.process_group import peak_memory
from syncline.training.time_and_disk import Plan
from syncline.views import PixelStore, PixelViews, ViewConfig, WorkerViews


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224, help="side of the pictures (default: 224)")
    parser.add_argument("--frames", type=int, default=64, help="of a view (default: 64)")
    parser.add_argument("--batch", type=int, default=2, help="pairs (default: 2)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, default=6, help="that are measured (default: 6)")
    parser.add_argument("--steps", type=int, default=20, help="of the run that is planned (default: 20)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    about = surroundings("torchvision") | {
        "device": torch.cuda.get_device_name() if arguments.device.startswith("cuda") else arguments.device,
        "size": arguments.size, "frames": arguments.frames, "batch": arguments.batch,
    }  # fmt: skip
    published = method_config("lac", preset="paper", published=True).views
    config = replace(published, num_frames=arguments.frames, batch_size=arguments.batch)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        side = arguments.size + arguments.size % 2
        render_synthetic(root / "set", SyntheticConfig(num_videos=6, size=(side, side), seconds=(6.0, 8.0)))
        videos = list(open_videos(root / "set"))
        store = PixelStore((arguments.size, arguments.size), root / "pictures")
        for video in videos:
            store.add(video)
        count = arguments.batches
        bare = stages(videos, store, config, count, arguments.device)
        append("pixels", about | {"what": "stages, seconds a batch"} | {k: round(v, 4) for k, v in bare.items()})
        views = made(videos, store, config)
        alone = per_batch(views.batch, count)
        append("pixels", about | {"what": "bare loop", "workers": 0, "batches_per_second": round(1 / alone, 3)})
        for workers in arguments.workers:
            rate, waiting = loader(views, workers, count, step=2 * alone)
            row = {"what": "loader", "workers": workers, "batches_per_second": round(rate, 3)}
            append("pixels", about | row | {"waiting_share": round(waiting, 4), "step_seconds": round(2 * alone, 3)})
        os.environ["SYNCLINE_CACHE"] = str(root / "cache")
        append("pixels", about | {"what": "plan"} | planned_and_taken(videos, arguments.steps))


def planned_and_taken(videos: list[Video], steps: int) -> dict[str, float]:
    """Seconds of all steps and gigabytes of memory: as planned from a few steps, and as a run took them."""
    config = method_config(
        "lac", preset="paper", published=True, epochs=None, steps=steps,
        encoder={"backbone": "test_resnet", "stage": None, "weights": "none"}, views={"num_frames": 16},
    )  # fmt: skip
    plans: list[Plan] = []
    ticks: list[float] = []

    def tell(progress: TrainingProgress) -> None:
        plans.extend([progress.plan] if progress.phase == "plan" and progress.plan is not None else [])
        ticks.extend([time.perf_counter()] if progress.phase == "training" else [])

    fit(VideoSet(tuple(videos), "rendered"), config, callback=tell)
    taken = steps * (ticks[-1] - ticks[0]) / (len(ticks) - 1)
    planned = {"planned_seconds": round(plans[0].step_seconds * steps, 2), "planned_gb": plans[0].memory / 1e9}
    return planned | {"taken_seconds": round(taken, 2), "taken_gb": (peak_memory() or 0) / 1e9}


def made(videos: list[Video], store: PixelStore | None, config: ViewConfig, size: int = 0) -> PixelViews:
    """Views of every frame, from the store or from the files."""
    sides = (size, size) if store is None else store.size
    return PixelViews(videos, Sampling(stride=1), config, size=sides, store=store)


def stages(
    videos: list[Video], store: PixelStore, config: ViewConfig, count: int, device: str
) -> dict[str, float]:  # fmt: skip
    """Seconds a batch of each stage, on one thread."""
    plain = replace(config, pipeline="none")
    decode = per_batch(made(videos, None, plain, store.size[0]).batch, count)
    read = per_batch(made(videos, store, plain).batch, count)
    whole = per_batch(made(videos, store, config).batch, count)
    batch = made(videos, store, plain).batch(0)
    pinned = batch.pin_memory() if device.startswith("cuda") else batch

    def send(_: int) -> None:
        pinned.inputs.to(device, copy=True)
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    return {"decode": decode, "store": read, "augment": max(0.0, whole - read), "transfer": per_batch(send, count)}


def per_batch(work: Callable[[int], object], count: int) -> float:
    """Seconds of the median call, after one that warms up."""
    work(0)
    seconds = []
    for step in range(1, count + 1):
        began = time.perf_counter()
        work(step)
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[count // 2]


def loader(views: PixelViews, workers: int, count: int, *, step: float) -> tuple[float, float]:
    """Batches a second that the workers give to somebody who only takes, and the waiting share of a loop of steps."""
    ahead = WorkerViews(views, workers=workers)
    try:
        fetched = 4 * workers  # what was made while the processes started
        for number in range(fetched):
            ahead.batch(number)
        began = time.perf_counter()
        for number in range(fetched, fetched + count):
            ahead.batch(number)
        rate = count / (time.perf_counter() - began)
        ahead.batch(fetched + count)  # the first step, for which nothing is there yet
        time.sleep(step)
        waited, began = 0.0, time.perf_counter()
        for number in range(fetched + count + 1, fetched + 2 * count + 1):
            asked = time.perf_counter()
            ahead.batch(number)
            waited += time.perf_counter() - asked
            time.sleep(step)
        return rate, waited / (time.perf_counter() - began)
    finally:
        ahead.close()


if __name__ == "__main__":
    main()
