"""Padding changes nothing, no corner gives a gradient that is not finite, wrong calls say so: for every loss."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import pytest
import torch
from loss_inputs import batch, padded
from torch import Tensor, nn

from syncline.losses import GTALoss, LACLoss, LAVLoss, LRPropLoss, SCLLoss, TCCLoss, TCNLoss

LOSSES: dict[str, tuple[Any, dict[str, Any]]] = {
    "tcn": (TCNLoss, {}),
    "tcn carl": (TCNLoss, {"preset": "carl"}),
    "tcn triplet": (TCNLoss, {"preset": "lac"}),
    "tcc": (TCCLoss, {}),
    "tcc classification": (TCCLoss, {"loss": "classification"}),
    "tcc cosine huber": (TCCLoss, {"similarity": "cosine", "loss": "regression_huber"}),
    "tcc mse": (TCCLoss, {"loss": "regression_mse"}),
    "lav": (LAVLoss, {}),
    "lav lac": (LAVLoss, {"preset": "lac"}),
    "lav raw": (LAVLoss, {"idm_index": "raw", "pairs": "given"}),
    "gta": (GTALoss, {}),
    "gta soft": (GTALoss, {"minimum": "soft"}),
    "gta hard": (GTALoss, {"minimum": "hard", "alignment_only": True}),
    "scl": (SCLLoss, {}),
    "scl single": (SCLLoss, {"negatives": "single"}),
    "scl noself": (SCLLoss, {"negatives": "noself"}),
    "scl all": (SCLLoss, {"negatives": "all"}),
    "lrprop": (LRPropLoss, {}),
    "lrprop mixture": (LRPropLoss, {"path": "hard", "labels": "mixture", "regularizer": "idm"}),
    "lac": (LACLoss, {}),
    "lac paper": (LACLoss, {"preset": "paper"}),
    "lac released_vec": (LACLoss, {"preset": "released_vec", "use_masks": True}),
    "lac elementwise": (LACLoss, {"preset": "paper", "local_logits": "elementwise"}),
    "lac log_elementwise": (LACLoss, {"local_logits": "log_elementwise"}),
    "lac cycle": (LACLoss, {"local_logits": "cycle"}),
    "lac gauss": (LACLoss, {"sim_sw": "gauss", "sim_center": "const", "gap_param": "per_position"}),
    "lac inv": (LACLoss, {"sim_sw": "inv", "sim_eps": 1e-2, "gap_param": "scalar"}),
    "lac neg_sq": (LACLoss, {"sim_sw": "neg_sq", "lc_norm": "1/T2"}),
    "cross_video": (LACLoss, {"preset": "cross_video"}),
    "cross_video soft_dtw": (LACLoss, {"preset": "cross_video", "teacher": "soft_dtw"}),
    "cross_video cycle": (LACLoss, {"preset": "cross_video", "cross_form": "cycle", "alpha": 0.1}),
}


@pytest.fixture(params=LOSSES)
def loss(request: pytest.FixtureRequest) -> nn.Module:
    make, options = LOSSES[request.param]
    made: nn.Module = make(**options).double()
    return made


def value(loss: nn.Module, x: Tensor, y: Tensor, views: dict[str, Any]) -> Tensor:
    if isinstance(loss, TCNLoss) and loss.mode == "triplet":
        views = {**views, "negatives": y.roll(1, dims=0) + 0.1}
    result: Tensor = loss(x, y, **views)
    return result


@pytest.mark.parametrize("garbage", [5.0, float("nan"), float("-inf")])
def test_masked_frames_change_nothing(loss: nn.Module, garbage: float) -> None:
    x, y, views = batch()
    one_more = views["mask_x"].clone()
    one_more[0, 5:] = False
    views |= {"mask_x": one_more, "mask_y": one_more.roll(1, dims=0)}
    expected = value(loss, x, y, views)
    longer_x, longer = padded(x, views, "x", 3, garbage)
    longer_y, longer = padded(y, longer, "y", 3, garbage)
    leaf = longer_x.requires_grad_()
    found = value(loss, leaf, longer_y, longer)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    found.backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()
    assert (leaf.grad[:, 7:] == 0).all()
    assert (leaf.grad[0, 5:] == 0).all()


def test_views_may_differ_in_length(loss: nn.Module) -> None:
    x, y, views = batch()
    longer_y, longer = padded(y, views, "y", 2, 1.0)
    pooled = isinstance(loss, TCCLoss | GTALoss | TCNLoss)
    if pooled:
        with pytest.raises(ValueError, match=r"slot"):
            value(loss, x, longer_y, longer)
    else:
        torch.testing.assert_close(value(loss, x, longer_y, longer), value(loss, x, y, views))


PAIRING_ANEW = ("lav", "lrprop", "cross_video", "tcn triplet")  # the last by the negatives that `value` makes
WITHIN = [name for name in LOSSES if not name.startswith(PAIRING_ANEW)]


@pytest.mark.parametrize("loss", WITHIN, indirect=True)
def test_a_pair_without_frames_changes_nothing(loss: nn.Module) -> None:
    x, y, views = batch(b=4)
    views["mask_x"][3], views["mask_y"][3] = False, False
    first = {name: part[:3] for name, part in views.items()}
    torch.testing.assert_close(value(loss, x, y, views), value(loss, x[:3], y[:3], first))


def test_random_cycles_go_through_sequences_that_have_frames() -> None:
    x, y, views = batch(b=4)
    torch.manual_seed(0)
    whole = TCCLoss(loss="classification", stochastic=True, num_cycles=400)(x, y, **views)
    torch.testing.assert_close(whole, TCCLoss(loss="classification")(x, y, **views), rtol=0.1, atol=0)
    loss = TCCLoss(stochastic=True, cycle_length=3)
    views["mask_x"][1:], views["mask_y"][1:] = False, False
    assert loss(x, y, **views) == 0, "two sequences make no cycle of three"
    with pytest.raises(ValueError, match="cycles of length 9"):
        TCCLoss(stochastic=True, cycle_length=9)(x, y, **views)


@pytest.mark.parametrize("length", [1, 0, -1])
def test_a_cycle_goes_through_two_sequences_at_least(length: int) -> None:
    with pytest.raises(ValueError, match="cycle_length must be at least 2"):
        TCCLoss(stochastic=True, cycle_length=length)


@pytest.mark.parametrize("make", [LAVLoss, LRPropLoss])
def test_a_video_is_never_paired_with_itself(make: Any) -> None:
    x, y, views = batch(b=3)
    views |= {"video_x": torch.tensor([0, 1, 0]), "video_y": torch.tensor([0, 1, 0])}
    leaf = y.clone().requires_grad_()
    terms = make().terms(x, leaf, **views)
    terms.get("soft_dtw", terms.get("propagation")).backward()
    assert leaf.grad is not None
    assert (leaf.grad[0] == 0).all(), "the last x would meet the first y, both of video 0"
    assert (leaf.grad[1] != 0).any()


@pytest.mark.parametrize("name", ["video_x", "video_y"])
def test_videos_are_told_of_both_views_or_of_none(loss: nn.Module, name: str) -> None:
    x, y, views = batch()
    with pytest.raises(ValueError, match=r"video_x and video_y must both be \(3,\)"):
        value(loss, x, y, {**views, name: torch.arange(3)})


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (TCCLoss, "temperature"), (LAVLoss, "gamma"), (GTALoss, "gamma"), (GTALoss, "feature_temperature"),
        (SCLLoss, "temperature"), (SCLLoss, "variance"), (LRPropLoss, "gamma"), (LRPropLoss, "temperature"),
        (LACLoss, "gamma"),
    ],
)  # fmt: skip
def test_temperatures_are_above_0(make: Any, name: str, bad: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be above 0"):
        make(**{name: bad})


@pytest.mark.parametrize("name", ["beta", "alpha", "cross_weight", "eps", "sim_eps", "cross_start"])
def test_other_numbers_of_lac_are_checked(name: str) -> None:
    for bad in (float("nan"), float("inf"), *([] if name == "beta" else [-1.0])):
        with pytest.raises(ValueError, match=f"{name}.* must be|{name} in"):
            LACLoss(**{name: bad})


CORNERS = ["identical", "constant", "one frame", "zeros", "masks of length 0", "one pair", "far apart", "large"]


@pytest.mark.parametrize("corner", CORNERS)
def test_gradients_are_finite_in_the_corners(loss: nn.Module, corner: str) -> None:
    x, y, views = batch(dtype=torch.float32, b=1 if corner == "one pair" else 3, t=1 if corner == "one frame" else 7)
    loss = loss.float()
    if corner == "identical":
        y = x.clone()
        views["steps_y"], views["frames_y"] = views["steps_x"], views["frames_x"]
    elif corner == "constant":
        x, y = torch.ones_like(x), torch.ones_like(y)
    elif corner == "zeros":
        x, y = torch.zeros_like(x), torch.zeros_like(y)
    elif corner == "masks of length 0":
        views["mask_x"][0], views["mask_y"][0], views["mask_x"][1] = False, False, False
    elif corner == "far apart":
        views["steps_x"], views["frames_x"] = views["steps_x"] + 10**6, views["frames_x"] + 10**6
    elif corner == "large":
        x, y = 10 * x, 10 * y
    leaves = [x.requires_grad_(), y.requires_grad_()]
    found = value(loss, *leaves, views)
    found.backward()
    assert found.isfinite()
    assert all(leaf.grad is not None and leaf.grad.isfinite().all() for leaf in leaves)
    assert all(p.grad is None or p.grad.isfinite().all() for p in loss.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(loss: nn.Module, dtype: torch.dtype) -> None:
    x, y, views = batch(dtype=dtype)
    loss = loss.float()
    found = value(loss, x, y, views)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, value(loss, x.float(), y.float(), views), rtol=1e-3, atol=1e-3)


def test_autocast_changes_little(loss: nn.Module) -> None:
    x, y, views = batch(dtype=torch.float32)
    loss = loss.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        leaf = x.clone().requires_grad_()
        found = value(loss, leaf, y, views)
    found.backward()
    assert found.dtype == torch.float32
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()
    torch.testing.assert_close(found, value(loss, x, y, views), rtol=0.1, atol=0.1)


@pytest.mark.parametrize("make", [TCNLoss, TCCLoss, LAVLoss, GTALoss, SCLLoss, LRPropLoss, LACLoss])
def test_unknown_presets_and_options(make: Any) -> None:
    name = make.__name__
    with pytest.raises(ValueError, match=rf"{name} has no preset 'best'; expected one of \w+, "):
        make(preset="best")
    with pytest.raises(TypeError, match="gama"):
        make(gama=0.1)
    assert inspect.signature(make).parameters["preset"].default in ("original", "corrected")


@pytest.mark.parametrize(
    ("make", "options", "named"),
    [
        (TCNLoss, {"mode": "pairs"}, "mode"),
        (TCCLoss, {"loss": "mse"}, "loss"),
        (TCCLoss, {"similarity": "dot"}, "similarity"),
        (LAVLoss, {"pairs": "views"}, "pairs"),
        (SCLLoss, {"negatives": "none"}, "negatives"),
        (GTALoss, {"minimum": "max"}, "minimum"),
        (LRPropLoss, {"labels": "median"}, "labels"),
        (LACLoss, {"local_logits": "sum"}, "local_logits"),
        (LACLoss, {"sw_sign": 0}, "sw_sign"),
        (LACLoss, {"gamma": 0.0}, "gamma"),
        (LACLoss, {"gap_init": (1.0,)}, "gap_init"),
        (LACLoss, {"alpha": -1.0}, "alpha"),
        (LACLoss, {"use_masks": "no"}, "use_masks must be True or False, got 'no'"),
        (LACLoss, {"gap_grad": "released"}, "posterior"),
    ],
)
def test_unknown_values(make: Any, options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make(**options)


def test_wrong_shapes_and_masks() -> None:
    x, y, views = batch()
    loss = SCLLoss()
    with pytest.raises(ValueError, match=r"\(b, n, d\) and \(b, m, d\), got \(7, 5\)"):
        loss(x[0], y, **views)
    with pytest.raises(ValueError, match="at least one pair of one frame"):
        loss(x[:0], y[:0], **{name: part[:0] for name, part in views.items()})
    with pytest.raises(ValueError, match=r"steps_x and frames_x must be \(3, 7\) and \(3,\)"):
        loss(x, y, **{**views, "steps_x": views["steps_x"][:, :3]})
    with pytest.raises(ValueError, match="mask_y must be a prefix"):
        loss(x, y, **{**views, "mask_y": torch.tensor([0, 1, 1, 1, 1, 1, 1]).expand(3, -1)})
    with pytest.raises(ValueError, match=r"mask_x must be \(3, 7\), got \(3, 2\)"):
        loss(x, y, **{**views, "mask_x": views["mask_x"][:, :2]})
    with pytest.raises(ValueError, match="needs negatives"):
        TCNLoss("lac")(x, y, **views)


@pytest.mark.parametrize("make", [TCNLoss, TCCLoss, LAVLoss, GTALoss, SCLLoss, LRPropLoss, LACLoss])
def test_every_argument_is_named(make: Any) -> None:
    """Nothing hides behind `**options`, and every setting of a preset is an argument."""
    for function in (make.__init__, make.forward, make.terms):
        assert not [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.VAR_KEYWORD]
    presets = sys.modules[make.__module__].PRESETS
    assert "video_y" in inspect.signature(make.terms).parameters
    for settings in presets.values():
        assert settings
        assert set(settings) <= set(inspect.signature(make).parameters)
