"""The loss term across videos (`cross_video`): two different videos of one activity. Ours, not LAC's.

The correspondence of two views of one video is known. That of two videos is not; here a teacher estimates it.

``carried``: the teacher puts frame i of x at a position p_i of the other video, with a weight w_i in [0, 1] (no
gradient); the similarities of frame i are drawn to a Gaussian around it,

    L = 1/2 sum over directions of (weighted mean over rows i of -sum_j Y_ij log softmax_j(z_i . z_j / tau)),
    Y_ij ~ exp(-(p_i - s_j)^2 / (2 var))

Teachers: an alignment A of the two (`by_alignment`: p_i = sum_j A_ij s_j / sum_j A_ij, w_i = min(1, sum_j A_ij)), the
expected local alignment of their frames or, for comparison, the expected soft-DTW path; or rows over *all* frames of
the other video (`by_rows`), as the consensus of a folder gives them. Carrying positions along an expected path is
LRProp's idea (Zhang, Liu, Zheng and Su 2023, with DTW); with an expected *local* alignment, rows outside the aligned
part have weight 0.

``cycle``: without a teacher. From a view of video a to video b and back to the other view of a, along two expected
local alignments P with learned gaps, both differentiable: logits log(P_ab P_ba~ + eps), the rows of P_ba~ normalised.
The target is known, because both ends are of one video: cross entropy with their soft labels, rows weighted by how
much of them was aligned on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool1d

from syncline.alignment import cosine, expected_alignment, expected_path, mean_over_cells
from syncline.losses.row_arithmetic import cross_entropy_rows, soft_labels, time_labels, weighted_mean
from syncline.losses.view_pair import Pair

CrossForm = Literal["carried", "cycle"]
Aligner = Literal["local", "soft_dtw", "none"]
GapsFor = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Positions:
    """Positions, by a teacher, of the frames of x in the videos of y.

    Attributes:
        steps: (b, n) positions in the sampled sequence of y's video. weights: (b, n) in [0, 1]; 0 leaves a frame alone.
    """

    steps: Float[Tensor, "b n"]
    weights: Float[Tensor, "b n"]


Teacher = Callable[[Pair], tuple[Positions, Positions]]
"""Pairs of different videos -> positions of x's frames in y's videos, and of y's frames in x's."""


def term_across(
    pair: Pair,
    *,
    teacher: Teacher | Float[Tensor, "b n m"] | None = None,
    teacher_x: Float[Tensor, "b n f"] | None = None,
    teacher_y: Float[Tensor, "b m f"] | None = None,
    form: CrossForm = "carried",
    aligner: Aligner = "local",
    tau: float,
    var: float,
    eps: float,
    gamma: float,
    gaps: tuple[float, float],
    scale: float,
    margin: float,
    learned_gaps: GapsFor,
) -> Tensor:
    """The term across videos of pairs of views of one video each, or of pairs of two videos.

    Args:
        teacher: of ``carried``: a function, or an alignment (b, n, m) of the pairs as given, which must then be of
            different videos; None: the ``aligner`` of the views themselves.
        teacher_x, teacher_y: features of the same frames that the aligner aligns in place of x and y.
        tau, var: of the softmax and the soft labels. gamma, gaps, scale, margin: of the aligner, see `align_frames`.
        eps, learned_gaps: of ``cycle``.

    Raises:
        ValueError: features or an alignment that do not fit the pairs.
    """
    order = pair.order_across()
    if form == "cycle":
        within = pair.only(pair.video_x == pair.video_y)
        return cycle(within, order, learned_gaps, gamma=gamma, scale=scale, margin=margin, var=var, eps=eps)
    across = pair.with_y(order)
    across = across.only(across.video_x != across.video_y)
    if teacher is None:
        x = _checked_features(pair.x if teacher_x is None else teacher_x, "teacher_x", pair.mask_x)
        y = _checked_features(pair.y if teacher_y is None else teacher_y, "teacher_y", pair.mask_y)[order]
        alignment = align_frames(across, x, y, aligner=aligner, gaps=gaps, gamma=gamma, scale=scale, margin=margin)
    elif isinstance(teacher, Tensor):
        alignment = _checked_alignment(teacher, pair)
    else:
        return carried(across, teacher, tau=tau, var=var)
    return carried(across, lambda pair: by_alignment(pair, alignment), tau=tau, var=var)


def carried(pair: Pair, teacher: Teacher, *, tau: float, var: float) -> Tensor:
    """The term ``carried`` of pairs of different videos."""
    with torch.no_grad():
        in_y, in_x = teacher(pair)
    forward = _carried_rows(pair, in_y, tau, var)
    return (forward + _carried_rows(pair.swapped(), in_x, tau, var)) / 2


def _carried_rows(pair: Pair, found: Positions, tau: float, var: float) -> Tensor:
    labels = soft_labels(found.steps, pair.steps_y, pair.mask_y, var)
    logits = pair.x @ pair.y.transpose(1, 2) / tau
    return weighted_mean(cross_entropy_rows(labels, logits, pair.mask_y), found.weights)


def by_alignment(pair: Pair, a: Float[Tensor, "b n m"]) -> tuple[Positions, Positions]:
    """Positions in both directions along an alignment of the views' own frames."""
    return _mean_positions(a, pair.steps_y), _mean_positions(a.transpose(1, 2), pair.steps_x)


def _mean_positions(a: Tensor, steps: Tensor) -> Positions:
    mass = a.sum(dim=-1)
    return Positions((a * steps[:, None, :]).sum(dim=-1) / mass.clamp(min=1e-8), mass.clamp(max=1))


