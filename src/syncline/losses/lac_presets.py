"""`LACLoss`: every form of LAC under one name. A preset is a position of all switches (`lac_published.LACSwitches`).

``corrected`` is `lac.LAC`; ``paper``, ``released`` and ``released_vec`` are in `lac_published`; ``cross_video`` is
ours: L_c and positions carried from video to video (`cross_video`).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from syncline.alignment import Gaps
from syncline.alignment.similarity import Centre, Similarity
from syncline.losses import lac_published as published
from syncline.losses.cross_video import Aligner, CrossForm, Teacher, term_across
from syncline.losses.lac import LAC
from syncline.losses.lac_published import LACSwitches
from syncline.losses.loss import GapPrices
from syncline.losses.preset_settings import settings_of
from syncline.losses.view_pair import Pair, checked_pair

Preset = Literal["corrected", "paper", "released", "released_vec", "cross_video"]
DEFAULT_PRESET: Preset = "corrected"
"""What LAC means wherever no preset is named, and what training takes where the scenes of the clips differ."""
ONE_SCENE_PRESET: Preset = "cross_video"
"""What training takes where all clips show one scene."""
AUTO_PRESET = "auto"
"""In a training configuration: the folder decides between these two (`training.folder_choices`)."""

_PAPER: dict[str, Any] = {
    "tau": 0.8,
    "lc_symmetric": False,
    "alpha": 0.01,
    "sim_sw": "inv1p",
    "sim_center": "none",
    "sim_scale": 1.0,
    "sw_sign": 1,
    "sw_norm": "none",
    "local_logits": "matmul",
    "gap_param": "matrix",
    "gap_init": (1.0, 1.0),
    "gap_lr": 0.1,
}
_CORRECTED: dict[str, Any] = {name: getattr(LACSwitches(), name) for name in _PAPER}  # the numbers of `lac.LAC`
_RELEASED_VEC: dict[str, Any] = {
    **_PAPER,
    "l2_normalize": False,
    "use_masks": False,
    "sim_sw": "inv_sq",
    "tie_gamma_tau": True,
    "lc_norm": "1/T2",
    "D_temp": "none",
    "gap_clamp": False,
}
PRESETS: dict[Preset, dict[str, Any]] = {
    "corrected": _CORRECTED,
    "paper": _PAPER,
    "released": {
        **_RELEASED_VEC,
        "sim_eps": 0.0,
        "sw_grad": "no_temperature",
        "D_grad": False,
        "gap_grad": "released",
    },
    "released_vec": _RELEASED_VEC,
    "cross_video": {**_CORRECTED, "alpha": 0.0, "cross_weight": 0.3, "cross_start": 0.2},
}
"""What each preset sets; the others stand as `LACSwitches` has them."""


class LACLoss(LAC):
    """LAC of pairs of views of the same videos, or of two videos of one activity, in any form.

    A switch that is None has the value of the preset.

    Args:
        preset: ``corrected`` (as meant, see `LAC`), ``paper`` (as printed), ``released`` (the released code with its
            defects; not finite where frames coincide), ``released_vec``, ``cross_video``.
        tau: temperature of the softmax over similarities. var: of the soft labels, in squared steps.
        alpha, beta: weights, see `LAC`. With alpha 0 no alignment is computed.
        gamma: temperature of the alignment, in units of S. eps: added to P.
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
        local_logits: how the local term reads the alignment: ``posterior`` P; ``matmul``, ``elementwise``,
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
        o = LACSwitches(**settings)
        cells = (1, 1) if o.gap_param == "scalar" else (o.num_frames, o.num_frames)
        super().__init__(
            tau=o.temperature, var=o.var, alpha=o.alpha, beta=o.beta, gamma=o.gamma, eps=o.eps, sim_scale=o.sim_scale,
            gaps=Gaps(o.gap_form, opening=o.gap_init[0], extending=o.gap_init[1], size=cells),
        )  # fmt: skip
        self.options, self.unit, self.use_masks, self.gap_lr = o, o.l2_normalize, o.use_masks, o.gap_lr
        if not self.learns_gaps:
            self.gaps.requires_grad_(False)
        self.progress = 1.0

    @property
    def learns_gaps(self) -> bool:
        """Whether some term has a gradient in the gap prices."""
        return self.options.alpha > 0 or (self.options.crosses and self.options.cross_form == "cycle")

    def learned_gaps(self) -> GapPrices | None:
        """The gap prices, where they are two numbers that were learned and count in cosine."""
        o = self.options
        if not self.learns_gaps or o.gap_param != "softplus_scalar" or o.sim_sw != "cos":
            return None
        opening, extending = (float(price.detach()) for price in self.gaps())
        return GapPrices(opening, extending, unit=o.sim_scale)

    def at(self, progress: float) -> None:
        """Called before every step with the progress of training, in [0, 1): the cross term waits for ``cross_start``.

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
            terms["cross"] = term_across(
                pair, teacher=teacher, teacher_x=teacher_x, teacher_y=teacher_y, form=o.cross_form, aligner=o.teacher,
                tau=self.tau, var=o.var, eps=o.eps, gamma=o.cross_gamma, gaps=o.cross_gaps, scale=o.cross_scale,
                margin=o.cross_margin, learned_gaps=self.gaps_for,
            )  # fmt: skip
        return terms

    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """The terms within videos."""
        same = pair.only(pair.video_x == pair.video_y) if self.options.crosses else pair
        return super().parts(same) if self.options.as_meant else published.terms(same, self.options, self.gaps_for)

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The loss L from its terms."""
        loss = super().total(terms)
        return loss + self.options.cross_weight * terms["cross"] if "cross" in terms else loss

    def gaps_for(self, s: Float[Tensor, "b n m"], *, held: bool = False) -> tuple[Tensor, Tensor]:
        """Gap prices (open, extend) for a similarity; ``held``: without gradient."""
        if self.options.gap_clamp and self.gaps.form != "softplus":
            self._clamp_gaps()
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
        for gap in self.gaps.parameters():
            if bool((gap < 0).any()):
                gap.clamp_(min=0)
