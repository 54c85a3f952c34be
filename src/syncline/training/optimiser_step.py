"""One optimiser step: batch, encoder, loss, gradient, update; on one process or many.

Notable choices:
- Every process embeds its part of the global batch; the embeddings are gathered with their gradients, and every process
  computes the loss of the whole batch. So losses that look across the batch (negatives, pairs of different videos,
  cycles) mean the same on any number of processes, and the loss's own parameters need no synchronisation.
- Dropout is drawn from (seed, step, process); a step has no other memory than parameters and optimiser.
- The loss is computed in float32, outside of autocast.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed
from jaxtyping import Float
from torch import Tensor, nn

from syncline.encoder import FrameEncoder
from syncline.losses import Loss
from syncline.losses.cross_video import Teacher
from syncline.training.checkpoint import Parts
from syncline.training.train_config import TrainConfig
from syncline.views import Batch, Views
from syncline.views.batches import with_augmentation


@dataclass(frozen=True)
class StepResult:
    """Results of a step: the loss, its unweighted terms, the norm of the encoder's gradient, the learning rate."""

    loss: float
    terms: dict[str, float]
    gradient: float
    lr: float


class Stopwatch:
    """Seconds spent in each part of a step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - began

    def shares(self) -> dict[str, float]:
        """Each part's share of all seconds."""
        total = sum(self.seconds.values()) or 1.0
        return {part: seconds / total for part, seconds in self.seconds.items()}


class Stepper:
    """Does the steps of a run.

    Args:
        config: of the run. parts: encoder, loss and optimiser. model: the encoder, wrapped by Accelerate for several
            processes. accelerator: Accelerate's. views: gives the batch of a step.

    Attributes:
        teacher: of the loss's term across videos, where it is neither of the batch nor of its features.
    """

    def __init__(self, config: TrainConfig, parts: Parts, model: nn.Module, accelerator: Any, views: Views) -> None:
        self.config, self.parts, self.model, self.accelerator, self.views = config, parts, model, accelerator, views
        self.teacher: Teacher | None = None
        self.watch = Stopwatch()

    def __call__(self, step: int, steps: int, *, tell: bool = True) -> StepResult:
        """Step ``step`` (from 0) of ``steps``; ``tell``: with the terms of the loss, which are computed once more."""
        config, accelerator, optimizer = self.config, self.accelerator, self.parts.optimizer
        self.parts.loss.at(step / steps)
        factor = lr_factor(config, step, steps)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        self.model.train()
        torch.manual_seed(_dropout_seed(config.seed, step, accelerator.process_index))
        losses, terms = [], {}
        for part in range(config.accumulate):
            last = part + 1 == config.accumulate
            with nullcontext() if last else accelerator.no_sync(self.model):
                z, sides = self._embedded(step * config.accumulate + part)
                with self.watch("loss"):
                    loss = self.parts.loss(z[:, 0], z[:, 1], **sides)
                with self.watch("backward"):
                    accelerator.backward(loss / config.accumulate)
            losses.append(loss.detach())
            if tell and last:
                with torch.no_grad():
                    terms = self.parts.loss.terms(z[:, 0], z[:, 1], **sides)
        with self.watch("optimiser"):
            parameters = [p for p in self.parts.encoder.parameters() if p.grad is not None]
            norm = accelerator.clip_grad_norm_(parameters, config.clip or math.inf)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        numbers = {name: float(term) for name, term in terms.items()}
        return StepResult(float(torch.stack(losses).mean()), numbers, float(norm), config.lr * factor)

    def _embedded(self, number: int) -> tuple[Tensor, dict[str, Any]]:
        """Embeddings (b, v, t, d) of batch ``number`` on every process, and what the loss is told about them."""
        accelerator = self.accelerator
        with self.watch("batch"):
            batch = self.views.batch(number)
            own = batch.part(accelerator.process_index, accelerator.num_processes)
            inputs = own.inputs.to(accelerator.device, non_blocking=True)  # waits for nothing where it is pinned
            if own.draws is not None:
                inputs = with_augmentation(inputs, own.draws, self.config.views)
            inputs = inputs.flatten(0, 1)
            masks, steps = (t.to(accelerator.device).flatten(0, 1) for t in (own.masks, own.steps))
        # to LAC's released code padded slots are frames like any others; the encoder must not mask them either, or
        # they would be zeros in both views, whose distance is 0
        with self.watch("encoder"), accelerator.autocast():
            embedded = self.model(inputs, mask=masks if self.parts.loss.use_masks else None, steps=steps)
        z = gathered(embedded.float().unflatten(0, tuple(own.video.shape)), accelerator)
        told = {"steps": batch.steps, "frames": batch.frames, "mask": batch.masks, "video": batch.video}
        sides: dict[str, Any] = {
            f"{name}_{side}": part[:, i].to(z.device) for name, part in told.items() for i, side in enumerate("xy")
        }
        if z.shape[1] == 3:
            sides["negatives"] = z[:, 2]
        if self.config.teacher == "frozen":
            features = frozen_features(batch).to(z.device)
            sides |= {"teacher_x": features[:, 0], "teacher_y": features[:, 1]}
        if self.teacher is not None:
            sides["teacher"] = self.teacher
        return z, sides


