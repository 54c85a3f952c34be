"""Entry to the vector kernel: on which machines and inputs it is used, and tensors to arrays.

Float32 on CPU. Inputs out of its range (a gap beyond 80 gamma, a similarity above some 700,000 gamma, NaN or infinity)
are refused, once a call, and the caller takes the scalar kernel. A similarity of minus infinity is served.
"""

from __future__ import annotations

import functools
import platform
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.backend import not_compiled
from syncline.alignment.batch_threads import in_slices
from syncline.alignment.numba_compiled import NUMBA_MISSING
from syncline.alignment.soft_smith_waterman import scalar
from syncline.alignment.soft_smith_waterman.vector.kernel_tuples import FAINTEST, Problem

MOST = 80.0
"""Largest gap / gamma: exp(-gap / gamma) and its products with mantissas stay normal float32 numbers."""
MOST_VARYING = 10.0
"""The same where gaps vary over columns: there a skip along the row may be lost beside a cheaper one from above."""
LEAST = -20.0
COLDEST, HOTTEST = 1e-30, 1e25
"""Between these gammas 1 / gamma and 2^30 gamma are float32 numbers."""


class Rows(NamedTuple):
    """What the forward pass keeps for the backward: log2 of each pair's sum, and the row above every strip."""

    whole: NDArray[np.float64]
    edge: NDArray[np.float32]
    level: NDArray[np.int32]


def flat(tensor: Tensor) -> NDArray[Any]:
    """One axis, without gaps: the kernels read vectors from memory, so a view of an expanded tensor will not do."""
    array: NDArray[Any] = tensor.detach().contiguous().numpy()
    return array.reshape(-1)  # numpy's takes a sixth of torch's time, which counts on small inputs


@functools.cache
def why_not() -> str:
    """Why the vector kernel cannot be used on this machine; empty where it can. Compiles and tries it."""
    if NUMBA_MISSING:
        return NUMBA_MISSING
    try:
        missing = missing_instructions()
        return missing or _wrong_results()
    except Exception as error:  # whatever a compiler of another version raises: the scalar kernel is there
        return not_compiled(error)


def missing_instructions() -> str:
    """Why this processor cannot run the vector kernels; empty where it can."""
    import llvmlite.binding as llvm

    if platform.machine() in ("aarch64", "arm64"):
        return ""
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"it is not tried on {platform.machine()}"
    features = llvm.get_host_cpu_features()
    missing = [name for name in ("avx2", "fma") if not features.get(name)]
    return f"this processor has no {' and no '.join(missing)}" if missing else ""


def _wrong_results() -> str:
    """Compares with the scalar kernel on a pair of strips and a bit."""
    generator = torch.Generator().manual_seed(0)
    s = 3 * torch.randn((2, 19, 21), generator=generator)
    gap = torch.ones(1, 1, 1)
    lengths = torch.tensor([19, 11]), torch.tensor([21, 20])
    got = forward(s, gap, gap / 2, 0.5, *lengths, want_scores=True, keep=True)
    if got is None:
        return "it refuses a harmless input"
    score, _, rows = got
    ds, dgo, dge = gradient(s, gap, gap / 2, 0.5, *lengths, torch.ones(2), None, rows)
    want = torch.empty(2), torch.zeros_like(s), torch.zeros(2, 1, 1), torch.zeros(2, 1, 1)
    lx, ly = (length.numpy() for length in lengths)
    pairs = scalar.Pairs(s.numpy(), gap.numpy(), gap.numpy() / 2, lx, ly, 0.5)
    nothing = np.zeros((0, 0, 0))
    scalar.forward(pairs, want[0].numpy(), nothing, 0, 2)
    scalar.gradient(pairs, np.ones(2, np.float32), nothing, tuple(t.numpy() for t in want[1:]), 0, 2)
    worst = max(float((a - b).abs().max()) for a, b in zip((score, ds, dgo, dge), want))
    return "" if worst < 1e-4 else f"its results differ from the scalar kernel's by {worst:.1e}"


def _in_range(gap: Tensor, gamma: float, most: float) -> bool:
    if gap.numel() == 0:
        return True
    if gap.numel() == 1:
        return LEAST <= gap.item() / gamma <= most
    low, high = gap.aminmax()
    return bool(low.item() >= LEAST * gamma and high.item() <= most * gamma)


def _in_reach(go: Tensor, ge: Tensor, gamma: float) -> bool:
    """Whether gamma, and the gaps over it, are in the kernel's range."""
    if not COLDEST <= gamma <= HOTTEST:
        return False
    most = MOST_VARYING if max(go.shape[2], ge.shape[2]) > 1 else MOST
    return _in_range(go, gamma, most) and _in_range(ge, gamma, most)


