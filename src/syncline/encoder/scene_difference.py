"""Whether clips show one scene or several: the share of the variance of features between clips.

It is .71 on golf swings of many people, .75 on pull-ups, .62 on talking heads, .35 on rendered videos of the demo,
which differ in colour and light, and .14 to .25 on three sets of robot takes in one room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from syncline.data import Video
from syncline.encoder.feature_cache import FeatureCache
from syncline.errors import SynclineError

DIFFERENT_SCENES = 0.3
"""Share of the variance between clips from which on scenes count as different."""
_PROBED_CLIPS, _PROBED_FRAMES = 24, 6


def scene_difference(features: Sequence[NDArray[np.float32]]) -> float:
    """Share of the variance of features that lies between clips, in [0, 1]: how different the scenes of a folder are.

    Args:
        features: (t, f) of some frames of each clip.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> clips = [rng.normal(size=(6, 40)).astype(np.float32) + 3 * rng.normal(size=40) for _ in range(8)]
        >>> scene_difference(clips) > 0.8, scene_difference([clip - clip.mean(axis=0) for clip in clips]) < 0.01
        (True, True)
    """
    mean = np.concatenate(features).mean(axis=0)
    total = sum(float(np.square(clip - mean).sum()) for clip in features)
    between = sum(len(clip) * float(np.square(clip.mean(axis=0) - mean).sum()) for clip in features)
    return between / total if total > 0 else 0.0


def probed(videos: Sequence[Video], cache: FeatureCache) -> list[NDArray[np.float32]]:
    """Features of a few frames of a few clips, spread over the folder; clips that cannot be read are left out."""
    chosen = np.unique(np.linspace(0, len(videos) - 1, min(len(videos), _PROBED_CLIPS)).round().astype(int))
    found = []
    for number in chosen:
        video = videos[int(number)]
        frames = np.arange(video.num_frames) if video.frames is None else video.frames
        if video.span is not None:
            frames = frames[video.span[0] : video.span[1]]
        few = frames[np.linspace(0, len(frames) - 1, min(len(frames), _PROBED_FRAMES)).round().astype(int)]
        try:
            found.append(np.asarray(cache.features(replace(video, frames=few)).features[0], dtype=np.float32))
        except SynclineError:
            continue
    return found or [np.zeros((1, 1), np.float32)]
