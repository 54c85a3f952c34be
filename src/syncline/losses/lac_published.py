"""LAC as printed (``paper``) and as released (``released``, ``released_vec``): the switches, and what they change.

The printed formulas, the released code and what the method evidently intends (`lac`) differ in so many points that
each point is a switch; a preset (`lac_presets`) is one position of all of them. `docs/formulas.md` shows what each
does.

With Y the soft labels of a pair, S the similarity that is aligned, D its prefix scores and P = d SW / d S the
probability that two frames are matched:

    L_l  = weighted mean over rows i of -sum_j Y_ij log softmax_j(logits_ij),  logits from D or P, see `_local`
    L_sw = sign (SW12 + SW21)
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_origin, get_type_hints

import torch
from torch import Tensor

from syncline.alignment import Gaps, expected_alignment, similarity_matrix, soft_smith_waterman
from syncline.alignment.similarity import Centre, Similarity
from syncline.alignment.soft_smith_waterman import GapForm
from syncline.errors import check_choice
from syncline.losses.cross_video import Aligner, CrossForm
from syncline.losses.lac import LAC, contrastive_rows
from syncline.losses.preset_settings import check_positive
from syncline.losses.released_operator import released_soft_smith_waterman
from syncline.losses.row_arithmetic import (
    aligned_rows,
    cross_entropy_rows,
    divergence_rows,
    masked_log_softmax,
    masked_softmax,
    mean_over,
    soft_labels,
    time_labels,
    weighted_mean,
)
from syncline.losses.view_pair import Pair

ContrastiveNorm = Literal["1/T", "1/T2", "1/T²"]
ScoreNorm = Literal["none", "T"]
ScoreGradient = Literal["exact", "no_temperature"]
LocalLogits = Literal["matmul", "elementwise", "log_elementwise", "cycle", "posterior"]
PrefixTemperature = Literal["none", "tau", "τ"]
GapParam = Literal["softplus_scalar", "softplus-scalar", "scalar", "per_position", "per-position", "matrix"]
GapGradient = Literal["exact", "released"]
Sign = Literal[1, -1]
OnOff = bool | Literal["on", "off"]
GapsFor = Callable[..., tuple[Tensor, Tensor]]


_MEANT: dict[str, Any] = {name: setting.default for name, setting in inspect.signature(LAC).parameters.items()}
_GAPS: dict[str, Any] = {name: setting.default for name, setting in inspect.signature(Gaps).parameters.items()}


@dataclass(frozen=True)
class LACSwitches:
    """Every switch of `LACLoss`, which describes them; the defaults are the preset ``corrected``: those of `LAC`."""

    l2_normalize: bool = True
    use_masks: bool = True
    tau: float = _MEANT["tau"]
    var: float = _MEANT["var"]
    lc_norm: ContrastiveNorm = "1/T"
    lc_symmetric: bool = True
    alpha: float = _MEANT["alpha"]
    beta: float = _MEANT["beta"]
    sim_sw: Similarity = "cos"
    sim_center: Centre = "mean"
    sim_constant: float = 0.5
    sim_scale: float = _MEANT["sim_scale"]
    sim_eps: float = 1e-8
    gamma: float = _MEANT["gamma"]
    tie_gamma_tau: bool = False
    sw_sign: Sign = -1
    sw_norm: ScoreNorm = "T"
    sw_grad: ScoreGradient = "exact"
    D_grad: OnOff = True
    local_logits: LocalLogits = "posterior"
    D_temp: PrefixTemperature = "tau"
    eps: float = _MEANT["eps"]
    gap_param: GapParam = "softplus_scalar"
    gap_init: tuple[float, float] = (_GAPS["opening"], _GAPS["extending"])
    gap_clamp: bool = True
    gap_grad: GapGradient = "exact"
    gap_lr: float | None = None
    num_frames: int = 256
    cross_weight: float = 0.0
    cross_form: CrossForm = "carried"
    teacher: Aligner = "local"
    cross_start: float = 0.0
    cross_gamma: float = 0.2
    cross_gaps: tuple[float, float] = (0.3, 0.3)
    cross_scale: float = 0.1
    cross_margin: float = 1.0

    def __post_init__(self) -> None:
        for (name, spelt), value in _SPELLINGS.items():
            if getattr(self, name) == spelt:
                object.__setattr__(self, name, value)
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if hint in (bool, OnOff) and not isinstance(value, bool):
                raise ValueError(f"{name} must be True or False, got {value!r}")
            if get_origin(hint) is Literal:
                check_choice(name, value, hint)
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
    def as_meant(self) -> bool:
        """Whether the terms are those of `lac`: nothing that is switched here concerns them."""
        return (
            self.lc_norm == "1/T" and self.lc_symmetric and self.sim_sw == "cos" and self.sim_center == "mean"
            and self.local_logits == "posterior" and self.gap_param == "softplus_scalar"
            and self.sw_sign < 0 and self.sw_norm == "T" and bool(self.D_grad)
        )  # fmt: skip

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


def terms(pair: Pair, switches: LACSwitches, gaps: GapsFor) -> dict[str, Tensor]:
    """{"contrastive", "local", "sw"} of a form that is not `lac`; the last two unless alpha is 0."""
    o = switches
    found = {"contrastive": contrastive_released(pair, o) if o.lc_norm == "1/T2" else contrastive(pair, o)}
    if o.alpha > 0:
        s = similarity_matrix(
            pair.x, pair.y, kind=o.sim_sw, centre=o.sim_center, scale=o.sim_scale, constant=o.sim_constant,
            eps=o.sim_eps, valid=pair.valid,
        )  # fmt: skip
        found["local"], found["sw"] = alignment_terms(pair, s, gaps, o)
    return found


def contrastive(pair: Pair, switches: LACSwitches) -> Tensor:
    """L_c of the rows of x and, if ``lc_symmetric``, of y."""
    term = contrastive_rows(pair, tau=switches.temperature, var=switches.var)
    if not switches.lc_symmetric:
        return term
    return (term + contrastive_rows(pair.swapped(), tau=switches.temperature, var=switches.var)) / 2


def contrastive_released(pair: Pair, switches: LACSwitches) -> Tensor:
    """L_c of the released code: the summed KL divergence of x's rows over T^2."""
    logits = pair.x @ pair.y.transpose(1, 2) / switches.temperature
    p = masked_softmax(logits, pair.mask_y[:, None, :])
    summed = divergence_rows(time_labels(pair, switches.var), p, pair.valid).sum(dim=1)
    both = (pair.lengths_x > 0) & (pair.lengths_y > 0)
    return mean_over(summed / pair.lengths_x.clamp(min=1).square(), both)


