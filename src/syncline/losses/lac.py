"""LAC, local-alignment contrastive learning (arXiv 2409.04607): a contrastive loss and a soft Smith-Waterman.

In the form that is meant, of two views of one video with unit rows z, soft labels Y in time, S = (cos - mean) / scale,
SW its soft Smith-Waterman score and E = d SW / d S the probability that two frames are matched:

    L    = L_c + alpha (L_l + beta L_sw)                                                    (eq. 8 of the paper)
    L_c  = mean over rows i of -sum_j Y_ij log softmax_j(z_i . z_j / tau),                   both directions
    L_l  = mean over rows i of -sum_j Y_ij log softmax_j(log(E_ij + eps)),  weighted by what is aligned of row i
    L_sw = -SW / min(T_x, T_y),  the gap prices held: they learn through L_l

This is the preset ``corrected``. What is printed and what the released code computes are ``paper``, ``released`` and
``released_vec`` (a later version of the code, with exact gradients); `lac_published` lists what differs.
``cross_video`` is ours: L_c and positions carried from video to video (`cross_video`).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from syncline.alignment import Gaps, expected_alignment, similarity_matrix, soft_smith_waterman
from syncline.alignment.similarity import Centre, Similarity
from syncline.losses import lac_published as published
from syncline.losses.cross_video import Aligner, CrossForm, Teacher, align_frames, by_alignment, carried, cycle
from syncline.losses.lac_published import PRESETS, LACSwitches, Preset
from syncline.losses.loss import PairLoss
from syncline.losses.pair import Pair, checked_pair
from syncline.losses.presets import settings_of
from syncline.losses.rows import aligned_rows, cross_entropy_rows, time_labels, weighted_mean

DEFAULT_PRESET: Preset = "corrected"
"""What LAC means wherever no preset is named. Training without a preset asks the folder first (`training.settle`)."""


def contrastive(pair: Pair, *, tau: float, var: float, symmetric: bool = True) -> Float[Tensor, ""]:
    """L_c of two views, of the rows of x and, ``symmetric``, of y."""
    logits = pair.x @ pair.y.transpose(1, 2) / tau
    rows = cross_entropy_rows(time_labels(pair, var), logits, pair.mask_y)
    term = weighted_mean(rows, pair.mask_x.to(rows.dtype))
    return (term + contrastive(pair.swapped(), tau=tau, var=var, symmetric=False)) / 2 if symmetric else term


def alignment_terms(
    pair: Pair, s: Float[Tensor, "b n m"], gaps: tuple[Tensor, Tensor], *, gamma: float, var: float, eps: float
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """(L_l, L_sw) of S with gap prices (open, extend) that are the same everywhere."""
    lengths_x, lengths_y = pair.lengths_x, pair.lengths_y
    opening, extending = gaps
    e = expected_alignment(
        s, gap_open=opening, gap_extend=extending, gamma=gamma, lengths_x=lengths_x, lengths_y=lengths_y
    )
    there, back = (
        aligned_rows(pair, e, var=var, eps=eps), aligned_rows(pair.swapped(), e.transpose(1, 2), var=var, eps=eps)
    )  # fmt: skip
    # maximising the score has no lower bound in the gaps: they are held
    score = soft_smith_waterman(
        s, gap_open=opening.detach(), gap_extend=extending.detach(), gamma=gamma,
        lengths_x=lengths_x, lengths_y=lengths_y,
    )  # fmt: skip
    shorter = torch.minimum(lengths_x, lengths_y)
    score = score.where(shorter > 0, 0.0) / shorter.clamp(min=1)
    return (there + back) / 2, -score.sum() / (shorter > 0).sum().clamp(min=1)


class LACLoss(PairLoss):
    """LAC of pairs of views of the same videos, or of two videos of one activity.

    Every switch that is None stands as the preset has it.

    Args:
        preset: ``corrected`` (as meant, see above), ``paper`` (as printed), ``released`` (the released code with its
            defects; not finite where frames coincide), ``released_vec``, ``cross_video``.
        tau: temperature of the softmax over similarities. var: of the soft labels, in squared steps.
        alpha, beta: weights, see above. With alpha 0 no alignment is computed.
        gamma: temperature of the alignment, in units of S. eps: added to E.
        sim_sw: similarity that is aligned: ``cos``, ``inv_sq`` 1 / (d^2 + sim_eps), ``inv`` 1 / (d + sim_eps),
            ``inv1p`` 1 / (1 + d), ``neg_sq`` -d^2, ``gauss`` exp(-d^2). sim_eps: of the two singular ones.
        sim_center: what is taken off it, so that unrelated pairs lie below 0: ``none``, ``const`` (sim_constant) or
            ``mean`` of each pair, detached. sim_scale: what it is then divided by.
        gap_param: ``softplus_scalar`` two positive numbers; ``scalar`` two free ones; ``per_position``, ``matrix`` free
            ones for up to num_frames slots. gap_init: (open, extend). gap_clamp: free ones are kept at 0 or above.
        gap_lr: learning rate that the gaps want; in ``corrected`` and ``cross_video`` the encoder's.
        l2_normalize: rows of x and y brought to length 1 first. use_masks: padded slots are left out.
        lc_norm: ``1/T`` mean cross entropy of the rows; ``1/T2`` the released code: their summed KL divergence over
            T^2. lc_symmetric: rows of y too, in the contrastive and in the local term.
        tie_gamma_tau: tau is gamma (released code).
        sw_sign: +1 minimises the alignment score (as printed), -1 maximises it, with the gaps held constant.
        sw_norm: ``none``: SW12 + SW21; ``T``: that over 2 min(T_x, T_y).
        sw_grad: ``exact``, or ``no_temperature``, the released code's. D_grad: the local term's gradient goes through
            the alignment (the released code stops it there, so that the term teaches nothing).
        local_logits: how the local term reads the alignment: ``posterior`` E; ``matmul``, ``elementwise``,
            ``log_elementwise``, ``cycle`` prefix scores, see `lac_published`. D_temp: those are divided by ``tau`` or
            ``none``.
        gap_grad: ``exact``, or ``released``: one cell off and without the upstream gradient.
        cross_weight: of the term across videos (`cross_video`). cross_form: ``carried`` positions or ``cycle``.
        teacher: whose alignment carries positions: ``local``, ``soft_dtw``, or ``none`` for no term.
        cross_start: share of the training before the term across videos counts, see `at`.
        cross_gamma, cross_gaps, cross_scale: temperature, (open, extend) and scale of the teacher. A video at half the
            speed needs a gap at every second frame: with dear gaps the teacher knows little but time.
        cross_margin: standard deviations above the mean similarity at which a match begins to earn; a higher one leaves
            more frames alone.

    Attributes:
        options: all switches as they stand. gaps: the learned gap prices. gap_lr: their learning rate, None for the
            encoder's.

    Raises:
        ValueError: an unknown preset or value.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> views = dict(steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames)
        >>> loss = LACLoss(preset="corrected", alpha=0.3)
        >>> sorted(loss.terms(z, z, **views))
        ['contrastive', 'local', 'sw']
        >>> loss(z, z, **views).shape
        torch.Size([])
    """

    def __init__(
        self,
        preset: Preset = DEFAULT_PRESET,
        *,
        tau: float | None = None,
        var: float | None = None,
        alpha: float | None = None,
        beta: float | None = None,
        gamma: float | None = None,
        eps: float | None = None,
        sim_sw: Similarity | None = None,
        sim_center: Centre | None = None,
        sim_constant: float | None = None,
        sim_scale: float | None = None,
        sim_eps: float | None = None,
        gap_param: published.GapParam | None = None,
        gap_init: tuple[float, float] | None = None,
        gap_clamp: bool | None = None,
        gap_lr: float | None = None,
        num_frames: int | None = None,
        l2_normalize: bool | None = None,
        use_masks: bool | None = None,
        lc_norm: published.ContrastiveNorm | None = None,
        lc_symmetric: bool | None = None,
        tie_gamma_tau: bool | None = None,
        sw_sign: published.Sign | None = None,
        sw_norm: published.ScoreNorm | None = None,
        sw_grad: published.ScoreGradient | None = None,
        D_grad: published.OnOff | None = None,
        local_logits: published.LocalLogits | None = None,
        D_temp: published.PrefixTemperature | None = None,
        gap_grad: published.GapGradient | None = None,
        cross_weight: float | None = None,
        cross_form: CrossForm | None = None,
        teacher: Aligner | None = None,
        cross_start: float | None = None,
        cross_gamma: float | None = None,
        cross_gaps: tuple[float, float] | None = None,
        cross_scale: float | None = None,
        cross_margin: float | None = None,
    ) -> None:
        super().__init__()
        settings = settings_of(
            "LACLoss", PRESETS, preset, tau=tau, var=var, alpha=alpha, beta=beta, gamma=gamma, eps=eps, sim_sw=sim_sw,
            sim_center=sim_center, sim_constant=sim_constant, sim_scale=sim_scale, sim_eps=sim_eps,
            gap_param=gap_param, gap_init=gap_init, gap_clamp=gap_clamp, gap_lr=gap_lr, num_frames=num_frames,
            l2_normalize=l2_normalize, use_masks=use_masks, lc_norm=lc_norm, lc_symmetric=lc_symmetric,
            tie_gamma_tau=tie_gamma_tau, sw_sign=sw_sign, sw_norm=sw_norm, sw_grad=sw_grad, D_grad=D_grad,
            local_logits=local_logits, D_temp=D_temp, gap_grad=gap_grad, cross_weight=cross_weight,
            cross_form=cross_form, teacher=teacher, cross_start=cross_start, cross_gamma=cross_gamma,
            cross_gaps=cross_gaps, cross_scale=cross_scale, cross_margin=cross_margin,
        )  # fmt: skip
        o = self.options = LACSwitches(**settings)
        self.unit, self.use_masks, self.gap_lr = o.l2_normalize, o.use_masks, o.gap_lr
        cells = (1, 1) if o.gap_param == "scalar" else (o.num_frames, o.num_frames)
        self.gaps = Gaps(o.gap_form, opening=o.gap_init[0], extending=o.gap_init[1], size=cells)
        if not self.learns_gaps:
            self.gaps.requires_grad_(False)
        self.progress = 1.0

    @property
    def learns_gaps(self) -> bool:
        """Whether some term has a gradient in the gap prices."""
        return self.options.alpha > 0 or (self.options.crosses and self.options.cross_form == "cycle")

    def at(self, progress: float) -> None:
        """Told by the training loop how far it is, in [0, 1]: the term across videos waits for ``cross_start``.

        A loss that nobody tells counts everything from the beginning.
        """
        self.progress = progress

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        y: Float[Tensor, "b m d"],
        *,
        steps_x: Num[Tensor, "b n"],
        steps_y: Num[Tensor, "b m"],
        frames_x: Num[Tensor, " b"],
        frames_y: Num[Tensor, " b"],
        mask_x: Bool[Tensor, "b n"] | None = None,
        mask_y: Bool[Tensor, "b m"] | None = None,
        video_x: Int[Tensor, " b"] | None = None,
        video_y: Int[Tensor, " b"] | None = None,
        teacher: Teacher | Float[Tensor, "b n m"] | None = None,
        teacher_x: Float[Tensor, "b n f"] | None = None,
        teacher_y: Float[Tensor, "b m f"] | None = None,
    ) -> Float[Tensor, ""]:
        """The loss, a scalar; arguments as `terms`."""
        return self.total(
            self.terms(
                x, y, steps_x=steps_x, steps_y=steps_y, frames_x=frames_x, frames_y=frames_y, mask_x=mask_x,
                mask_y=mask_y, video_x=video_x, video_y=video_y, teacher=teacher, teacher_x=teacher_x,
                teacher_y=teacher_y,
            )
        )  # fmt: skip

    def terms(
        self,
        x: Float[Tensor, "b n d"],
        y: Float[Tensor, "b m d"],
        *,
        steps_x: Num[Tensor, "b n"],
        steps_y: Num[Tensor, "b m"],
        frames_x: Num[Tensor, " b"],
        frames_y: Num[Tensor, " b"],
        mask_x: Bool[Tensor, "b n"] | None = None,
        mask_y: Bool[Tensor, "b m"] | None = None,
        video_x: Int[Tensor, " b"] | None = None,
        video_y: Int[Tensor, " b"] | None = None,
        teacher: Teacher | Float[Tensor, "b n m"] | None = None,
        teacher_x: Float[Tensor, "b n f"] | None = None,
        teacher_y: Float[Tensor, "b m f"] | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """The unweighted terms: "contrastive"; "local" and "sw" unless alpha is 0; "cross" where it has a weight.

        With a term across videos, pairs of one video feed the others and, each x with the next pair's y, the term
        across; pairs that are of two videos already feed that term alone.

        Args:
            x, y, steps_x, ..., video_y: as `PairLoss.terms` takes them.
            teacher: of the term across videos, in place of an alignment of x and y. A function from pairs of different
                videos to the positions of their frames (`cross_video.Teacher`), or an alignment (b, n, m) of the pairs
                as given, which must then be of different videos.
            teacher_x, teacher_y: features of the same frames that the teacher ``local`` or ``soft_dtw`` aligns in place
                of x and y: of the frozen backbone, or of a slower copy of the encoder.

        Raises:
            ValueError: as `PairLoss.terms`; more slots than num_frames gaps; a teacher of another shape.
        """
        if not self.use_masks:
            mask_x, mask_y = None, None
        pair = checked_pair(
            x, y, steps_x=steps_x, steps_y=steps_y, frames_x=frames_x, frames_y=frames_y, mask_x=mask_x, mask_y=mask_y,
            video_x=video_x, video_y=video_y, unit=self.unit,
        )  # fmt: skip
        o = self.options
        terms = self.parts(pair)
        if o.crosses and self.progress >= o.cross_start:
            terms["cross"] = self._cross(pair, teacher, (teacher_x, teacher_y))
        return terms

    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """The terms within videos."""
        o = self.options
        same = pair.only(pair.video_x == pair.video_y) if o.crosses else pair
        if o.lc_norm == "1/T":
            terms = {"contrastive": contrastive(same, tau=o.temperature, var=o.var, symmetric=o.lc_symmetric)}
        else:
            terms = {"contrastive": published.contrastive(same, o)}
        if o.alpha > 0:
            self._clamp_gaps()
            s = similarity_matrix(
                same.x, same.y, kind=o.sim_sw, centre=o.sim_center, scale=o.sim_scale, constant=o.sim_constant,
                eps=o.sim_eps, valid=same.valid,
            )  # fmt: skip
            if o.as_meant:
                found = alignment_terms(same, s, self.gaps_for(s), gamma=o.gamma, var=o.var, eps=o.eps)
            else:
                found = published.alignment_terms(same, s, self.gaps_for, o)
            terms["local"], terms["sw"] = found
        return terms

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """L, from its terms."""
        o, loss = self.options, terms["contrastive"]
        if "local" in terms:
            loss = loss + o.alpha * (terms["local"] + o.beta * terms["sw"])
        return loss + o.cross_weight * terms["cross"] if "cross" in terms else loss

    def _cross(
        self, pair: Pair, teacher: Teacher | Tensor | None, features: tuple[Tensor | None, Tensor | None]
    ) -> Tensor:
        o, order = self.options, pair.order_across()
        if o.cross_form == "cycle":
            self._clamp_gaps()
            return cycle(
                pair.only(pair.video_x == pair.video_y), order, self.gaps_for, gamma=o.cross_gamma,
                scale=o.cross_scale, margin=o.cross_margin, var=o.var, eps=o.eps,
            )  # fmt: skip
        across = pair.with_y(order)
        across = across.only(across.video_x != across.video_y)
        if isinstance(teacher, Tensor):
            given = _checked_alignment(teacher, pair)
            return carried(across, lambda pair: by_alignment(pair, given), tau=o.temperature, var=o.var)
        if teacher is None:
            x = _features(pair.x if features[0] is None else features[0], "teacher_x", pair.mask_x)
            y = _features(pair.y if features[1] is None else features[1], "teacher_y", pair.mask_y)[order]
            a = align_frames(
                across, x, y, aligner=o.teacher, gaps=o.cross_gaps, gamma=o.cross_gamma, scale=o.cross_scale,
                margin=o.cross_margin,
            )  # fmt: skip
            return carried(across, lambda pair: by_alignment(pair, a), tau=o.temperature, var=o.var)
        return carried(across, teacher, tau=o.temperature, var=o.var)

    def gaps_for(self, s: Float[Tensor, "b n m"], *, held: bool = False) -> tuple[Tensor, Tensor]:
        """Gap prices (open, extend) for a similarity; ``held``: without gradient."""
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


def _features(features: Tensor, name: str, mask: Tensor) -> Float[Tensor, "b t f"]:
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
