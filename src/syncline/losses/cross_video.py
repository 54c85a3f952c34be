"""LAC's term across videos: what two different videos of one activity teach each other. Ours, not LAC's.

Two views of one video have known correspondences; two videos have not, and here an alignment says what it can.

``carried``: a teacher's alignment A of the two (no gradient) carries positions from video to video, p_i = sum_j A_ij
s_j / sum_j A_ij, and the similarities of frame i are drawn to a Gaussian around p_i,

    L = 1/2 sum over directions of (weighted mean over rows i of -sum_j Y_ij log softmax_j(z_i . z_j / tau)),
    Y_ij ~ exp(-(p_i - s_j)^2 / (2 var)),  weight of row i = min(1, sum_j A_ij)

Carrying positions along an expected path is LRProp's idea (Zhang, Liu, Zheng and Su 2023, with DTW); the aligner is
another one: with the expected *local* alignment, rows outside the aligned part weigh nothing and are left alone.

``cycle``: nobody teaches. From a view of video a to video b and back to the other view of a, along two expected local
alignments E with learned gaps, both differentiable: logits log(E_ab E_ba~ + eps), the rows of E_ba~ normalised. Where
the way should come out is known, both ends being of one video: cross entropy of their soft labels, rows weighted by
what of them found a way.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from syncline.alignment import cosine, expected_alignment, expected_path, mean_over_cells
from syncline.losses.lac_published import labels_of
from syncline.losses.lac_switches import LACOptions
from syncline.losses.pair import Pair, cross_entropy_rows, soft_labels, weighted_mean


def carried(pair: Pair, features: tuple[Tensor, Tensor], options: LACOptions) -> Tensor:
    """The term ``carried`` of pairs of different videos; the teacher aligns ``features`` (b, n, f), (b, m, f)."""
    a = teacher_alignment(pair, features, options)
    forward = _carried_rows(pair, a, options)
    return (forward + _carried_rows(pair.swapped(), a.transpose(1, 2), options)) / 2


@torch.no_grad()
def teacher_alignment(pair: Pair, features: tuple[Tensor, Tensor], options: LACOptions) -> Float[Tensor, "b n m"]:
    """A: the expected local alignment, or for comparison the expected soft-DTW path of the costs (1 - cos) / scale."""
    x, y = features
    lengths = {"lengths_x": pair.lengths_x, "lengths_y": pair.lengths_y}
    if options.teacher == "soft_dtw":
        return expected_path((1 - cosine(x, y)) / options.cross_scale, gamma=options.cross_gamma, **lengths)
    s = similarity_across(x, y, pair, options)
    opening, extending = options.cross_gaps
    return expected_alignment(s, gap_open=opening, gap_extend=extending, gamma=options.cross_gamma, **lengths)


def _carried_rows(pair: Pair, a: Tensor, options: LACOptions) -> Tensor:
    mass = a.sum(dim=-1)
    places = (a * pair.steps_y[:, None, :]).sum(dim=-1) / mass.clamp(min=1e-8)
    labels = soft_labels(places, pair.steps_y, pair.mask_y, options.var)
    logits = pair.x @ pair.y.transpose(1, 2) / options.temperature
    return weighted_mean(cross_entropy_rows(labels, logits, pair.mask_y), mass.clamp(max=1))


def similarity_across(x: Tensor, y: Tensor, pair: Pair, options: LACOptions) -> Float[Tensor, "b n m"]:
    """(cos - mean - margin x standard deviation) / scale, both over the pair's valid cells and detached.

    Pairs of frames below that line cost an alignment something: the higher the margin, the less is taken for matched.
    """
    matrix = cosine(x, y)
    mean = mean_over_cells(matrix.detach(), pair.valid)
    spread = mean_over_cells((matrix.detach() - mean).square(), pair.valid).sqrt()
    return (matrix - mean - options.cross_margin * spread) / options.cross_scale


GapsFor = Callable[[Tensor], tuple[Tensor, Tensor]]


def teacher_features(features: Tensor, name: str, mask: Tensor) -> Float[Tensor, "b t f"]:
    """Features of the teacher: checked, without gradient, 0 where masked.

    Raises:
        ValueError: not (b, t, f) with the b and t of the views.
    """
    if features.ndim != 3 or features.shape[:2] != mask.shape:
        raise ValueError(f"{name} must be {(*mask.shape, 'f')}, got {tuple(features.shape)}")
    return features.detach().masked_fill(~mask[:, :, None], 0.0)


def cycle(pair: Pair, order: Tensor, gaps: GapsFor, options: LACOptions) -> Tensor:
    """The term ``cycle``: from x by way of the y that ``order`` names to its own y, and the same from y."""
    forward = _cycle_rows(pair, order, gaps, options)
    return (forward + _cycle_rows(pair.swapped(), order, gaps, options)) / 2


def _cycle_rows(pair: Pair, order: Tensor, gaps: GapsFor, options: LACOptions) -> Tensor:
    there = pair.with_y(order)
    there = there.only(there.video_x != there.video_y)
    back = there.swapped().then(pair)
    e_there, e_back = _expected(there, gaps, options), _expected(back, gaps, options)
    kept = back.valid.sum(dim=-1, keepdim=True).clamp(min=1)
    returning = (e_back + options.eps * back.valid) / (e_back.sum(dim=-1, keepdim=True) + options.eps * kept)
    q = e_there @ returning
    rows = cross_entropy_rows(labels_of(pair, options.var), (q + options.eps).log(), pair.mask_y)
    found = (e_there @ e_back.sum(dim=-1, keepdim=True)).squeeze(-1)
    return weighted_mean(rows, found.detach().clamp(max=1))


def _expected(pair: Pair, gaps: GapsFor, options: LACOptions) -> Tensor:
    s = similarity_across(pair.x, pair.y, pair, options)
    opening, extending = gaps(s)
    return expected_alignment(
        s, gap_open=opening, gap_extend=extending, gamma=options.cross_gamma,
        lengths_x=pair.lengths_x, lengths_y=pair.lengths_y,
    )  # fmt: skip
