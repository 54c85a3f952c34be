"""LAC, local-alignment contrastive learning (arXiv 2409.04607), in the form that is meant.

Of two views of one video, with unit rows z, soft labels Y in time and S_ij = (z_i . z_j - mean) / scale:

    D_ij   = S_ij + max~(0, D_i-1,j-1, Ix_i-1,j-1, Iy_i-1,j-1)               (eq. 2 of the paper)
    Ix_ij  = max~(D_i,j-1 - open, Ix_i,j-1 - extend)                          (eq. 3)
    Iy_ij  = max~(D_i-1,j - open, Ix_i-1,j - open, Iy_i-1,j - extend)         (eq. 4)
    SW     = max~ over all cells of D,   max~(u) = gamma log sum exp(u / gamma),
    P      = d SW / d S, the posterior probability that two frames are matched,

    L_c    = mean over rows i of -sum_j Y_ij log softmax_j(z_i . z_j / tau),  both directions     (eq. 7)
    L_l    = mean over rows i of -sum_j Y_ij log softmax_j(log(P_ij + eps)),  weighted by what is aligned of row i
    L_sw   = -SW / min(T_x, T_y),  the gap prices held: they learn through L_l
    L      = L_c + alpha (L_l + beta L_sw)                                                        (eq. 8)

Equations 2 to 4 are `alignment.soft_smith_waterman`. `LACLoss` (`lac_presets`) is this, the forms that are printed and
released (`lac_published`), and a term across videos (`cross_video`), by preset.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from syncline.alignment import Gaps, expected_alignment, similarity_matrix, soft_smith_waterman
from syncline.losses.loss import PairLoss
from syncline.losses.preset_settings import check_positive
from syncline.losses.row_arithmetic import aligned_rows, cross_entropy_rows, time_labels, weighted_mean
from syncline.losses.view_pair import Pair


class LAC(PairLoss):
    """LAC of pairs of views of the same videos.

    Args:
        tau: temperature of the softmax over similarities. var: of the soft labels, in squared steps.
        alpha, beta: weights, see above. With alpha 0 no alignment is computed.
        gamma: temperature of the alignment, in units of S. eps: added to P.
        sim_scale: what one unit of S is. gaps: the learned prices (open, extend); None: they begin at 1 and .5.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> views = dict(steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames)
        >>> sorted(LAC(alpha=0.3).terms(z, z, **views))
        ['contrastive', 'local', 'sw']
    """

    def __init__(
        self,
        *,
        tau: float = 0.1,
        var: float = 10.0,
        alpha: float = 0.1,
        beta: float = 1.0,
        gamma: float = 0.8,
        eps: float = 1e-2,
        sim_scale: float = 0.1,
        gaps: Gaps | None = None,
    ) -> None:
        super().__init__()
        check_positive(tau=tau, var=var, gamma=gamma, sim_scale=sim_scale)
        self.tau, self.var, self.alpha, self.beta = tau, var, alpha, beta
        self.gamma, self.eps, self.sim_scale = gamma, eps, sim_scale
        self.gaps = Gaps() if gaps is None else gaps

    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """{"contrastive", "local", "sw"}, the last two unless alpha is 0."""
        there, back = (contrastive_rows(p, tau=self.tau, var=self.var) for p in (pair, pair.swapped()))
        terms = {"contrastive": (there + back) / 2}
        if self.alpha > 0:
            s = similarity_matrix(pair.x, pair.y, kind="cos", centre="mean", scale=self.sim_scale, valid=pair.valid)
            terms["local"], terms["sw"] = alignment_terms(
                pair, s, self.gaps(), gamma=self.gamma, var=self.var, eps=self.eps
            )
        return terms

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The loss L from its terms."""
        loss = terms["contrastive"]
        return loss + self.alpha * (terms["local"] + self.beta * terms["sw"]) if "local" in terms else loss


def contrastive_rows(pair: Pair, *, tau: float, var: float) -> Float[Tensor, ""]:
    """L_c of the rows of x."""
    logits = pair.x @ pair.y.transpose(1, 2) / tau
    rows = cross_entropy_rows(time_labels(pair, var), logits, pair.mask_y)
    return weighted_mean(rows, pair.mask_x.to(rows.dtype))


def alignment_terms(
    pair: Pair, s: Float[Tensor, "b n m"], gaps: tuple[Tensor, Tensor], *, gamma: float, var: float, eps: float
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """(L_l, L_sw) of S with gap prices (open, extend) that are the same everywhere."""
    lengths_x, lengths_y = pair.lengths_x, pair.lengths_y
    opening, extending = gaps
    posterior = expected_alignment(
        s, gap_open=opening, gap_extend=extending, gamma=gamma, lengths_x=lengths_x, lengths_y=lengths_y
    )
    there = aligned_rows(pair, posterior, var=var, eps=eps)
    back = aligned_rows(pair.swapped(), posterior.transpose(1, 2), var=var, eps=eps)
    # maximising the score has no lower bound in the gaps: they are held
    score = soft_smith_waterman(
        s, gap_open=opening.detach(), gap_extend=extending.detach(), gamma=gamma,
        lengths_x=lengths_x, lengths_y=lengths_y,
    )  # fmt: skip
    shorter = torch.minimum(lengths_x, lengths_y)
    score = score.where(shorter > 0, 0.0) / shorter.clamp(min=1)
    return (there + back) / 2, -score.sum() / (shorter > 0).sum().clamp(min=1)
