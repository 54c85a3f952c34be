"""BatchNorms that are shared by processes: the same numbers, names and activations as those in whose place they are."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from syncline.encoder import batch_norm
from syncline.encoder.batch_norm import SharedBatchNorm, share_batch_norms

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def as_one_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were other processes, whose batches are empty."""
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor: None)


def results(norm: nn.Module, x: Tensor, weight: Tensor) -> list[Tensor]:
    given = x.clone().requires_grad_()
    y = norm(given)
    (y * weight).sum().backward()
    assert given.grad is not None
    return [y, given.grad, *(p.grad for p in norm.parameters() if p.grad is not None), *norm.buffers()]


@pytest.mark.parametrize(("kind", "shape"), [(nn.BatchNorm2d, (5, 4, 3, 3)), (nn.BatchNorm3d, (3, 4, 2, 3, 3))])
def test_it_computes_what_the_other_computes(kind: Any, shape: tuple[int, ...], as_one_of_several: None) -> None:
    torch.manual_seed(0)
    own = kind(4, momentum=0.3)
    nn.init.normal_(own.weight)
    nn.init.normal_(own.bias)
    shared = SharedBatchNorm(copy.deepcopy(own))
    x, weight = 3 * torch.randn(shape) + 1, torch.randn(shape)
    for found, expected in zip(results(shared, x, weight), results(own, x, weight), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert shared.state_dict().keys() == own.state_dict().keys()
    torch.testing.assert_close(shared.eval()(x), own.eval()(x))


@pytest.mark.parametrize("device", [CPU, GPU], ids=["cpu", "cuda"])
def test_activations_inside_and_frozen_parts_stay(device: torch.device) -> None:
    """timm's BatchNormAct2d is a BatchNorm2d with an activation, which PyTorch's own conversion leaves out."""
    net = timm.create_model("test_efficientnet", pretrained=False, num_classes=0).eval()
    next(iter(net.parameters())).requires_grad_(False)
    x = torch.rand(2, 3, 64, 64)
    before, names = net(x), list(net.state_dict())
    wanted = [p.requires_grad for p in net.parameters()]
    share_batch_norms(net, device)
    assert any(isinstance(module, SharedBatchNorm) for module in net.modules())
    torch.testing.assert_close(net(x), before)
    assert sorted(net.state_dict()) == sorted(names)
    assert sorted(p.requires_grad for p in net.parameters()) == sorted(wanted)
    assert not any(module.training for module in net.modules())


def test_plain_ones_are_pytorchs_own_on_a_gpu() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm3d(4)), batch_norm.BatchNorm(4)
    )
    share_batch_norms(net, GPU)
    kinds = [type(module) for module in net.modules() if not isinstance(module, nn.Sequential | nn.Conv2d)]
    assert kinds == [nn.SyncBatchNorm, nn.SyncBatchNorm, batch_norm.BatchNorm]
