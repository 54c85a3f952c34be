"""Masks and bands: which cells of a matrix an alignment may use (band of Sakoe and Chiba 1978).

The line runs from corner to corner of the valid frames. A cell (i, j) is in the band if

    |i (m - 1) - j (n - 1)| <= max(band min(n - 1, m - 1), max(n - 1, m - 1) / 2)

so ``band`` counts frames of the longer video to either side, the two videos may change places, and every band, even of
0, has a path: it always reaches half of what one frame of the shorter video stands for in the longer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from syncline.alignment.input_checks import valid_cells
from syncline.alignment.numba_compiled import compiled


@compiled
def band_columns(i: int, n: int, m: int, band: int) -> tuple[int, int]:
    """First column of row i in the band, and the one after its last; all columns where the band is negative."""
    if band < 0 or n == 1:
        return 0, m
    reach = max(2 * band * min(n - 1, m - 1), max(n - 1, m - 1))
    middle, step = 2 * i * (m - 1), 2 * (n - 1)
    return max(0, -((reach - middle) // step)), min(m, (middle + reach) // step + 1)


def check_band(band: int | None) -> int:
    """The band as the kernels take it: -1 for none.

    Raises:
        TypeError: not a whole number.
        ValueError: below 0.
    """
    if band is None:
        return -1
    if isinstance(band, bool) or not isinstance(band, int):
        raise TypeError(f"band must be a whole number of frames or None, got {band!r}")
    if band < 0:
        raise ValueError(f"band must be at least 0, got {band}")
    return band


def band_cells(matrix: Tensor, band: int, lengths_x: Tensor | None, lengths_y: Tensor | None) -> Tensor:
    """The cells of `band_columns` as (b | 1, n, m) bool."""
    _, n, m = matrix.shape
    device = matrix.device
    lx = torch.tensor([n], device=device) if lengths_x is None else lengths_x
    ly = torch.tensor([m], device=device) if lengths_y is None else lengths_y
    last_x, last_y = (lx - 1).clamp(min=0)[:, None, None], (ly - 1).clamp(min=0)[:, None, None]
    reach = torch.maximum(2 * band * torch.minimum(last_x, last_y), torch.maximum(last_x, last_y))
    rows, columns = torch.arange(n, device=device)[:, None], torch.arange(m, device=device)
    return 2 * (rows * last_y - columns * last_x).abs() <= reach


def as_mask(allowed: Tensor | None, matrix: Tensor) -> Tensor | None:
    """A mask of allowed cells that broadcasts with (b, n, m).

    Raises:
        TypeError: not a tensor of bool.
        ValueError: the shape does not fit, or the device is another one.
    """
    if allowed is None:
        return None
    if not isinstance(allowed, Tensor) or allowed.dtype != torch.bool:
        kind = allowed.dtype if isinstance(allowed, Tensor) else type(allowed).__name__
        raise TypeError(f"allowed must be a tensor of bool, true where a match may be, got {kind}")
    mask = allowed.unsqueeze(0) if allowed.dim() == 2 else allowed
    if mask.dim() != 3 or any(have not in (1, full) for have, full in zip(mask.shape, matrix.shape)):
        raise ValueError(
            f"allowed has shape {tuple(allowed.shape)}, which does not fit a matrix of shape {tuple(matrix.shape)}: "
            "give (n, m) or (b, n, m)"
        )
    if mask.device != matrix.device:
        raise ValueError(f"allowed is on {mask.device}, the matrix on {matrix.device}")
    return mask


def restricted(
    matrix: Tensor,
    forbidden: float,
    band: int,
    allowed: Tensor | None,
    lengths_x: Tensor | None,
    lengths_y: Tensor | None,
) -> Tensor:
    """The matrix with ``forbidden`` where a band or a mask lets no alignment in; itself where there is neither."""
    if band >= 0:
        closed = ~band_cells(matrix, band, lengths_x, lengths_y)
        inside = valid_cells(matrix, lengths_x, lengths_y)
        matrix = matrix.masked_fill(closed if inside is None else closed & inside, forbidden)
    return matrix if allowed is None else matrix.masked_fill(~allowed, forbidden)
