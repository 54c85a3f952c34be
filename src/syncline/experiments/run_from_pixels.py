"""One run of a table from pixels: trained as published, measured as the paper measures, continued after a kill.

While a run is trained it has a folder of its own, with checkpoints; a bench that is started again continues it. The
folder goes when the run's line is written. A process that finds a run claimed leaves it to the one that has it.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from syncline.data import VideoSet
from syncline.encoder import EncoderConfig, FrameEncoder
from syncline.errors import UnusableRunError
from syncline.experiments.bench_sets import BenchSet
from syncline.experiments.environment import environment, peak_memory
from syncline.experiments.published_runs import (
    PROTOCOL,
    EmbedVideo,
    every_frame_by,
    measure_published,
    published_controls,
    stride_of,
)
from syncline.files import lock
from syncline.progress import NOTICE, Callback, Progress
from syncline.training import TrainConfig, fit

Line = dict[str, Any]
"""One line of `runs.jsonl`."""


def train_and_measure(found: BenchSet, label: str, training: TrainConfig, run: Path, callback: Callback) -> Line:
    """Trains a row of the table in the folder ``run``, where it may have been begun before, and measures it.

    Raises:
        SynclineError: it cannot be trained.
    """
    started = time.perf_counter()
    encoder = _trained(found.videos.split("train"), training, run, callback)
    about: Line = {"config": training.as_dict(), "weights": encoder.backbone.origin}
    about["train_seconds"] = round(time.perf_counter() - started, 2)
    return _measured(found, label, training.seed, {label: every_frame_by(encoder)}, started) | about


def measure_controls(found: BenchSet, encoder: EncoderConfig, seed: int, names: Sequence[str], root: Path) -> Line:
    """Measures the controls of a set; the untrained one is of this ``encoder``. ``root``: of the feature cache."""
    started = time.perf_counter()
    named = published_controls(encoder, found.videos, seed=seed, root=root, names=names)
    return _measured(found, "controls", seed, named, started) | {"config": encoder.as_dict()}


@contextlib.contextmanager
def claimed(run: Path) -> Iterator[bool]:
    """Holds a run for this process until the block ends, however it ends. False where another process has it."""
    run.parent.mkdir(parents=True, exist_ok=True)
    path = run.with_suffix(".lock")
    with open(path, "a+b") as file:
        own = lock(file)
        yield own
    if own:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds other runs
            run.parent.rmdir()


def _measured(found: BenchSet, label: str, seed: int, named: dict[str, EmbedVideo], started: float) -> Line:
    about, stride = {"set": found.name, "protocol": PROTOCOL, "seed": seed}, stride_of(found.name)
    rows = [about | {"method": name} | measure_published(e, found.videos, stride=stride) for name, e in named.items()]
    line: Line = {"set": found.name, "label": label, "seed": seed, "rows": rows}
    line["seconds"] = round(time.perf_counter() - started, 2)
    return line | {"peak_memory_mb": peak_memory(), "environment": environment()}


def _trained(videos: VideoSet, training: TrainConfig, run: Path, callback: Callback) -> FrameEncoder:
    """A training of which only what it plans is told."""

    def said(told: Progress) -> None:
        if told.phase in ("plan", NOTICE):
            callback(told)

    begun = (run / "train.json").is_file()
    try:
        return fit(videos, training, out=run, resume=begun, callback=said)
    except UnusableRunError:  # its folder is damaged, or of videos that have changed since
        shutil.rmtree(run)
        return fit(videos, training, out=run, callback=said)
