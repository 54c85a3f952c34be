"""Every loss, values and gradients, against its formula written frame by frame, on ragged random batches."""

from __future__ import annotations

from functools import partial
from typing import Any

import loss_loops as loops
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from syncline.losses import GTALoss, LACLoss, LAVLoss, LRPropLoss, PairLoss, SCLLoss, TCCLoss, TCNLoss

KINDS = ("classification", "regression_mse", "regression_mse_var", "regression_huber")
CASES: dict[str, tuple[PairLoss, loops.Loss, dict[str, Any]]] = {
    **{f"scl {n}": (SCLLoss(negatives=n), loops.scl(n), {}) for n in ("single_noself", "single", "noself", "all")},  # type: ignore[arg-type]
    "tcn": (TCNLoss(), loops.tcn_npairs, {"even": True, "unit": False}),
    **{
        f"tcc {k} {s}": (TCCLoss(loss=k, similarity=s), loops.tcc(k, s), {"unit": False})  # type: ignore[arg-type]
        for k in KINDS
        for s in ("l2", "cosine")
    },
    "lav of the next videos": (LAVLoss(), loops.lav(), {}),
    "lav of two videos": (LAVLoss(), loops.lav(), {"two": True}),
    "lav divergence": (LAVLoss("lac"), loops.lav(diverges=True), {"two": True}),
    "lav raw": (LAVLoss(idm_index="raw"), loops.lav(raw=True), {"two": True}),
    "gta": (GTALoss(), loops.gta(), {}),
    "gta lac": (GTALoss("lac"), loops.gta(transpose=False), {}),
    "gta soft": (GTALoss(minimum="soft"), loops.gta("soft"), {}),
    "lrprop": (LRPropLoss(), loops.lrprop(), {}),
    "lrprop mixture": (LRPropLoss(labels="mixture"), loops.lrprop(labels="mixture"), {"two": True}),
    "lrprop idm": (LRPropLoss(regularizer="idm"), loops.lrprop(regularizer="idm"), {"two": True}),
    "lac corrected": (LACLoss("corrected"), loops.lac_as_meant, {}),
    "lac paper": (LACLoss("paper"), loops.lac_as_printed, {}),
    "lac released_vec": (
        LACLoss("released_vec"), partial(loops.lac_as_printed, released=True), {"unit": False, "full": True}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_loss_is_its_formula(name: str, seed: int) -> None:
    loss, formula, how = CASES[name]
    x, y, told, views = batch(seed, **how)
    found, expected = loss(x, y, **told), formula(*views)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(gradients(found, x, y), gradients(expected, x, y), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)


def test_frames_just_as_far_apart_as_the_window_of_lav_are_in_it() -> None:
    """10 frames apart, in videos of any length: |x - y|^2 counts, 2 for rows at right angles, which are not pushed."""
    frames = torch.arange(20, 120)
    z = torch.eye(2).expand(len(frames), 2, 2)
    steps = torch.tensor([4, 14]).expand(len(frames), 2)
    loss = LAVLoss(pairs="given")
    terms = loss.terms(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames)
    assert terms["idm"].item() == pytest.approx((4 + 4) / 2)


def gradients(value: Tensor, x: Tensor, y: Tensor) -> list[Tensor]:
    found = torch.autograd.grad(value, [x, y], allow_unused=True)
    return [torch.zeros_like(x) if part is None else part for part in found]


def batch(
    seed: int, *, two: bool = False, even: bool = False, full: bool = False, unit: bool = True
) -> tuple[Tensor, Tensor, dict[str, Tensor], tuple[list[loops.View], list[loops.View]]]:
    """Two pairs of up to five frames, as the library and as the formulas take them.

    ``two``: of two videos each. ``even``: x and y have as many frames; ``full``: five. ``unit``: the formulas are about
    rows of length 1.
    """
    b, t, d = 2, 5, 3
    generator = torch.Generator().manual_seed(seed)
    z = [0.6 * torch.randn(b, t, d, generator=generator, dtype=torch.float64) for _ in "xy"]
    frames = torch.randint(14, 40, (2, b), generator=generator)
    frames[1] = frames[1] if two else frames[0]
    lengths = torch.full((2, b), t) if full else torch.randint(2, t + 1, (2, b), generator=generator)
    lengths[1] = lengths[0] if even else lengths[1]
    steps = torch.zeros(2, b, t, dtype=torch.int64)
    for side, row in [(side, row) for side in (0, 1) for row in range(b)]:
        steps[side, row] = torch.randperm(int(frames[side, row]), generator=generator)[:t].sort().values
    video = torch.arange(2 * b).view(2, b) if two else torch.arange(b).expand(2, b)
    masks = torch.arange(t) < lengths[:, :, None]
    told, views = {}, []
    for side, name in enumerate("xy"):
        z[side].requires_grad_()
        rows = normalize(z[side], dim=-1) if unit else z[side]
        told |= {f"steps_{name}": steps[side], f"frames_{name}": frames[side], f"mask_{name}": masks[side]}
        told[f"video_{name}"] = video[side]
        views.append(
            [
                loops.View(
                    list(rows[i, : lengths[side, i]]), steps[side, i, : lengths[side, i]].tolist(),
                    float(frames[side, i]), int(video[side, i]),
                )
                for i in range(b)
            ]
        )  # fmt: skip
    return z[0], z[1], told, (views[0], views[1])
