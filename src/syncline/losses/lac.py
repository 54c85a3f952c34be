"""LAC, local-alignment contrastive learning (arXiv 2409.04607): a contrastive loss and a soft Smith-Waterman.

    L = L_c + alpha (L_l + beta L_sw)                                     (eq. 8; the terms stand in `lac_published`)

What is printed, what the released code computes and what is evidently meant are the presets ``paper``, ``released``
(and ``released_vec``, a later version of the code with exact gradients) and ``corrected``; `lac_switches` lists what
differs. ``cross_video`` is ours: the contrastive term, and positions carried across videos by the expected local
alignment (`cross_video`; the idea is LRProp's, with another aligner).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from syncline.alignment import Gaps
from syncline.losses.cross_video import carried, cycle, teacher_features
from syncline.losses.lac_published import (
    aligned_similarity,
    contrastive,
    local,
    local_of_posterior,
    posterior,
    prefix_scores,
    score_term,
)
from syncline.losses.lac_switches import NAMES, PRESETS, LACOptions
from syncline.losses.pair import Pair, checked_pair
from syncline.losses.presets import chosen


class LACLoss(nn.Module):
    """LAC of pairs of views of the same videos.

    Args:
        preset: ``corrected`` (what the method evidently intends, made well-posed), ``paper`` (as printed), ``released``
            (the released code with its defects; not finite where frames coincide), ``released_vec``, ``cross_video``.
        options: any switch of `LACOptions`, by name.

    Attributes:
        options: all switches as they stand. gaps: the learned gap prices. gap_lr: the learning rate they want, None for
            the encoder's.

    Raises:
        ValueError: an unknown preset, option or value.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> views = dict(steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames)
        >>> loss = LACLoss(alpha=0.3)
        >>> sorted(loss.terms(z, z, **views))
        ['contrastive', 'local', 'sw']
        >>> loss(z, z, **views).shape
        torch.Size([])
    """

    def __init__(self, preset: str = "corrected", **options: Any) -> None:
        super().__init__()
        self.options = LACOptions(**chosen("LACLoss", PRESETS, preset, options, NAMES))
        form, size = self.options.gap_form, self.options.num_frames
        cells = (1, 1) if self.options.gap_param == "scalar" else (size, size)
        opening, extending = self.options.gap_init
        self.gaps = Gaps(form, opening=opening, extending=extending, size=cells)
        if not self._learns_gaps():
            self.gaps.requires_grad_(False)
        self.progress = 1.0

    @property
    def gap_lr(self) -> float | None:
        """Learning rate of the gaps; None: as the encoder's."""
        return self.options.gap_lr

    def at(self, progress: float) -> None:
        """Told by the training loop how far it is, in [0, 1]: the term across videos waits for ``cross_start``.

        A loss that nobody tells counts everything from the beginning.
        """
        self.progress = progress

    def forward(self, x: Tensor, y: Tensor, **views: Any) -> Tensor:
        """The loss, a scalar; arguments as `terms`."""
        terms = self.terms(x, y, **views)
        loss = terms["contrastive"]
        if "local" in terms:
            loss = loss + self.options.alpha * (terms["local"] + self.options.beta * terms["sw"])
        return loss + self.options.cross_weight * terms["cross"] if "cross" in terms else loss

    def terms(
        self, x: Tensor, y: Tensor, *, teacher_x: Tensor | None = None, teacher_y: Tensor | None = None, **views: Any
    ) -> dict[str, Tensor]:
        """The unweighted parts: "contrastive"; "local" and "sw" unless alpha is 0; "cross" where it has a weight.

        With a term across videos, pairs of one video feed the others and, each x with the next pair's y, the term
        across; pairs that are of two videos already feed that term alone.

        Args:
            x, y, views: as `checked_pair` takes them.
            teacher_x, teacher_y: (b, n, f), (b, m, f) features of the same slots that the teacher aligns in place of x
                and y: of the frozen backbone, or of a slower copy of the encoder.

        Raises:
            ValueError: as `checked_pair`; more slots than num_frames gaps; teacher features of another shape.
        """
        o = self.options
        if not o.use_masks:
            views = {**views, "mask_x": None, "mask_y": None}
        pair = checked_pair(x, y, unit=o.l2_normalize, **views)
        across = o.crosses and self.progress >= o.cross_start
        same = pair.only(pair.video_x == pair.video_y) if o.crosses else pair
        terms = {"contrastive": contrastive(same, o)}
        if o.alpha > 0:
            terms["local"], terms["sw"] = self._alignment_terms(same)
        if across:
            terms["cross"] = self._cross(pair, same, teacher_x, teacher_y)
        return terms

    def _alignment_terms(self, pair: Pair) -> tuple[Tensor, Tensor]:
        """(L_l, L_sw). One alignment serves both directions where the gaps are the same everywhere."""
        o = self.options
        self._clamp_gaps()
        s = aligned_similarity(pair, o)
        ways = [(s, pair)]
        if o.gap_param in ("per_position", "matrix"):
            ways.append((s.transpose(1, 2), pair.swapped()))
        # maximising the score has no lower bound in the gaps: they are held there, and learn through the local term
        held = o.sw_sign < 0
        if o.local_logits == "posterior":
            alignments = [posterior(s, p, self._gaps(s), o) for s, p in ways]
            scores = [prefix_scores(s, p, self._gaps(s, held=held), o, want_matrix=False)[0] for s, p in ways]
        else:
            found = [prefix_scores(s, p, self._gaps(s), o) for s, p in ways]
            alignments = [d for _, d in found]
            scores = [score for score, _ in found]
            if held:
                scores = [prefix_scores(s, p, self._gaps(s, held=True), o, want_matrix=False)[0] for s, p in ways]
        there, back = alignments[0], alignments[-1]
        if len(ways) == 1:
            back = there.transpose(1, 2)
        term = local_of_posterior if o.local_logits == "posterior" else local
        return term(pair, there, back, o), score_term(scores[0], scores[-1], pair, o)

    def _cross(self, pair: Pair, same: Pair, teacher_x: Tensor | None, teacher_y: Tensor | None) -> Tensor:
        o, order = self.options, pair.order_across()
        if o.cross_form == "cycle":
            self._clamp_gaps()
            return cycle(same, order, self._gaps, o)
        across = pair.with_y(order)
        across = across.only(across.video_x != across.video_y)
        features = (
            teacher_features(pair.x if teacher_x is None else teacher_x, "teacher_x", pair.mask_x),
            teacher_features(pair.y if teacher_y is None else teacher_y, "teacher_y", pair.mask_y)[order],
        )
        return carried(across, features, o)

    def _gaps(self, s: Tensor, *, held: bool = False) -> tuple[Tensor, Tensor]:
        """Gap prices for a similarity (b, n, m)."""
        opening, extending = self.gaps()
        if self.options.gap_param in ("per_position", "matrix"):
            n, m = s.shape[1:]
            if max(n, m) > self.options.num_frames:
                raise ValueError(
                    f"gaps of form {self.options.gap_param} are for at most {self.options.num_frames} slots, the views "
                    f"have {n} and {m}: give a larger num_frames"
                )
            opening, extending = opening[:n, :m], extending[:n, :m]
        return (opening.detach(), extending.detach()) if held else (opening, extending)

    @torch.no_grad()
    def _clamp_gaps(self) -> None:
        """Free gaps that a step of the optimiser took below 0 go back to 0; only then are they written to."""
        if self.options.gap_clamp and self.gaps.form != "softplus":
            for gap in self.gaps.parameters():
                if bool((gap < 0).any()):
                    gap.clamp_(min=0)

    def _learns_gaps(self) -> bool:
        o = self.options
        return o.alpha > 0 or (o.crosses and o.cross_form == "cycle")