def by_rows(
    rows: Float[Tensor, "b n f"], steps: Float[Tensor, "b m"], lengths: Float[Tensor, " b"], *, half_width: int = 3
) -> Positions:
    """Positions from rows over all f frames of the other video: the mean about each row's mode.

    With b* the highest point of row a after a mean over three frames,

        p_a = sum_{|b - b*| <= h} P_ab b / sum_{|b - b*| <= h} P_ab,   w_a = min(1, 2 sum_{|b - b*| <= h} P_ab),

    and 0 where p_a lies outside of what the view shows, by more than 1.5 of its mean steps.

    Args:
        rows: at least 0, each with a sum of at most 1. steps: of the view of the other video. lengths: of those views.
        half_width: h, in frames of the video.
    """
    b, n, f = rows.shape
    smooth = avg_pool1d(rows.reshape(b * n, 1, f), 3, stride=1, padding=1).view(b, n, f)
    mode = smooth.argmax(dim=-1, keepdim=True)
    frames = torch.arange(f, device=rows.device)
    near = rows * ((frames - mode).abs() <= half_width)
    mass = near.sum(dim=-1)
    found = (near * frames).sum(dim=-1) / mass.clamp(min=1e-8)
    first, last = steps[:, 0], steps.gather(1, (lengths.long()[:, None] - 1).clamp(min=0)).squeeze(1)
    slack = 1.5 * (last - first) / (lengths - 1).clamp(min=1)
    inside = (found >= (first - slack)[:, None]) & (found <= (last + slack)[:, None])
    return Positions(found, (2 * mass).clamp(max=1) * inside)


def align_frames(
    pair: Pair,
    x: Float[Tensor, "b n f"],
    y: Float[Tensor, "b m f"],
    *,
    aligner: Aligner = "local",
    gaps: tuple[float, float] = (0.3, 0.3),
    gamma: float = 0.2,
    scale: float = 0.1,
    margin: float = 1.0,
) -> Float[Tensor, "b n m"]:
    """The alignment of features x and y of a pair: local, or the expected soft-DTW path of (1 - cos) / scale.

    Args:
        aligner: ``local`` or ``soft_dtw``. gaps: (open, extend) of ``local``. gamma: temperature.
        scale, margin: see `similarity_across`.
    """
    lengths: dict[str, Any] = {"lengths_x": pair.lengths_x, "lengths_y": pair.lengths_y}
    if aligner == "soft_dtw":
        return expected_path((1 - cosine(x, y)) / scale, gamma=gamma, **lengths)
    s = similarity_across(x, y, pair, scale=scale, margin=margin)
    return expected_alignment(s, gap_open=gaps[0], gap_extend=gaps[1], gamma=gamma, **lengths)


def similarity_across(x: Tensor, y: Tensor, pair: Pair, *, scale: float, margin: float) -> Float[Tensor, "b n m"]:
    """(cos - mean - margin x standard deviation) / scale, both over the pair's valid cells and detached.

    Pairs of frames below that line are negative: the higher the margin, the fewer frames are matched.
    """
    matrix = cosine(x, y)
    mean = mean_over_cells(matrix.detach(), pair.valid)
    spread = mean_over_cells((matrix.detach() - mean).square(), pair.valid).sqrt()
    return (matrix - mean - margin * spread) / scale


def cycle(
    pair: Pair, order: Tensor, gaps: GapsFor, *, gamma: float, scale: float, margin: float, var: float, eps: float
) -> Tensor:
    """The term ``cycle``: from x by way of the y that ``order`` names to its own y, and the same from y."""

    def expected(pair: Pair) -> Tensor:
        s = similarity_across(pair.x, pair.y, pair, scale=scale, margin=margin)
        opening, extending = gaps(s)
        return expected_alignment(
            s, gap_open=opening, gap_extend=extending, gamma=gamma,
            lengths_x=pair.lengths_x, lengths_y=pair.lengths_y,
        )  # fmt: skip

    def rows(pair: Pair) -> Tensor:
        there = pair.with_y(order)
        there = there.only(there.video_x != there.video_y)
        back = there.swapped().then(pair)
        p_there, p_back = expected(there), expected(back)
        kept = back.valid.sum(dim=-1, keepdim=True).clamp(min=1)
        returning = (p_back + eps * back.valid) / (p_back.sum(dim=-1, keepdim=True) + eps * kept)
        q = p_there @ returning
        found = (p_there @ p_back.sum(dim=-1, keepdim=True)).squeeze(-1)
        entropy = cross_entropy_rows(time_labels(pair, var), (q + eps).log(), pair.mask_y)
        return weighted_mean(entropy, found.detach().clamp(max=1))

    return (rows(pair) + rows(pair.swapped())) / 2


def _checked_features(features: Tensor, name: str, mask: Tensor) -> Float[Tensor, "b t f"]:
    """Features for a teacher: checked, without gradient, 0 where masked."""
    if features.ndim != 3 or features.shape[:2] != mask.shape:
        raise ValueError(f"{name} must be {(*mask.shape, 'f')}, got {tuple(features.shape)}")
    return features.detach().masked_fill(~mask[:, :, None], 0.0)


def _checked_alignment(a: Tensor, pair: Pair) -> Tensor:
    """An alignment of pairs as they were given: without gradient, 0 where masked."""
    if tuple(a.shape) != tuple(pair.valid.shape):
        raise ValueError(f"an alignment as teacher must be {tuple(pair.valid.shape)}, got {tuple(a.shape)}")
    if bool((pair.video_x == pair.video_y).any()):
        raise ValueError("an alignment as teacher needs pairs of different videos: video_x and video_y equal somewhere")
    return a.detach().masked_fill(~pair.valid, 0.0)