def _gaps(s: Tensor, go: Tensor, ge: Tensor, varying: bool = False) -> tuple[Any, ...]:
    """Flat gaps, the strides of each over pairs and rows, and the mark of gaps that vary over columns."""
    m = s.shape[2]
    varying = varying or go.shape[2] > 1 or ge.shape[2] > 1
    arrays, strides = [], []
    for gap in (go, ge):
        gap = gap.expand(-1, -1, m).contiguous() if varying else gap
        arrays.append(flat(gap))
        row = gap.shape[2] if gap.shape[1] > 1 else 0
        strides.append((gap.shape[1] * gap.shape[2] if gap.shape[0] > 1 else 0, row))
    return tuple(arrays), tuple(strides), np.zeros(1, np.float32) if varying else None


def forward(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, *, want_scores: bool, keep: bool
) -> tuple[Tensor, Tensor, Rows] | None:
    """score (b,), D (b, n, m) or an empty tensor, and rows (useful with ``keep``); None where out of range."""
    from syncline.alignment.soft_smith_waterman.vector import forward as forward_pass

    if not _in_reach(go, ge, gamma):
        return None
    b, n, m = s.shape
    score, scores = s.new_empty(b), s.new_empty(s.shape if want_scores else (0, 0, 0))
    width, strips = m + 48, (n + 15) // 16 if keep else 1
    rows = Rows(
        np.empty(b), np.empty(b * strips * 2 * width, np.float32), np.empty(b * strips * width, np.int32)
    )  # fmt: skip
    gaps, strides, varying = _gaps(s, go, ge)
    problem = Problem((b, n, m), (flat(s), *gaps), strides, varying, flat(lx), flat(ly), gamma)
    arguments = (problem, flat(score), flat(scores) if want_scores else None, rows, keep)
    good: list[bool] = []
    in_slices(lambda i, j: good.append(forward_pass.forward(*arguments, i, j)), b, b * n * m)
    faint = (rows.whole < FAINTEST) & (lx * ly > 0).numpy()
    return (score, scores, rows) if all(good) and not faint.any() else None


def gradient(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None,
    rows: Rows,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of sum(g * score) + sum(upstream * D), (b, n, m) and (b, n|1, m|1) a gap, from what `forward` kept."""
    from syncline.alignment.soft_smith_waterman.vector import backward

    b, n, m = s.shape
    ds = s.new_empty(s.shape)
    gaps, strides, varying = _gaps(s, go, ge)
    shapes = [(b, n, m) if varying is not None else (b, gap.shape[1], 1) for gap in (go, ge)]
    dgo, dge = s.new_zeros(shapes[0]), s.new_zeros(shapes[1])
    problem = Problem((b, n, m), (flat(s), *gaps), strides, varying, flat(lx), flat(ly), gamma)
    ups = None if upstream is None else flat(upstream)
    arguments = (problem, rows, flat(g), ups, flat(ds), (flat(dgo), flat(dge)))
    in_slices(lambda i, j: backward.backward(*arguments, i, j), b, b * n * m)
    return ds, _summed(dgo, go), _summed(dge, ge)


def tangent(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None,
    ts: Tensor, tgo: Tensor, tge: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor] | None:  # fmt: skip
    """Derivatives along (ts, tgo, tge) of the score, of D (empty without upstream) and of what `gradient` gives.

    tgo, tge: (b, n|1, m|1). None where out of range.
    """
    from syncline.alignment.soft_smith_waterman.vector import tangent as tangent_pass

    if not _in_reach(go, ge, gamma):
        return None
    b, n, m = s.shape
    score, ds, whole = s.new_empty(b), s.new_empty(s.shape), np.empty(b)
    scores = s.new_zeros(s.shape if upstream is not None else (0, 0, 0))
    gaps, strides, varying = _gaps(s, go, ge)
    along, along_strides, _ = _gaps(s, tgo / gamma, tge / gamma, varying is not None)
    dgo, dge = (s.new_zeros((b, n, m) if varying is not None else (b, gap.shape[1], 1)) for gap in (go, ge))
    inputs = (flat(s), flat(ts), *gaps, *along)
    problem = Problem((b, n, m), inputs, (*strides, *along_strides), varying, flat(lx), flat(ly), gamma)
    ups, scores_out = (None, None) if upstream is None else (flat(upstream), flat(scores))
    arguments = (problem, flat(g), ups, whole, flat(score), scores_out, (flat(ds), (flat(dgo), flat(dge))))
    good: list[bool] = []
    in_slices(lambda i, j: good.append(tangent_pass.tangent(*arguments, i, j)), b, b * n * m)
    if not all(good):
        return None
    return score * gamma, scores * gamma, ds, _summed(dgo, go), _summed(dge, ge)


def _summed(gradient: Tensor, gap: Tensor) -> Tensor:
    axes = [axis for axis in (1, 2) if gap.shape[axis] == 1 and gradient.shape[axis] != 1]
    return gradient.sum(dim=axes, keepdim=True) if axes else gradient
