"""The public soft Smith-Waterman: score, the scores D of all cells, and the posterior probability of every match."""

from __future__ import annotations

from typing import Literal, overload

import torch
from torch import Tensor

from syncline.alignment.allowed_cells import as_mask, check_band, restricted
from syncline.alignment.backend import Backend, choose_backend
from syncline.alignment.input_checks import Lengths, as_gamma, as_gap, as_lengths, as_matrix, learns, times
from syncline.alignment.soft_smith_waterman import banded, numba_backend, torch_backend, triton_backend
from syncline.alignment.soft_smith_waterman.vector import vector_backend


@overload
def soft_smith_waterman(
    similarity: Tensor,
    *,
    gap_open: float | Tensor = ...,
    gap_extend: float | Tensor = ...,
    gamma: float | Tensor = ...,
    lengths_x: Lengths = ...,
    lengths_y: Lengths = ...,
    band: int | None = ...,
    allowed: Tensor | None = ...,
    return_matrix: Literal[False] = ...,
) -> Tensor: ...


@overload
def soft_smith_waterman(
    similarity: Tensor,
    *,
    gap_open: float | Tensor = ...,
    gap_extend: float | Tensor = ...,
    gamma: float | Tensor = ...,
    lengths_x: Lengths = ...,
    lengths_y: Lengths = ...,
    band: int | None = ...,
    allowed: Tensor | None = ...,
    return_matrix: Literal[True],
) -> tuple[Tensor, Tensor]: ...