def alignment_terms(pair: Pair, s: Tensor, gaps: GapsFor, switches: LACSwitches) -> tuple[Tensor, Tensor]:
    """(L_l, L_sw) of S (b, n, m). One alignment serves both directions where the gaps are the same everywhere."""
    ways = [(s, pair)]
    if switches.gap_param in ("per_position", "matrix"):
        ways.append((s.transpose(1, 2), pair.swapped()))
    # maximising the score has no lower bound in the gaps: they are held there, and learn through the local term
    held = switches.sw_sign < 0
    if switches.local_logits == "posterior":
        alignments = [_posterior(s, p, gaps(s), switches) for s, p in ways]
        scores = [_prefix_scores(s, p, gaps(s, held=held), switches, want_matrix=False)[0] for s, p in ways]
    else:
        found = [_prefix_scores(s, p, gaps(s), switches) for s, p in ways]
        alignments = [d for _, d in found]
        scores = [score for score, _ in found]
        if held:
            scores = [_prefix_scores(s, p, gaps(s, held=True), switches, want_matrix=False)[0] for s, p in ways]
    there, back = alignments[0], alignments[-1]
    if len(ways) == 1:
        back = there.transpose(1, 2)
    return _local(pair, there, back, switches), _score(scores[0] + scores[-1], pair, switches)


