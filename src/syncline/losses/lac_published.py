"""The parts of LAC: the contrastive term L_c, the local term L_l, the alignment score L_sw.

With Y the soft labels of the pair, z rows of the embeddings, S the similarity that is aligned, D its prefix scores and
E = d SW / d S the probability that two frames are matched:

    L_c  = mean over rows i of -sum_j Y_ij log softmax_j(z_i . z_j / tau)
    L_l  = weighted mean over rows i of -sum_j Y_ij log softmax_j(logits_ij),  logits from D or E, see `local_logits`
    L_sw = sign (SW12 + SW21)
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from syncline.alignment import expected_alignment, similarity_matrix, soft_smith_waterman
from syncline.losses.lac_switches import LACOptions
from syncline.losses.pair import (
    Pair,
    cross_entropy_rows,
    masked_log_softmax,
    masked_softmax,
    mean_over,
    soft_labels,
    weighted_mean,
)
from syncline.losses.released_operator import released_soft_smith_waterman


def labels_of(pair: Pair, variance: float) -> Float[Tensor, "b n m"]:
    """Y: Gaussian in the places of the frames, those of x scaled to the length of y's video; rows sum to 1."""
    places = pair.steps_x * (pair.frames_y / pair.frames_x)[:, None]
    return soft_labels(places, pair.steps_y, pair.mask_y, variance)


def contrastive(pair: Pair, options: LACOptions) -> Tensor:
    """L_c, of the rows of x, or of both with ``lc_symmetric``."""
    term = _contrastive_rows(pair, options)
    return (term + _contrastive_rows(pair.swapped(), options)) / 2 if options.lc_symmetric else term


def _contrastive_rows(pair: Pair, options: LACOptions) -> Tensor:
    labels = labels_of(pair, options.var)
    logits = pair.x @ pair.y.transpose(1, 2) / options.temperature
    if options.lc_norm == "1/T":
        return weighted_mean(cross_entropy_rows(labels, logits, pair.mask_y), pair.mask_x.to(logits.dtype))
    p = masked_softmax(logits, pair.mask_y[:, None, :])
    divergence = labels * (labels.clamp(min=1e-30).log() - (p + 1e-6).log())
    summed = divergence.where(pair.valid, 0.0).sum(dim=(1, 2))
    both = (pair.lengths_x > 0) & (pair.lengths_y > 0)
    return mean_over(summed / pair.lengths_x.clamp(min=1).square(), both)


def aligned_similarity(pair: Pair, options: LACOptions) -> Float[Tensor, "b n m"]:
    """S."""
    return similarity_matrix(
        pair.x, pair.y, kind=options.sim_sw, centre=options.sim_center, scale=options.sim_scale,
        constant=options.sim_constant, eps=options.sim_eps, valid=pair.valid,
    )  # fmt: skip


def prefix_scores(
    s: Tensor, pair: Pair, gaps: tuple[Tensor, Tensor], options: LACOptions, *, want_matrix: bool = True
) -> tuple[Tensor, Tensor]:
    """SW (b,) and D (b, n, m) of S; D is empty unless it is wanted."""
    if options.released_operator:
        return released_soft_smith_waterman(
            s, *gaps, gamma=options.gamma, lengths_x=pair.lengths_x, lengths_y=pair.lengths_y,
            temperature=options.sw_grad == "exact", shifted=options.gap_grad == "released",
        )  # fmt: skip
    if not want_matrix:
        score = soft_smith_waterman(
            s, gap_open=gaps[0], gap_extend=gaps[1], gamma=options.gamma,
            lengths_x=pair.lengths_x, lengths_y=pair.lengths_y,
        )  # fmt: skip
        return score, s.new_empty(0, 0, 0)
    return soft_smith_waterman(
        s, gap_open=gaps[0], gap_extend=gaps[1], gamma=options.gamma,
        lengths_x=pair.lengths_x, lengths_y=pair.lengths_y, return_matrix=True,
    )  # fmt: skip


