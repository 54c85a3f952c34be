"""``syncline.train``: from a folder, manifest or list of videos to a folder with a trained encoder."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from syncline.data import VideoSet, open_videos
from syncline.data.source_opening import Source
from syncline.encoder import FeatureCache, FrameEncoder
from syncline.errors import SynclineError
from syncline.progress import silent
from syncline.training.loop import fit
from syncline.training.method_config import method_config
from syncline.training.run_folder import read_config
from syncline.training.time_and_disk import Plan
from syncline.training.train_config import TrainConfig
from syncline.training.training_progress import TrainingCallback, TrainingProgress


def train(
    source: Source,
    out: str | Path,
    *,
    config: TrainConfig | None = None,
    resume: bool = False,
    minutes: float | None = None,
    steps: int | None = None,
    cache: FeatureCache | str | Path | None = None,
    callback: TrainingCallback = silent,
) -> FrameEncoder:
    """Learns an embedding of the frames of a folder of unlabelled videos of one activity.

    Args:
        source: a folder of videos, a manifest (``.csv``), a list of files, or a ``VideoSet``. With splits, its
            ``train`` part is taken. Labels are not looked at.
        out: folder of the run: the encoder (``FrameEncoder.from_pretrained(out)``), its configuration, metrics and
            checkpoint. Must not exist, unless ``resume``.
        config: ``method_config("lac")`` and the like; None for the default, or with ``resume`` the run's own.
        resume: continue the run in ``out``. minutes: budget for everything, see ``fit``. steps: overrides config's.
        cache: of features, or its folder; None for the user's. callback: called with a `TrainingProgress` after every
            step.

    Returns:
        The encoder, in eval mode.

    Raises:
        SynclineError: no or too few videos, a run that exists, a checkpoint of another model.
        TrainingStopped: a ``KeyboardInterrupt``, after Ctrl-C or SIGTERM; the run can be resumed.
    """
    if config is None:
        config = read_config(Path(out)) if resume else method_config()
    if steps is not None:
        config = replace(config, steps=steps)
    return fit(training_videos(source), config, cache=cache, out=out, callback=callback, minutes=minutes, resume=resume)


class _Known(Exception):
    """Raised when the plan is known."""


def plan_of(
    videos: VideoSet, config: TrainConfig | None = None, *, cache: FeatureCache | str | Path | None = None
) -> Plan:
    """How long `fit` would take, how much disk and memory: what it plans before it begins, from a few steps.

    From pixels a few videos are decoded for it, and kept.

    Raises:
        SynclineError: as `fit`.
    """
    found: list[Plan] = []

    def tell(progress: TrainingProgress) -> None:
        if progress.plan is not None:
            found.append(progress.plan)
            raise _Known

    with contextlib.suppress(_Known):
        fit(videos, config, cache=cache, callback=tell)
    return found[0]


def training_videos(source: Source) -> VideoSet:
    """The ``train`` part of a source that has splits, all of one that has none.

    Raises:
        SynclineError: nothing there, fewer than two videos, or splits of which none is ``train``.
    """
    videos = open_videos(source)
    if any(video.split for video in videos):
        videos = open_videos(videos, split="train")
    if len(videos) < 2:
        raise SynclineError(f"{_said(source)} has 1 video; training needs at least 2 videos of the same activity")
    return videos


def _said(source: Source) -> str:
    return str(source) if isinstance(source, str | Path) else getattr(source, "name", "the list of videos")
