"""Pins: pairs of frames that must match, and the cells that this forbids to an alignment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Pins = Mapping[tuple[int, int], NDArray[np.int64]]
"""(i, j) with i < j -> (k, 2) frames of sequences i and j that must match, ascending in both columns."""


def pin_similarity(
    similarity: Tensor, pairs: NDArray[np.int64], *, gap_open: float, gap_extend: float, gamma: float
) -> Tensor:
    """The similarity (n, m) with all cells at -inf that contradict a pin, and the pins worth every gap.

    A pin (a, b) closes row a and column b but for their crossing, and what lies before a and after b, or after a and
    before b.
    """
    n, m = similarity.shape
    allowed = allowed_cells(n, m, pairs)
    result = similarity.where(torch.from_numpy(allowed), -torch.inf)
    worth = 2 * gap_open + gap_extend * (n + m) + 50 * gamma
    result[pairs[:, 0], pairs[:, 1]] = worth
    return result


def allowed_cells(n: int, m: int, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, m) cells that no pin forbids."""
    i, j = np.arange(n)[:, None], np.arange(m)[None]
    allowed = np.ones((n, m), dtype=np.bool_)
    for a, b in pairs:
        allowed &= np.sign(i - a) == np.sign(j - b)
    return allowed


def checked_pins(pair: tuple[int, int], frames: NDArray[np.int64], lengths: tuple[int, ...]) -> NDArray[np.int64]:
    i, j = pair
    found = np.asarray(frames, dtype=np.int64).reshape(-1, 2)
    if not 0 <= i < j < len(lengths):
        raise ValueError(f"pins are given for (i, j) with i < j among {len(lengths)} sequences, got {pair}")
    if len(found) and ((found < 0).any() or (found >= [lengths[i], lengths[j]]).any()):
        raise ValueError(f"a pin of sequences {pair} lies outside them: {found.tolist()}")
    if (np.diff(found, axis=0) <= 0).any():
        raise ValueError(f"pins of sequences {pair} cross or double: {found.tolist()}")
    return found


def pins_of(pins: Pins, i: int, j: int) -> NDArray[np.int64] | None:
    """(k, 2) frames of i and of j that are pinned to each other; None for none."""
    pairs = pins.get((min(i, j), max(i, j)))
    return pairs if pairs is None or i < j else pairs[:, ::-1]
