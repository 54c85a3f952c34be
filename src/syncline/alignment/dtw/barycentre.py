"""The sequence that lies in the middle of several: their barycentre under soft-DTW (Cuturi and Blondel 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.nn.utils.rnn import pad_sequence

from syncline.alignment.all_pairs import check_listed
from syncline.alignment.dtw.pairwise import pairwise_soft_dtw
from syncline.alignment.dtw.soft import soft_dtw
from syncline.alignment.similarity import squared_distances


def soft_dtw_barycentre(
    sequences: Sequence[Tensor],
    *,
    length: int | None = None,
    start: Tensor | None = None,
    weights: Sequence[float] | None = None,
    gamma: float = 0.1,
    band: int | None = None,
    steps: int = 50,
) -> Tensor:
    """argmin over z (length, d) of the weighted mean of soft_dtw(z, x_i) / n_i on squared distances, by L-BFGS.

    The objective is not convex, so the result depends on the start. The mean of the stretched sequences, where others
    begin, has every event several times over; one of the sequences has it once.

    Args:
        sequences: x_i (n_i, d); their lengths may differ.
        length: frames of the result; None: their median length, or that of ``start``.
        start: (length, d) where the descent begins; None: the sequence that is nearest to the others, stretched.
        weights: one a sequence, at least 0, of any sum; None: all alike.
        gamma, band: as `soft_dtw`. steps: at most so many iterations.

    Returns:
        (length, d), in the dtype of the sequences, without a gradient.

    Raises:
        TypeError: a tensor in place of a list.
        ValueError: no sequences, widths or a length that do not fit, weights that are negative or all 0.

    Examples:
        >>> t = torch.linspace(0, 1, 20)
        >>> early, late = (torch.exp(-((t - at) ** 2) / 0.01)[:, None] for at in (0.4, 0.6))
        >>> middle = soft_dtw_barycentre([early, late], gamma=0.01)
        >>> bool(middle.max() > 0.9)  # the mean of the two has two humps of half the height
        True
    """
    _check(sequences)
    share = _shares(weights, sequences)
    frames = torch.tensor([len(one) for one in sequences])
    if length is None:
        length = int(frames.median()) if start is None else len(start)
    if start is None:
        nearest = _nearest(sequences, share, gamma, band)
        start = interpolate(nearest.T[None], length, mode="linear", align_corners=length > 1)[0].T
    if tuple(start.shape) != (length, sequences[0].shape[1]):
        raise ValueError(f"start has shape {tuple(start.shape)}, expected {(length, sequences[0].shape[1])}")
    batch = pad_sequence([one.detach() for one in sequences], batch_first=True)
    # its gradient has its layout, which L-BFGS wants in one piece
    z = start.detach().to(batch).clone(memory_format=torch.contiguous_format).requires_grad_()
    optimiser = torch.optim.LBFGS([z], max_iter=steps, line_search_fn="strong_wolfe")
    count = frames.to(batch)

    def loss() -> Tensor:
        optimiser.zero_grad()
        cost = squared_distances(z.expand(len(batch), -1, -1), batch)
        value = (share * soft_dtw(cost, gamma=gamma, lengths_y=frames, band=band) / count).sum()
        torch.autograd.backward(value)
        return value

    with torch.enable_grad():
        optimiser.step(loss)  # type: ignore[arg-type, no-untyped-call, unused-ignore]
    return z.detach()


def _nearest(sequences: Sequence[Tensor], share: Tensor, gamma: float, band: int | None) -> Tensor:
    """The sequence with the least weighted cost against all."""
    given = [one.detach() for one in sequences]
    frames = share.new_tensor([len(one) for one in given])
    table = pairwise_soft_dtw(given, gamma=gamma, band=band) * (share / frames)
    return given[int(table.sum(dim=1).argmin())]


def _shares(weights: Sequence[float] | None, sequences: Sequence[Tensor]) -> Tensor:
    share = sequences[0].new_ones(len(sequences)) if weights is None else sequences[0].new_tensor(list(weights))
    if len(share) != len(sequences) or bool((share < 0).any()) or not float(share.sum()) > 0:
        raise ValueError(f"weights must be one a sequence, at least 0 and not all 0, got {weights}")
    return share / share.sum()


def _check(sequences: Sequence[Tensor]) -> None:
    check_listed("sequences", sequences)
    if not sequences or any(one.dim() != 2 or one.shape[1] != sequences[0].shape[1] for one in sequences):
        raise ValueError(f"sequences must be (n, d) of one width d, got {[tuple(one.shape) for one in sequences]}")
    if any(not len(one) for one in sequences):
        raise ValueError("a sequence has no frames")
