"""Settings that are chosen by measuring the folder, once: rate, label width, augmented copies, flips, preset.

Notable choices:
- Copies, flips and the preset (`Method.auto_presets`) follow from how different the scenes are
  (`encoder.scene_difference`). Where they differ, copies gain 7 to 11 points, and carrying positions across videos
  (`cross_video`) may learn nothing but time. On takes of one scene it gains 3 points by nearest neighbour over
  `losses.DEFAULT_PRESET` (docs/results.md).
- A setting that the configuration names is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from syncline.data import Sampling, Video
from syncline.data.sampling_rate import choose_rate
from syncline.encoder import FeatureCache
from syncline.encoder.no_backbone import NAME as NO_BACKBONE
from syncline.encoder.scene_difference import DIFFERENT_SCENES, probed, scene_difference
from syncline.losses import AUTO_PRESET
from syncline.training.accelerator import make_backbone
from syncline.training.methods import METHODS
from syncline.training.train_config import TrainConfig
from syncline.wording import counted

COPIES = 5
"""Of the features where scenes differ: the plain one and four that are augmented and may be mirrored."""
LABEL_FRAMES = 1.425
"""Standard deviation of soft labels in frames at the rate that fits the folder's clips (`data.rate.choose_rate`): .19 s
of takes of ten seconds and more, which is what was measured there, and .05 s of golf swings of 1.3 s. With .19 s there,
a seventh of the swing, the run placed 61, 79 and 79 % of the events from 1, 3 and 10 labelled clips in its own folder,
with .05 s 76, 91 and 93 % (one run each).
"""
FEW_CLIPS = 10
"""Below so many clips there is little to learn from."""


@dataclass(frozen=True)
class Settled:
    """A configuration that leaves nothing open.

    Attributes:
        config: with numbers where it said ``auto``. cache: what was given, or one with the backbone that was made for
            the measurement. notes: sentences for the user on what was chosen and why.
    """

    config: TrainConfig
    cache: FeatureCache | str | Path | None
    notes: tuple[str, ...] = ()


def settled(
    videos: Sequence[Video],
    config: TrainConfig,
    cache: FeatureCache | str | Path | None = None,
    *,
    processes: int = 1,
) -> Settled:
    """Measures the folder for what ``config`` leaves open.

    A batch of fewer pairs than there are ``processes`` (LAC's own has two) is raised to one pair a process.
    """
    notes = []
    if config.views.batch_size < processes:
        notes.append(
            f"the batch of {counted(config.views.batch_size, 'pair')} is raised to {processes}, one for each process"
        )
        config = replace(config, views=replace(config.views, batch_size=processes))
    if len(videos) < FEW_CLIPS:
        notes.append(
            f"{counted(len(videos), 'clip')} to learn from: that is few. Frozen features, which every command uses "
            "without --run, may do better; compare with syncline evaluate"
        )
    rounds = config.epochs
    if rounds is not None:
        each = max(1, len(videos) // (config.views.batch_size * config.accumulate))
        config = replace(config, steps=rounds * each)
        notes.append(f"{counted(rounds, 'round')} of {counted(each, 'step')}")
    if config.sample_rate_hz is not None:
        config, note = _with_rate(videos, config)
        notes += note
    if config.label_seconds == "auto":
        config = replace(config, label_seconds=LABEL_FRAMES / choose_rate(videos))
        if METHODS[config.method].label_width is not None:
            notes.append(f"soft labels are {config.label_seconds:.2g} s wide")
    if config.encoder.features == "pose":  # people differ, whatever the pictures show
        config = replace(config, encoder=replace(config.encoder, backbone=NO_BACKBONE))
        if config.copies == "auto":
            config = replace(config, copies=COPIES)
        return Settled(_with_preset(config, differ=True), cache, tuple(notes))
    if config.copies != "auto" and config.preset != AUTO_PRESET:
        return Settled(config, cache, tuple(notes))
    if config.encoder.trainable != "frozen":  # pixels are augmented in every step
        config = replace(config, copies=1 if config.copies == "auto" else config.copies)
        return Settled(_with_preset(config, differ=True), cache, tuple(notes))
    backbone = make_backbone(config, cache)
    root = cache.root if isinstance(cache, FeatureCache) else cache
    augment = cache.augment if isinstance(cache, FeatureCache) else None
    cache = FeatureCache(root, backbone, augment=augment)
    share = scene_difference(probed(videos, cache))
    differ = share >= DIFFERENT_SCENES
    chosen = [f"{100 * share:.0f} % of what the pictures show differs from clip to clip"]
    chosen.append("taken for different scenes" if differ else "taken for one scene")
    if config.copies == "auto":
        views = replace(config.views, flip=config.views.flip or differ)
        config = replace(config, copies=COPIES if differ else 1, views=views)
        chosen.append(f"{COPIES - 1} augmented copies, mirrored ones among them" if differ else "no augmented copies")
    if config.preset == AUTO_PRESET:
        config = _with_preset(config, differ=differ)
        chosen.append(f"preset {config.preset}")
    return Settled(config, cache, (*notes, ", ".join(chosen)))


def _with_preset(config: TrainConfig, *, differ: bool) -> TrainConfig:
    presets = METHODS[config.method].auto_presets
    if config.preset != AUTO_PRESET or presets is None:
        return config
    return replace(config, preset=presets[0 if differ else 1])


def _with_rate(videos: Sequence[Video], config: TrainConfig) -> tuple[TrainConfig, list[str]]:
    rate = config.sample_rate_hz
    if rate == "auto":
        if config.encoder.sampling != Sampling():  # somebody named a rate or a stride
            return replace(config, sample_rate_hz=None), []
        rate = choose_rate(videos)
    assert rate is not None
    sampling = Sampling(rate_hz=rate)
    config = replace(config, sample_rate_hz=rate, encoder=replace(config.encoder, sampling=sampling))
    return config, [f"{rate:g} frames a second are looked at"]
