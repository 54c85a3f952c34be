"""BatchNorm whose means and variances are those of the whole batch, on any number of processes and any device.

PyTorch's ``SyncBatchNorm`` does so on GPUs only, and forgets what subclasses add to a BatchNorm, as timm's with an
activation inside.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class BatchNorm(nn.BatchNorm1d):
    """BatchNorm1d of rows (n, d) over the batches of all processes.

    In the first steps the running mean and variance are those of all batches so far, so that they are right after a
    training of a few steps too; later batches count for a tenth.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        assert self.num_batches_tracked is not None
        share = max(0.1, 1.0 / (1 + int(self.num_batches_tracked)))
        self.num_batches_tracked.add_(1)
        if _several_processes():
            return _normalised(self, x, share)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, True, share, self.eps)


class SharedBatchNorm(nn.BatchNorm2d):
    """Another BatchNorm, of (n, c, ...), computed over the batches of all processes.

    Parameters, buffers and their names are those of ``norm``; so is what timm's BatchNorms do afterwards.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        for part in ("drop", "act"):
            if hasattr(norm, part):
                self.add_module(part, getattr(norm, part))
        self.train(norm.training)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions will do."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and _several_processes():
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            y = _normalised(self, x, 0.1 if self.momentum is None else self.momentum)
        else:
            y = super().forward(x)
        for part in ("drop", "act"):
            y = getattr(self, part)(y) if hasattr(self, part) else y
        return y


def share_batch_norms(network: nn.Module, device: torch.device) -> None:
    """Makes every BatchNorm of ``network`` one over the batches of all processes; on a GPU PyTorch's, where it can."""
    for name, child in list(network.named_children()):
        if isinstance(child, BatchNorm | SharedBatchNorm | nn.SyncBatchNorm):
            continue
        if device.type == "cuda" and type(child) in (nn.BatchNorm2d, nn.BatchNorm3d):
            setattr(network, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))  # type: ignore[no-untyped-call]
        elif isinstance(child, _BatchNorm):
            setattr(network, name, SharedBatchNorm(child))
        else:
            share_batch_norms(child, device)


class _Summed(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _summed(own: Tensor) -> Tensor:
    total: Tensor = _Summed.apply(own)
    return total


def _several_processes() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _normalised(norm: _BatchNorm, x: Float[Tensor, "n c ..."], share: float) -> Float[Tensor, "n c ..."]:
    """x normalised channel by channel over all processes, whose mean and variance move the running ones by ``share``.

    Computed in float32, whatever x is.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    rows = x.float()
    others = [axis for axis in range(x.ndim) if axis != 1]
    per_channel = (1, -1, *(1 for _ in others[1:]))
    count = torch.tensor(float(x.numel() // x.shape[1]), device=x.device)
    dist.all_reduce(count)
    mean = _summed(rows.sum(dim=others)) / count
    rows = rows - mean.view(per_channel)
    variance = _summed(rows.square().sum(dim=others)) / count
    with torch.no_grad():
        norm.running_mean.lerp_(mean, share)
        norm.running_var.lerp_(variance * (count / (count - 1)), share)
    scale = (variance + norm.eps).rsqrt() * norm.weight
    normal: Tensor = rows * scale.view(per_channel) + norm.bias.view(per_channel)
    return normal.to(x.dtype)
