"""The controls of every table: what a trained encoder has to beat.

time-only       the position code of the clip's own time: no picture at all
untrained       the same encoder with its initial weights
frozen          features of the frozen backbone, standardised, first 128 principal directions of the training frames
frozen + time   both side by side, each scaled to rows of length 1 in the root mean square
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from syncline.encoder import EncoderConfig, FeatureCache, FrameEncoder, embed_features
from syncline.encoder.frame_positions import sinusoidal_code
from syncline.encoder.frozen_features import PRINCIPAL_DIM
from syncline.encoder.principal_space import PrincipalSpace
from syncline.evaluation.metric_inputs import Array
from syncline.evaluation.protocols import Clip

Embed = Callable[[Sequence[Clip]], list[Array]]
"""Clips -> one (t, d) array each."""
CONTROLS = ("time-only", "untrained", "frozen", "frozen + time")
NAMES_OF_0_1 = {"time only": "time-only"}
"""Controls as version 0.1.0 called them: in results, and still understood."""


def embed_with(encoder: FrameEncoder) -> Embed:
    """Embeddings of an encoder."""
    return lambda clips: [embed_features(encoder, clip.features, steps=clip.steps) for clip in clips]


def time_only(clips: Sequence[Clip], *, dim: int = 256) -> list[Array]:
    """PE(linspace(0, 31, t)): (t, dim) a clip.

    Examples:
        >>> clip = Clip("a", "a", "a", np.zeros((3, 2)), np.arange(3.0), np.zeros(3, int), np.arange(3.0))
        >>> time_only([clip])[0].shape
        (3, 256)
    """
    return [sinusoidal_code(torch.linspace(0, 31, len(clip))[None], dim)[0].numpy() for clip in clips]


def untrained(config: EncoderConfig, cache: FeatureCache, fit: Sequence[Clip], *, seed: int) -> Embed:
    """The encoder of a configuration before its first step; `fit`: the clips that it would be trained on."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        encoder = FrameEncoder(config, backbone=cache.backbone).eval()
    finally:
        torch.set_rng_state(state)
    encoder.calibrate([clip.features for clip in fit])
    return embed_with(encoder)


def frozen(fit: Sequence[Clip], *, dim: int = PRINCIPAL_DIM) -> Embed:
    """Standardised features on the first principal directions of `fit`."""
    space = PrincipalSpace.fit([clip.features for clip in fit], dim)
    return lambda clips: [space.project(clip.features).numpy() for clip in clips]


def frozen_and_time(frozen_features: Embed, fit: Sequence[Clip]) -> Embed:
    """Both controls side by side, each divided by its root mean square length over `fit`."""
    lengths = [np.sqrt(np.mean(np.sum(np.concatenate(e(fit)) ** 2, axis=1))) for e in (frozen_features, time_only)]

    def embed(clips: Sequence[Clip]) -> list[Array]:
        pairs = zip(frozen_features(clips), time_only(clips))
        return [np.concatenate([a / lengths[0], b / lengths[1]], axis=1).astype(np.float32) for a, b in pairs]

    return embed


def make_controls(
    config: EncoderConfig, cache: FeatureCache, fit: Sequence[Clip], *, seed: int = 0, names: Sequence[str] = CONTROLS
) -> dict[str, Embed]:
    """The controls by name; `fit`: the training clips, whole.

    Raises:
        ValueError: no control of that name.
    """
    features = functools.cache(lambda: frozen(fit))  # both rows stand on one
    made: dict[str, Any] = {
        "time-only": lambda: time_only,
        "untrained": lambda: untrained(config, cache, fit, seed=seed),
        "frozen": features,
        "frozen + time": lambda: frozen_and_time(features(), fit),
    }
    names = [NAMES_OF_0_1.get(name, name) for name in names]
    unknown = [name for name in names if name not in made]
    if unknown:
        raise ValueError(f"no control {unknown[0]!r}; there are {', '.join(made)}")
    return {name: made[name]() for name in names}