def _prefix_scores(
    s: Tensor, pair: Pair, gaps: tuple[Tensor, Tensor], switches: LACSwitches, *, want_matrix: bool = True
) -> tuple[Tensor, Tensor]:
    """SW (b,) and D (b, n, m) of S; D is empty unless it is wanted."""
    if switches.released_operator:
        return released_soft_smith_waterman(
            s, *gaps, gamma=switches.gamma, temperature=switches.sw_grad == "exact",
            shifted=switches.gap_grad == "released", lengths_x=pair.lengths_x, lengths_y=pair.lengths_y,
        )  # fmt: skip
    if not want_matrix:
        score = soft_smith_waterman(
            s, gap_open=gaps[0], gap_extend=gaps[1], gamma=switches.gamma,
            lengths_x=pair.lengths_x, lengths_y=pair.lengths_y,
        )  # fmt: skip
        return score, s.new_empty(0, 0, 0)
    return soft_smith_waterman(
        s, gap_open=gaps[0], gap_extend=gaps[1], gamma=switches.gamma,
        lengths_x=pair.lengths_x, lengths_y=pair.lengths_y, return_matrix=True,
    )  # fmt: skip


def _posterior(s: Tensor, pair: Pair, gaps: tuple[Tensor, Tensor], switches: LACSwitches) -> Tensor:
    """P (b, n, m), differentiable in S and the gaps unless ``D_grad`` is off."""
    posterior = expected_alignment(
        s, gap_open=gaps[0], gap_extend=gaps[1], gamma=switches.gamma,
        lengths_x=pair.lengths_x, lengths_y=pair.lengths_y,
    )  # fmt: skip
    return posterior if switches.D_grad else posterior.detach()


def _score(both: Tensor, pair: Pair, switches: LACSwitches) -> Tensor:
    """L_sw from SW12 + SW21 (b,), averaged over the pairs that have frames."""
    shorter = torch.minimum(pair.lengths_x, pair.lengths_y)
    both = both.where(shorter > 0, 0.0)
    if switches.sw_norm == "T":
        both = both / (2 * shorter.clamp(min=1))
    return switches.sw_sign * both.sum() / (shorter > 0).sum().clamp(min=1)


def _local(pair: Pair, there: Tensor, back: Tensor, switches: LACSwitches) -> Tensor:
    """L_l from what aligns x to y and y to x: P where ``local_logits`` is ``posterior``, else prefix scores D.

    With D12~ = softmax_j(D12 / t) and D21~ likewise, the logits of row i are: ``matmul`` D12~ D21~^T (the formula and
    the code: its inner index is a frame of y in the one factor, of x in the other); ``elementwise`` D12~ * D21~^T (the
    text); ``log_elementwise`` its logarithm; ``cycle`` D12~ D21~, whose columns are frames of x.
    """
    if switches.local_logits == "posterior":
        term = aligned_rows(pair, there, var=switches.var, eps=switches.eps)
        if switches.lc_symmetric:
            term = (term + aligned_rows(pair.swapped(), back, var=switches.var, eps=switches.eps)) / 2
        return term
    t = switches.temperature if switches.D_temp == "tau" else 1.0
    there, back = there.where(pair.valid, 0.0) / t, back.where(pair.valid.transpose(1, 2), 0.0) / t
    if not switches.D_grad:
        there, back = there.detach(), back.detach()
    term = _prefix_rows(pair, there, back, switches)
    return (term + _prefix_rows(pair.swapped(), back, there, switches)) / 2 if switches.lc_symmetric else term


def _prefix_rows(pair: Pair, d12: Tensor, d21: Tensor, switches: LACSwitches) -> Tensor:
    of_y, of_x = pair.mask_y[:, None, :], pair.mask_x[:, None, :]
    labels, columns = time_labels(pair, switches.var), pair.mask_y
    if switches.local_logits == "log_elementwise":
        logits = masked_log_softmax(d12, of_y) + masked_log_softmax(d21, of_x).transpose(1, 2)
        logits = logits.where(pair.valid, 0.0)
    else:
        p12, p21 = masked_softmax(d12, of_y), masked_softmax(d21, of_x)
        if switches.local_logits == "matmul":
            shared = min(p12.shape[2], p21.shape[2])  # slots that only one of the two has hold 0 there
            logits = p12[:, :, :shared] @ p21[:, :, :shared].transpose(1, 2)
        elif switches.local_logits == "elementwise":
            logits = p12 * p21.transpose(1, 2)
        else:
            logits = p12 @ (p21 * pair.mask_y[:, :, None])
            labels, columns = soft_labels(pair.steps_x, pair.steps_x, pair.mask_x, switches.var), pair.mask_x
    return weighted_mean(cross_entropy_rows(labels, logits, columns), pair.mask_x.to(d12.dtype))