def frozen_features(batch: Batch) -> Float[Tensor, "b v t f"]:
    """The batch's own inputs as a teacher aligns them: flattened, less the mean of all real frames."""
    inputs = batch.inputs.float().flatten(3)
    return inputs - inputs[batch.masks].mean(dim=0)


def lr_factor(config: TrainConfig, step: int, steps: int) -> float:
    """The factor of the learning rates in a step.

    Examples:
        >>> lr_factor(TrainConfig(), 0, 100), round(lr_factor(TrainConfig(), 50, 100), 3)
        (1.0, 0.5)
    """
    if config.schedule == "fixed":
        return 1.0
    if config.epochs is None:
        return 0.5 * (1 + math.cos(math.pi * step / steps))
    epoch = step * config.epochs // steps
    return 0.5 * (1 + math.cos(math.pi * epoch / (config.epochs + 1)))


def make_optimizer(config: TrainConfig, encoder: FrameEncoder, loss: Loss) -> torch.optim.Optimizer:
    """Adam over the encoder's and, in a group with a rate of their own, the loss's parameters."""
    groups: list[dict[str, Any]] = [{"params": [p for p in encoder.parameters() if p.requires_grad]}]
    own = [p for p in loss.parameters() if p.requires_grad]
    if own:
        groups.append({"params": own, "lr": config.lr if loss.gap_lr is None else loss.gap_lr})
    optimizer = torch.optim.Adam(groups, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay, fused=True)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


class _Gather(torch.autograd.Function):
    """Rows of every process, in the order of the global batch.

    Every process computes the same loss of the same rows, so the gradient of a process's own rows is all there is;
    DDP then takes the mean over processes of what is a sum: hence the factor.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: int, count: int) -> Tensor:
        ctx.index, ctx.count, ctx.length = index, count, len(rows)
        sizes = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(count)]
        torch.distributed.all_gather(sizes, torch.tensor([len(rows)], device=rows.device))
        longest = max(int(size) for size in sizes)
        padded = torch.cat([rows, rows.new_zeros(longest - len(rows), *rows.shape[1:])]).contiguous()
        parts = [torch.empty_like(padded) for _ in range(count)]
        torch.distributed.all_gather(parts, padded)
        total = sum(int(size) for size in sizes)
        result = rows.new_empty(total, *rows.shape[1:])
        for process, (part, size) in enumerate(zip(parts, sizes, strict=True)):
            result[process::count] = part[: int(size)]
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0][ctx.index :: ctx.count] * ctx.count, None, None


def gathered(rows: Tensor, accelerator: Any) -> Tensor:
    """(b / processes, ...) of each process -> (b, ...) on all; gradients flow back to the process's own rows."""
    if accelerator.num_processes == 1:
        return rows
    result: Tensor = _Gather.apply(rows, accelerator.process_index, accelerator.num_processes)
    return result


def _dropout_seed(seed: int, step: int, process: int) -> int:
    return ((seed * 1_000_003 + step) * 4099 + process + 1) % (1 << 62)
