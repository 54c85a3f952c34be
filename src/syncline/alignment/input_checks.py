"""Checks the inputs of every operator (shapes, dtypes, devices, values) and reads gaps of any shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import torch
from torch import Tensor

Lengths = Tensor | Sequence[int] | None

_COMPUTED_IN = {
    torch.float64: torch.float64,
    torch.float32: torch.float32,
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
}


def as_matrix(matrix: Tensor, name: str) -> Tensor:
    """A (b, n, m) floating tensor in the dtype it is computed in: half precision becomes float32.

    Raises:
        TypeError: not a tensor, or not of a floating dtype.
        ValueError: not three axes.
    """
    if not isinstance(matrix, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor of shape (b, n, m), got {type(matrix).__name__}")
    if matrix.dim() != 3:
        raise ValueError(f"{name} must have shape (b, n, m), got {tuple(matrix.shape)}")
    if matrix.dtype not in _COMPUTED_IN:
        raise TypeError(f"{name} must be float16, bfloat16, float32 or float64, got {matrix.dtype}")
    return matrix.to(_COMPUTED_IN[matrix.dtype])


def as_gap(gap: float | Tensor, name: str, matrix: Tensor) -> Tensor:
    """A gap of any accepted shape as a tensor that broadcasts with (b, n, m): each axis is full or 1.

    A scalar is one price for all; one axis is always (b,), a price a pair; two axes are (n, m), (n, 1) or (1, m),
    shared by all pairs; three are (b, n, m) with any axis 1.

    Raises:
        TypeError: neither a number nor a floating tensor.
        ValueError: the shape does not fit, the device is another one, or a number is not finite (of a tensor that is
            found in `check_values`, once its lengths are known).
    """
    b, n, m = matrix.shape
    if isinstance(gap, bool) or not isinstance(gap, (int, float, Tensor)):
        raise TypeError(f"{name} must be a number or a tensor, got {type(gap).__name__}")
    if not isinstance(gap, Tensor):
        if gap != gap or gap in (float("inf"), float("-inf")):
            raise ValueError(f"{name} must be finite, got {gap}")
        return torch.full((1, 1, 1), float(gap), dtype=matrix.dtype, device=matrix.device)
    if not gap.is_floating_point():
        raise TypeError(f"{name} must be of a floating dtype, got {gap.dtype}")
    if gap.device != matrix.device and gap.dim() > 0:
        raise ValueError(f"{name} is on {gap.device}, the matrix on {matrix.device}")
    shape = tuple(gap.shape)
    if gap.dim() == 0:
        gap = gap.reshape(1, 1, 1)
    elif gap.dim() == 1:
        gap = gap.reshape(-1, 1, 1)
    elif gap.dim() == 2:
        gap = gap.unsqueeze(0)
    if gap.dim() != 3 or any(have not in (1, full) for have, full in zip(gap.shape, (b, n, m))):
        raise ValueError(
            f"{name} has shape {shape}, which does not fit a matrix of shape (b, n, m) = {(b, n, m)}: give a number, "
            "(b,), (n, m), (n, 1), (1, m) or (b, n, m)"
        )
    return gap.to(device=matrix.device, dtype=matrix.dtype)


def as_gamma(gamma: float | Tensor) -> float:
    """A temperature: a finite number above 0.

    Raises:
        TypeError: not one number.
        ValueError: not finite, or not above 0.
    """
    if isinstance(gamma, Tensor) and gamma.numel() != 1:
        raise TypeError(f"gamma must be one number, got a tensor of shape {tuple(gamma.shape)}")
    value = float(gamma)
    if not 0 < value < float("inf"):
        raise ValueError(f"gamma must be finite and above 0, got {value}")
    return value


def as_step_weights(weights: Sequence[float]) -> tuple[float, float, float]:
    """Checks the factors of the cost for a step in both videos, in the first, and in the second alone.

    Raises:
        ValueError: not three finite numbers above 0.
    """
    given = tuple(float(weight) for weight in weights)
    if len(given) != 3 or not all(0 < weight < float("inf") for weight in given):
        raise ValueError(f"step_weights must be three finite numbers above 0, got {given}")
    return given


def as_lengths(lengths: Lengths, name: str, b: int, limit: int, device: torch.device) -> Tensor | None:
    """Lengths (b,) int64 on `device`, or None for "all are full".

    Raises:
        TypeError: not whole numbers.
        ValueError: not one a pair, or a value outside [0, limit].
    """
    if lengths is None:
        return None
    given = torch.as_tensor(lengths)
    if given.numel() == 0:
        given = given.to(torch.int64)
    if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
        raise TypeError(f"{name} must be whole numbers, got {given.dtype}")
    if tuple(given.shape) != (b,):
        raise ValueError(f"{name} must have shape (b,) = ({b},), got {tuple(given.shape)}")
    if torch.compiler.is_compiling() or in_transform():  # values are unknown, and no kernel may leave its arrays
        given = given.clamp(0, limit)
    elif b:
        low, high = int(given.min()), int(given.max())
        if low < 0 or high > limit:
            raise ValueError(f"{name} must lie in [0, {limit}], got {low if low < 0 else high}")
    return given.to(device=device, dtype=torch.int64)


def learns(gamma: float | Tensor) -> TypeGuard[Tensor]:
    """Whether a temperature is a tensor that asks for a gradient.

    Such a one is divided out: every operator has value(S, gamma) = gamma value(S / gamma, 1), gaps and costs alike, so
    autograd gives the gradient through the two factors.
    """
    return isinstance(gamma, Tensor) and gamma.requires_grad and torch.is_grad_enabled()


def times(values: Tensor, factor: Tensor) -> Tensor:
    """values * factor where values are finite, unchanged elsewhere; what is not finite reaches no gradient."""
    finite = values.isfinite()
    return torch.where(finite, values.masked_fill(~finite, 0.0) * factor, values.detach())


def check_values(
    matrix: Tensor,
    name: str,
    lengths_x: Tensor | None,
    lengths_y: Tensor | None,
    *,
    forbidden: float,
    gaps: Mapping[str, Tensor] | None = None,
) -> None:
    """Finds numbers inside the lengths that mean nothing. Does nothing where values cannot be looked at: in a compiled
    caller and in transforms of `torch.func`.

    Args:
        forbidden: the infinity that forbids a cell: minus infinity of a similarity, infinity of a cost.
        gaps: prices by name, which must be finite.

    Raises:
        ValueError: NaN, or the other infinity; the message names the cell.
    """
    if torch.compiler.is_compiling() or in_transform():
        return
    inside = valid_cells(matrix, lengths_x, lengths_y)
    bad = ~matrix.isfinite() & (matrix != forbidden)
    _refuse_first(matrix, bad if inside is None else bad & inside, name, f"finite, or {forbidden} to forbid a match")
    for gap_name, gap in (gaps or {}).items():
        bad = ~gap.isfinite()
        if inside is not None and gap.shape[1] * gap.shape[2] > 1:
            gap, bad = gap.expand(matrix.shape), bad.expand(matrix.shape) & inside
        _refuse_first(gap, bad, gap_name, "finite")


def _refuse_first(values: Tensor, bad: Tensor, name: str, expected: str) -> None:
    if bool(bad.any()):
        cell = tuple(int(i) for i in bad.nonzero()[0])
        where = f" at {list(cell)}" if values.numel() > 1 else ""
        raise ValueError(f"{name} must be {expected}, got {values[cell].item()}{where}")


def in_transform() -> bool:
    """Whether a transform of `torch.func` (vmap, grad, jvp, ...) is at work: PyTorch alone can follow it."""
    return bool(torch._C._are_functorch_transforms_active())


def valid_cells(matrix: Tensor, lengths_x: Tensor | None, lengths_y: Tensor | None) -> Tensor | None:
    """(b, n, m) bool, true inside the lengths; None where nothing is cut off."""
    if lengths_x is None and lengths_y is None:
        return None
    b, n, m = matrix.shape
    inside = torch.ones((b, n, m), dtype=torch.bool, device=matrix.device)
    if lengths_x is not None:
        inside = inside & (torch.arange(n, device=matrix.device)[None, :, None] < lengths_x[:, None, None])
    if lengths_y is not None:
        inside = inside & (torch.arange(m, device=matrix.device)[None, None, :] < lengths_y[:, None, None])
    return inside
