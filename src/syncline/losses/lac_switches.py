"""The switches of LAC and its presets.

The printed formulas, the released code and what the method evidently intends differ in so many places that each place
is a switch; a preset is one position of all of them. `docs/formulas.md` shows what each of them does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, cast

from syncline.alignment.soft_smith_waterman import GapForm
from syncline.losses.presets import check_choice, check_positive

Local = Literal["matmul", "elementwise", "log_elementwise", "cycle", "posterior"]
Teacher = Literal["local", "soft_dtw", "none"]


@dataclass(frozen=True)
class LACOptions:
    """Every switch of `LACLoss`; the defaults are the preset ``corrected``.

    Attributes:
        l2_normalize: rows of x and y brought to length 1 first. use_masks: padded slots are left out.
        tau: temperature of the softmax over similarities. var: of the soft labels, in squared steps.
        lc_norm: ``1/T`` mean cross entropy of the rows; ``1/T2`` the released code: their summed KL divergence over
            T^2.
        lc_symmetric: rows of y too, in the contrastive and in the local term.
        alpha, beta: loss = contrastive + alpha (local + beta sw). With alpha 0 no alignment is computed.
        sim_sw: similarity that is aligned: ``inv_sq`` 1 / (d^2 + sim_eps), ``inv`` 1 / (d + sim_eps), ``inv1p``
            1 / (1 + d), ``cos``, ``neg_sq`` -d^2, ``gauss`` exp(-d^2). sim_eps: of the singular two.
        sim_center: what is taken off it, so that unrelated pairs lie below 0: ``none``, ``const`` (sim_constant) or
            ``mean`` of each pair, detached. sim_scale: what it is then divided by.
        gamma: temperature of the alignment, in units of the similarity. tie_gamma_tau: tau is gamma (released code).
        sw_sign: +1 minimises the alignment score (as printed), -1 maximises it; the gaps are then held constant in this
            term, which has no lower bound in them.
        sw_norm: ``none``: SW12 + SW21; ``T``: that over 2 min(T_x, T_y).
        sw_grad: ``exact``, or ``no_temperature``, the released code's. D_grad: the local term's gradient goes through
            the alignment (the released code stops it there, so that the term teaches nothing).
        local_logits: how the local term reads the alignment, see `local`. D_temp: prefix scores are divided by ``tau``
            or ``none``. eps: added to the posterior.
        gap_param: ``softplus_scalar`` two positive numbers; ``scalar`` two free ones; ``per_position``, ``matrix`` free
            ones for up to num_frames slots. gap_init: (open, extend). gap_clamp: free ones are kept at 0 or above.
        gap_grad: ``exact``, or ``released``: one cell off and without the upstream gradient.
        gap_lr: learning rate that the gaps want; None: the encoder's. The training loop reads it.
        cross_weight: of the term across videos, see `cross`. cross_form: ``carried`` positions or ``cycle``.
        teacher: whose alignment carries positions: ``local``, ``soft_dtw``, or ``none`` for no term.
        cross_start: share of the training before the term across videos counts, see `LACLoss.at`.
        cross_gamma, cross_gaps, cross_scale: temperature, (open, extend) and sim_scale of the teacher. A video at half
            the speed needs a gap at every second frame: dear gaps make the teacher a clock.
        cross_margin: standard deviations above the mean similarity at which a match begins to earn; a higher one leaves
            more frames alone.
    """

    l2_normalize: bool = True
    use_masks: bool = True
    tau: float = 0.1
    var: float = 10.0
    lc_norm: Literal["1/T", "1/T2"] = "1/T"
    lc_symmetric: bool = True
    alpha: float = 0.1
    beta: float = 1.0
    sim_sw: Literal["cos", "inv_sq", "inv", "inv1p", "neg_sq", "gauss"] = "cos"
    sim_center: Literal["none", "const", "mean"] = "mean"
    sim_constant: float = 0.5
    sim_scale: float = 0.1
    sim_eps: float = 1e-8
    gamma: float = 0.8
    tie_gamma_tau: bool = False
    sw_sign: int = -1
    sw_norm: Literal["none", "T"] = "T"
    sw_grad: Literal["exact", "no_temperature"] = "exact"
    D_grad: bool = True
    local_logits: Local = "posterior"
    D_temp: Literal["none", "tau"] = "tau"
    eps: float = 1e-2
    gap_param: Literal["softplus_scalar", "scalar", "per_position", "matrix"] = "softplus_scalar"
    gap_init: tuple[float, float] = (1.0, 0.5)
    gap_clamp: bool = True
    gap_grad: Literal["exact", "released"] = "exact"
    gap_lr: float | None = None
    num_frames: int = 256
    cross_weight: float = 0.0
    cross_form: Literal["carried", "cycle"] = "carried"
    teacher: Teacher = "local"
    cross_start: float = 0.0
    cross_gamma: float = 0.2
    cross_gaps: tuple[float, float] = (0.3, 0.3)
    cross_scale: float = 0.1
    cross_margin: float = 1.0

    def __post_init__(self) -> None:
        for (name, spelt), value in _SPELLINGS.items():
            if getattr(self, name) == spelt:
                object.__setattr__(self, name, value)
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        for name, values in _CHOICES.items():
            check_choice(name, getattr(self, name), values)
        check_positive(**{name: getattr(self, name) for name in _POSITIVE})
        for name in ("gap_init", "cross_gaps"):
            pair = getattr(self, name)
            if len(pair) != 2:
                raise ValueError(f"{name} must be (open, extend), got {pair!r}")
        for name in ("cross_weight", "alpha", "eps", "sim_eps"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and not below 0, got {getattr(self, name)}")
        if not math.isfinite(self.beta) or not 0 <= self.cross_start <= 1:
            raise ValueError(f"beta must be finite, cross_start in [0, 1]; got {self.beta}, {self.cross_start}")
        if self.local_logits == "posterior" and self.released_operator:
            raise ValueError("local_logits 'posterior' needs sw_grad 'exact' and gap_grad 'exact'")

    @property
    def released_operator(self) -> bool:
        """Whether the alignment's gradient is the released code's."""
        return self.sw_grad != "exact" or self.gap_grad != "exact"

    @property
    def crosses(self) -> bool:
        """Whether there is a term across videos."""
        return self.cross_weight > 0 and self.teacher != "none"

    @property
    def temperature(self) -> float:
        """tau, or what it is tied to."""
        return self.gamma if self.tie_gamma_tau else self.tau

    @property
    def gap_form(self) -> GapForm:
        """The form of `alignment.Gaps` that holds the gaps; a free scalar is a matrix of one cell."""
        if self.gap_param == "scalar":
            return "matrix"
        return "softplus" if self.gap_param == "softplus_scalar" else cast(GapForm, self.gap_param)


_CHOICES: dict[str, tuple[object, ...]] = {
    "lc_norm": ("1/T", "1/T2"),
    "sim_sw": ("cos", "inv_sq", "inv", "inv1p", "neg_sq", "gauss"),
    "sim_center": ("none", "const", "mean"),
    "sw_sign": (1, -1),
    "sw_norm": ("none", "T"),
    "sw_grad": ("exact", "no_temperature"),
    "local_logits": ("matmul", "elementwise", "log_elementwise", "cycle", "posterior"),
    "D_temp": ("none", "tau"),
    "gap_param": ("softplus_scalar", "scalar", "per_position", "matrix"),
    "gap_grad": ("exact", "released"),
    "cross_form": ("carried", "cycle"),
    "teacher": ("local", "soft_dtw", "none"),
}
_SWITCHES = ("l2_normalize", "use_masks", "lc_symmetric", "tie_gamma_tau", "D_grad", "gap_clamp")
_SPELLINGS: dict[tuple[str, str], object] = {
    ("lc_norm", "1/T²"): "1/T2",
    ("D_temp", "τ"): "tau",
    ("D_grad", "on"): True,
    ("D_grad", "off"): False,
    ("gap_param", "per-position"): "per_position",
    ("gap_param", "softplus-scalar"): "softplus_scalar",
}
"""The same values as tables and formulas write them."""
_POSITIVE = ("tau", "var", "sim_scale", "gamma", "num_frames", "cross_gamma", "cross_scale")

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
PRESETS: dict[str, dict[str, Any]] = {
    "corrected": {},
    "paper": _PAPER,
    "released": {
        **_RELEASED_VEC,
        "sim_eps": 0.0,
        "sw_grad": "no_temperature",
        "D_grad": False,
        "gap_grad": "released",
    },
    "released_vec": _RELEASED_VEC,
    "cross_video": {"alpha": 0.0, "cross_weight": 0.3, "cross_start": 0.2},
}
NAMES = tuple(field.name for field in fields(LACOptions))
