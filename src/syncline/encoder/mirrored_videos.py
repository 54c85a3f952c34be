"""Finds videos that match the others better when mirrored (left-handers, the other side), from cached features.

Mirroring the pooled feature map of a picture gives nearly the features of the mirrored picture: on golf swings the
embeddings of the two have a cosine of .83 to .95 (.38 to .53 without mirroring). So a mirror image needs no decoding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from syncline.data import Embedding, Video
from syncline.errors import SynclineError

if TYPE_CHECKING:
    from syncline.encoder.feature_cache import FeatureCache
    from syncline.encoder.principal_space import PrincipalSpace

JUDGES = 24
"""Videos that each one is compared with, at most."""
_FRAMES = 150
LEAST, POORLY, CLEARLY = 0.1, 0.8, 1.3
"""A video is turned if it matches poorly (upper quartile of its match scores below this share of the usual one), and if
its mirror image matches clearly better (by this factor), and not by next to nothing. Of 27 golf swings none is turned
as they are; of the same, each turned by itself, 19 are turned back.
"""


def mirrored_rows(rows: np.ndarray[Any, Any], channels: int, grid: int) -> np.ndarray[Any, Any]:
    """Pooled maps (t, channels grid grid) of pictures, as those of the pictures in a mirror.

    Examples:
        >>> mirrored_rows(np.arange(8).reshape(1, 8), 2, 2).tolist()
        [[1, 0, 3, 2, 5, 4, 7, 6]]
    """
    maps = np.asarray(rows).reshape(len(rows), channels, grid, grid)
    return np.ascontiguousarray(maps[..., ::-1]).reshape(len(rows), -1)


def turned_videos(embeddings: Sequence[Embedding], mirrored: Callable[[int], Embedding]) -> dict[int, Embedding]:
    """Which videos match the others clearly better in a mirror, and their embeddings there.

    Args:
        embeddings: of a folder; of fewer than four videos none is turned.
        mirrored: the embedding of a video's mirror image, by index.
    """
    from syncline.alignment.centring import centred_similarity, thinned
    from syncline.alignment.inference import match_score

    judges = [i for i in range(len(embeddings)) if len(embeddings[i]) > 1]
    if len(judges) < 4:
        return {}
    judges = [judges[k] for k in np.unique(np.linspace(0, len(judges) - 1, JUDGES).round().astype(int))]

    thin = [thinned(embedding.vectors, _FRAMES) for embedding in embeddings]

    def quartile(embedding: Embedding, own: int) -> float:
        rows = thinned(embedding.vectors, _FRAMES)
        scores = [match_score(centred_similarity(rows, thin[z])) for z in judges if z != own]
        return float(np.quantile(scores, 0.75))

    asked = [i for i in range(len(embeddings)) if len(embeddings[i]) > 1]
    plain = {i: quartile(embeddings[i], i) for i in asked}
    usual = float(np.quantile([plain[i] for i in asked], 0.65))
    found = {}
    for i in asked:
        if plain[i] < POORLY * usual:
            other = mirrored(i)
            if quartile(other, i) >= max(LEAST, CLEARLY * plain[i]):
                found[i] = other
    return found


def turned_back(
    videos: Sequence[Video], embeddings: Sequence[Embedding], cache: FeatureCache, space: PrincipalSpace
) -> tuple[list[Embedding], list[int]]:
    """Frozen embeddings of a folder with those in a mirror that match the others so, and which these are.

    Args:
        videos, embeddings: of the folder. cache: of the features that the embeddings were made of. space: by which.

    Raises:
        SynclineError: features that are no grid.
    """
    about = cache.described
    if about.grid is None or about.grid < 2:
        raise SynclineError(f"--mirror auto needs features in a grid, {about.name} gives one vector a picture")
    grid = about.grid
    channels = about.dim // grid**2

    def mirrored(i: int) -> Embedding:
        rows = mirrored_rows(cache.features(videos[i]).features[0], channels, grid)
        return Embedding(space.project(rows).numpy(), embeddings[i].pts_seconds, embeddings[i].source)

    turned = turned_videos(embeddings, mirrored)
    return [turned.get(i, embedding) for i, embedding in enumerate(embeddings)], sorted(turned)