def soft_smith_waterman(
    similarity: Tensor,
    *,
    gap_open: float | Tensor = 1.0,
    gap_extend: float | Tensor = 0.5,
    gamma: float | Tensor = 1.0,
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
    band: int | None = None,
    allowed: Tensor | None = None,
    return_matrix: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Soft local-alignment score of each pair, with affine gaps (soft Smith-Waterman).

    score = gamma log sum over all local alignments exp(value / gamma), where the value of an alignment is the sum of
    its matched similarities minus its gaps. The recursion stands at the head of `torch_backend`. For gamma -> 0 it
    becomes the largest value of a non-empty local alignment, which is negative where all similarities are.

    Args:
        similarity: (b, n, m), how well frame i of the first video fits frame j of the second; unrelated pairs should
            lie below 0, or the best alignment is a global one. Minus infinity forbids a match, with gradient 0 (skips
            over the cell stay possible). Half precision is computed and returned in float32.
        gap_open, gap_extend: price of the first and of each further skipped frame, in units of the similarity: a
            number, (b,), (n, m), (n, 1), (1, m) or (b, n, m). One axis is always (b,). May require grad.
        gamma: temperature, > 0, in units of the similarity. A tensor of one number may require grad.
        lengths_x, lengths_y: (b,) whole numbers, valid frames of each video; None: all.
        band: matches lie at most so many frames of the longer video off the straight line from corner to corner (see
            `allowed_cells`); None: anywhere. In float32 on CPU, with one price for all gaps of a pair and without the
            matrix, the time is in proportion to it.
        allowed: (n, m) or (b, n, m) bool, where a match may be; None: anywhere.
        return_matrix: return D as well. Leave it off where D is not needed: it is faster.

    Returns:
        score (b,), or (score, D) with D (b, n, m): the soft maximum over alignments that end with the match (i, j).
        D is minus infinity with zero gradient outside the lengths and of forbidden matches, as is the score of a pair
        with a length of 0 or without a match that is allowed (the empty alignment is not counted).

    Raises:
        TypeError: not a floating tensor, lengths not whole.
        ValueError: a shape, device, length or gamma that does not fit; NaN or infinity among the similarities or in
            a gap, inside the lengths. The message names it.

    Examples:
        >>> import torch
        >>> similarity = torch.tensor([[[2.0, 0.5, 0.1], [0.4, 1.5, 0.3]]])
        >>> score = soft_smith_waterman(similarity, gap_open=1.0, gap_extend=0.5, gamma=0.8)
        >>> round(score.item(), 4)
        3.7751
    """
    factor = gamma if learns(gamma) else None
    if factor is not None:
        similarity, gap_open, gap_extend = _over(factor, similarity, gap_open, gap_extend)
        gamma = 1.0
    inputs = _checked(similarity, gap_open, gap_extend, gamma, lengths_x, lengths_y, allowed)
    score, scores = _score_and_scores(inputs, check_band(band), return_matrix)
    if factor is not None:
        score, scores = times(score, factor), times(scores, factor) if return_matrix else scores
    return (score, scores) if return_matrix else score


def _score_and_scores(inputs: _Inputs, width: int, want_scores: bool) -> tuple[Tensor, Tensor]:
    backend = _backend(inputs[0])
    pairs = None if want_scores else _in_band(inputs, width, backend)
    if pairs is not None:
        return banded.score(*_with_lengths(inputs), width, pairs), inputs[0]
    inputs = _restricted(inputs, width)
    if backend == "triton":
        return triton_backend.score_and_scores(*inputs)
    if backend == "torch":
        return torch_backend.score_and_scores(*inputs)
    return numba_backend.score_and_scores(*_with_lengths(inputs), want_scores)


def expected_alignment(
    similarity: Tensor,
    *,
    gap_open: float | Tensor = 1.0,
    gap_extend: float | Tensor = 0.5,
    gamma: float | Tensor = 1.0,
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
    band: int | None = None,
    allowed: Tensor | None = None,
) -> Tensor:
    """Probability that frames i and j are matched, over all local alignments weighted by exp(value / gamma).

    Equals d score / d similarity of `soft_smith_waterman`, is exact, and is itself differentiable in the similarity and
    both gaps. Rows and columns sum to at most 1; the whole sums to the expected number of matches.

    Args:
        similarity, gap_open, gap_extend, gamma, lengths_x, lengths_y, band, allowed: as for `soft_smith_waterman`.

    Returns:
        (b, n, m) in [0, 1]; 0 outside the lengths and where a match is forbidden. Float32 for half precision.

    Raises:
        TypeError, ValueError: as `soft_smith_waterman`.

    Examples:
        >>> import torch
        >>> expected_alignment(10 * torch.eye(3, dtype=torch.float64)[None] - 5).round(decimals=2)[0].tolist()
        [[0.99, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.99]]
    """
    if learns(gamma):
        similarity, gap_open, gap_extend = _over(gamma, similarity, gap_open, gap_extend)
        gamma = 1.0
    inputs = _checked(similarity, gap_open, gap_extend, gamma, lengths_x, lengths_y, allowed)
    backend, width = _backend(inputs[0]), check_band(band)
    pairs = _in_band(inputs, width, backend)
    if pairs is not None:
        return banded.posterior(*_with_lengths(inputs), width, pairs)
    inputs = _restricted(inputs, width)
    if backend == "triton":
        return triton_backend.posterior(*inputs)
    if backend == "torch":
        return torch_backend.posterior(*inputs)
    return numba_backend.posterior(*_with_lengths(inputs))


def _over(
    gamma: Tensor, similarity: Tensor, gap_open: float | Tensor, gap_extend: float | Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Similarities and gaps over a temperature that learns."""
    as_gamma(gamma.detach())
    matrix = as_matrix(similarity, "similarity")
    factor = (1 / gamma).reshape(()).to(matrix)
    opening, extending = as_gap(gap_open, "gap_open", matrix), as_gap(gap_extend, "gap_extend", matrix)
    return times(matrix, factor), times(opening, factor), times(extending, factor)


_Inputs = tuple[Tensor, Tensor, Tensor, float, Tensor | None, Tensor | None]


def _checked(
    similarity: Tensor,
    gap_open: float | Tensor,
    gap_extend: float | Tensor,
    gamma: float | Tensor,
    lengths_x: Lengths,
    lengths_y: Lengths,
    allowed: Tensor | None,
) -> _Inputs:
    matrix = as_matrix(similarity, "similarity")
    b, n, m = matrix.shape
    lx = as_lengths(lengths_x, "lengths_x", b, n, matrix.device)
    ly = as_lengths(lengths_y, "lengths_y", b, m, matrix.device)
    opening, extending = as_gap(gap_open, "gap_open", matrix), as_gap(gap_extend, "gap_extend", matrix)
    matrix = restricted(matrix, -torch.inf, -1, as_mask(allowed, matrix), lx, ly)
    return matrix, opening, extending, as_gamma(gamma), lx, ly


def _in_band(inputs: _Inputs, width: int, backend: Backend) -> banded.Pairs | None:
    """The inputs of `banded`; None if there is no band, or its kernel cannot be used."""
    if width < 0 or backend != "vector":
        return None
    return banded.pairs_in_band(*_with_lengths(inputs), width)


def _restricted(inputs: _Inputs, width: int) -> _Inputs:
    """The same with matches outside the band forbidden."""
    matrix, go, ge, gamma, lx, ly = inputs
    return restricted(matrix, -torch.inf, width, None, lx, ly), go, ge, gamma, lx, ly


def _with_lengths(inputs: _Inputs) -> tuple[Tensor, Tensor, Tensor, float, Tensor, Tensor]:
    """Lengths always given, (b,) int64."""
    matrix, go, ge, gamma, lx, ly = inputs
    b, n, m = matrix.shape
    lx = torch.full((b,), n, dtype=torch.int64) if lx is None else lx
    ly = torch.full((b,), m, dtype=torch.int64) if ly is None else ly
    return matrix, go, ge, gamma, lx, ly


def _backend(matrix: Tensor) -> Backend:
    chosen = choose_backend(matrix, vector_problem=vector_backend.why_not, triton_problem=triton_backend.why_not)
    # of a matrix without cells plain PyTorch knows the gradients, empty ones of a gap for every cell among them
    return chosen if torch.compiler.is_compiling() or matrix.numel() else "torch"
