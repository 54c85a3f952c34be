"""Checks what every metric takes: embeddings and labels, one array a video."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

Array = np.ndarray[Any, Any]
#: the source of one video, or a frozenset of several where a clip was put together from more than one
Group = Hashable


def as_embeddings(x: Sequence[Any], name: str = "x") -> list[Float64[np.ndarray, "t d"]]:
    """The embeddings as float64 arrays (t, d), one a video; tensors are welcome.

    ValueError where a video is not a matrix, widths differ, or a number is not finite.
    """
    arrays = [_numpy(video).astype(np.float64, copy=False) for video in x]
    for index, array in enumerate(arrays):
        if array.ndim != 2:
            raise ValueError(f"{name}[{index}] has shape {array.shape}; embeddings of one video are (t, d)")
        if array.shape[1] != arrays[0].shape[1]:
            raise ValueError(f"{name}[{index}] is {array.shape[1]} wide, {name}[0] is {arrays[0].shape[1]} wide")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}[{index}] holds numbers that are not finite")
    return arrays


def as_labels(y: Sequence[Any], x: Sequence[Array], name: str = "y") -> list[Int64[np.ndarray, " t"]]:
    """The labels as int64 arrays (t,), one a video of ``x``; negative means unknown."""
    if len(y) != len(x):
        raise ValueError(f"{len(x)} videos of embeddings, but {len(y)} of labels in {name}")
    labels = [_numpy(video) for video in y]
    for index, (label, video) in enumerate(zip(labels, x)):
        if label.ndim != 1 or len(label) != len(video):
            raise ValueError(f"{name}[{index}] has shape {label.shape}; the video has {len(video)} frames")
        if label.size and not (np.issubdtype(label.dtype, np.integer) or np.array_equal(label, np.rint(label))):
            raise ValueError(f"{name}[{index}] holds labels that are no whole numbers ({label.dtype})")
    return [label.astype(np.int64) for label in labels]


def known_frames(
    x: Sequence[Any], y: Sequence[Any], *, stride: int = 1, name: str = "x"
) -> tuple[list[Float64[np.ndarray, "t d"]], list[Int64[np.ndarray, " t"]]]:
    """Embeddings and labels of the frames whose label is known (>= 0), of these every ``stride``-th."""
    check_stride(stride)
    embeddings = as_embeddings(x, name)
    labels = as_labels(y, embeddings, name.replace("x", "y"))
    kept = [np.flatnonzero(label >= 0)[::stride] for label in labels]
    return [e[k] for e, k in zip(embeddings, kept)], [label[k] for label, k in zip(labels, kept)]


def sources_of(group: Group) -> frozenset[Hashable]:
    """All sources of a group."""
    return group if isinstance(group, frozenset) else frozenset([group])


def comparable(groups: Sequence[Group] | None, count: int) -> Bool[np.ndarray, "k k"]:
    """Which videos may be each other's neighbours: (k, k), True where the two are different and share no source.

    Examples:
        >>> comparable(["a", "a", "b"], 3).astype(int).tolist()
        [[0, 0, 1], [0, 0, 1], [1, 1, 0]]
        >>> comparable([frozenset("ab"), "a", "c"], 3).astype(int).tolist()
        [[0, 0, 1], [0, 0, 1], [1, 1, 0]]
    """
    if groups is None:
        return ~np.eye(count, dtype=bool)
    if len(groups) != count:
        raise ValueError(f"{count} videos, but {len(groups)} groups: one source id a video is needed")
    sources = [sources_of(group) for group in groups]
    allowed = [[i != j and not (sources[i] & sources[j]) for j in range(count)] for i in range(count)]
    return np.array(allowed, dtype=bool).reshape(count, count)


def check_stride(stride: int) -> None:
    if stride < 1:
        raise ValueError(f"stride is {stride}; it counts frames and is at least 1")


def first_videos(count: int, fraction: float) -> int:
    """How many training videos ``fraction`` means: max(1, int(fraction * count)), none of none."""
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}; it lies in (0, 1]")
    return min(count, max(1, int(fraction * count)))


def _numpy(value: Any) -> Array:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
