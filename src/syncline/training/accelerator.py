"""Sets up Accelerate: device, processes, precision, and the encoder on them."""

from __future__ import annotations

import functools
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import torch

from syncline.encoder import Backbone, FeatureCache, FrameEncoder
from syncline.encoder.batch_norm import share_batch_norms
from syncline.encoder.choose_device import chosen_device
from syncline.encoder.no_backbone import NoBackbone
from syncline.training.train_config import TrainConfig
from syncline.training.training_poses import FoundPoses
from syncline.views import augment


def make_accelerator(config: TrainConfig, run: Path | None) -> Any:
    """Accelerate's ``Accelerator`` for a run: under torchrun or ``accelerate launch`` one of several processes."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import InitProcessGroupKwargs

    precision = "bf16" if config.precision == "bf16" else "no"
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()  # an earlier run of this process had another precision
    # others wait while one process still reads its videos
    patience = InitProcessGroupKwargs(timeout=timedelta(hours=24))
    # several processes without an accelerator are several processes anyway, which Accelerate has to be told
    return Accelerator(
        cpu=not torch.accelerator.is_available(), mixed_precision=precision, log_with=list(config.trackers) or None,
        project_dir=run and str(run), kwargs_handlers=[patience],
    )  # fmt: skip


def make_backbone(config: TrainConfig, cache: FeatureCache | str | Path | None) -> Backbone:
    """The backbone of a configuration: the cache's if it fits; of weights that are drawn the seed decides."""
    wanted = config.encoder
    if wanted.features == "pose":
        return cast(Backbone, NoBackbone())
    if isinstance(cache, FeatureCache):
        lent = cache.backbone
        kind = lent.name, lent.stage, lent.grid, lent.trainable, lent.weights, lent.precision
        if kind == (
            wanted.backbone, wanted.stage, wanted.grid or None, wanted.trainable, wanted.weights, wanted.precision
        ):  # fmt: skip
            return lent
    torch.manual_seed(config.seed)
    return Backbone(
        wanted.backbone, grid=wanted.grid or None, weights=wanted.weights, stage=wanted.stage,
        trainable=wanted.trainable, precision=wanted.precision,
    )  # fmt: skip


def make_encoder(
    config: TrainConfig, cache: FeatureCache | str | Path | None, poses: FoundPoses | None = None
) -> tuple[FrameEncoder, FeatureCache | None]:
    """The encoder, with parameters that the seed alone decides, and the cache of its features if it has one.

    ``poses``: of the videos, where it takes any.
    """
    wanted = config.encoder
    backbone = make_backbone(config, cache)
    torch.manual_seed(config.seed + 1)
    encoder = FrameEncoder(wanted, backbone=backbone)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        for name, part in encoder.named_children():
            if name != "backbone" or wanted.trainable != "frozen":
                share_batch_norms(part, chosen_device())
    if wanted.trainable != "frozen":
        return encoder, None
    root, given = (cache.root, cache.augment) if isinstance(cache, FeatureCache) else (cache, None)
    if given is None and config.views.pipeline != "ssl":
        given = functools.partial(augment, pipeline=config.views.pipeline)
    assert config.copies != "auto"  # `settled` put a number there
    pictures = FeatureCache(root, backbone, wanted.sampling, config.copies, given, flip=config.views.flip)
    if poses is None:
        return encoder, pictures
    encoder.pose_space = poses.space
    return encoder, poses.behind(pictures)