def score_term(score_12: Tensor, score_21: Tensor, pair: Pair, options: LACOptions) -> Tensor:
    """L_sw, averaged over the pairs that have frames."""
    shorter = torch.minimum(pair.lengths_x, pair.lengths_y)
    both = (score_12 + score_21).where(shorter > 0, 0.0)
    if options.sw_norm == "T":
        both = both / (2 * shorter.clamp(min=1))
    return options.sw_sign * both.sum() / (shorter > 0).sum().clamp(min=1)


def local(pair: Pair, d12: Tensor, d21: Tensor, options: LACOptions) -> Tensor:
    """L_l from prefix scores: D12~ = softmax_j(D12 / t), D21~ likewise, and as logits of row i

    ``matmul`` D12~ D21~^T (the formula and the code: its inner index is a frame of y in the one factor, of x in the
    other); ``elementwise`` D12~ * D21~^T (the text); ``log_elementwise`` its logarithm; ``cycle`` D12~ D21~, whose
    columns are frames of x.
    """
    t = options.temperature if options.D_temp == "tau" else 1.0
    d12, d21 = d12.where(pair.valid, 0.0), d21.where(pair.valid.transpose(1, 2), 0.0)
    if not options.D_grad:
        d12, d21 = d12.detach(), d21.detach()
    term = _local_rows(pair, d12 / t, d21 / t, options)
    if not options.lc_symmetric:
        return term
    return (term + _local_rows(pair.swapped(), d21 / t, d12 / t, options)) / 2


def _local_rows(pair: Pair, d12: Tensor, d21: Tensor, options: LACOptions) -> Tensor:
    of_y, of_x = pair.mask_y[:, None, :], pair.mask_x[:, None, :]
    labels, columns = labels_of(pair, options.var), pair.mask_y
    if options.local_logits == "log_elementwise":
        logits = masked_log_softmax(d12, of_y) + masked_log_softmax(d21, of_x).transpose(1, 2)
        logits = logits.where(pair.valid, 0.0)
    else:
        p12, p21 = masked_softmax(d12, of_y), masked_softmax(d21, of_x)
        if options.local_logits == "matmul":
            shared = min(p12.shape[2], p21.shape[2])  # slots that only one of the two has hold 0 there
            logits = p12[:, :, :shared] @ p21[:, :, :shared].transpose(1, 2)
        elif options.local_logits == "elementwise":
            logits = p12 * p21.transpose(1, 2)
        else:
            logits = p12 @ (p21 * pair.mask_y[:, :, None])
            labels, columns = soft_labels(pair.steps_x, pair.steps_x, pair.mask_x, options.var), pair.mask_x
    return weighted_mean(cross_entropy_rows(labels, logits, columns), pair.mask_x.to(d12.dtype))


def posterior(s: Tensor, pair: Pair, gaps: tuple[Tensor, Tensor], options: LACOptions) -> Float[Tensor, "b n m"]:
    """E, differentiable in S and the gaps unless ``D_grad`` is off."""
    e = expected_alignment(
        s, gap_open=gaps[0], gap_extend=gaps[1], gamma=options.gamma,
        lengths_x=pair.lengths_x, lengths_y=pair.lengths_y,
    )  # fmt: skip
    return e if options.D_grad else e.detach()


def local_of_posterior(pair: Pair, e12: Tensor, e21: Tensor, options: LACOptions) -> Tensor:
    """L_l with logits log(E + eps). A row weighs what is aligned of it: what lies outside is left alone."""
    term = _posterior_rows(pair, e12, options)
    return (term + _posterior_rows(pair.swapped(), e21, options)) / 2 if options.lc_symmetric else term


def _posterior_rows(pair: Pair, e: Tensor, options: LACOptions) -> Tensor:
    logits = (e + max(options.eps, torch.finfo(e.dtype).tiny)).log()
    rows = cross_entropy_rows(labels_of(pair, options.var), logits, pair.mask_y)
    return weighted_mean(rows, e.detach().sum(dim=-1).clamp(max=1))
