"""``search --image``: checks by which features a picture alone can be compared."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.cli.embedding_options import Embedder
from syncline.cli.terminal import warn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from syncline.data import VideoSet

_LOOKED_AT = 3  # videos, to tell whether a folder has colours


def embedder_for_picture(arguments: argparse.Namespace, videos: VideoSet) -> tuple[Embedder, bool]:
    """The embedder that --image is compared by, and whether it is that of all other queries.

    A run that looks at neighbours gives way to frozen features: a picture has none. A picture without colours is
    compared with the frames without theirs, which takes features of their own.
    """
    from syncline.encoder.colourless_backbone import is_colourless
    from syncline.video.picture_file import read_still

    usual = Embedder.of(arguments)
    grey = is_colourless(read_still(arguments.image)) and not all(is_colourless(one) for one in _some(videos))
    config = None if usual.encoder is None else usual.encoder.config
    if config is not None and (config.contexts > 1 or config.temporal != "none"):
        warn(f"the run looks at frames together and {arguments.image} is one: frozen features compare them")
    elif not grey:
        return usual, True
    if grey:
        warn(f"{arguments.image} has no colours: it is compared with the frames without theirs, by frozen features")
    return _frozen(arguments, usual, grey), False


def _frozen(arguments: argparse.Namespace, usual: Embedder, grey: bool) -> Embedder:
    from syncline.data import Sampling
    from syncline.encoder import FeatureCache
    from syncline.encoder.colourless_backbone import ColourlessBackbone
    from syncline.encoder.deferred_backbone import frozen_backbone

    backbone = frozen_backbone() if usual.cache is None else usual.cache.described
    sampling = None if usual.rate is None else Sampling(usual.rate)
    seen = ColourlessBackbone(backbone) if grey else backbone
    folder = None if grey else Path(arguments.source)
    return Embedder(FeatureCache(arguments.cache, seen, sampling), None, usual.rate, folder=folder)


def _some(videos: VideoSet) -> list[NDArray[np.uint8]]:
    """A picture out of the middle of the first few videos."""
    from syncline.video import VideoReader

    readers = [VideoReader(video.path) for video in list(videos)[:_LOOKED_AT]]
    return [reader.frames([reader.num_frames // 2]).pixels[0] for reader in readers]
