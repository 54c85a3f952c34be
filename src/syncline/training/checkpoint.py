"""Checkpoints: safetensors for numbers, JSON for the rest, never a pickle.

    RUN/checkpoint/state-00000400.safetensors   model.*, loss.*, optimizer.<parameter>.<quantity>
    RUN/checkpoint/checkpoint.json              step, which state file and its SHA-256, the configuration

Notable choices:
- The state is written under a name of its own; replacing the JSON is the moment at which it counts. A kill at any time
  leaves the old checkpoint or the new one.
- Random numbers are no state: every draw of a step, dropout too, is a function of (seed, step, process).
- A frozen backbone is not in it: its weights are named by their hash.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from syncline.encoder import FrameEncoder
from syncline.encoder.encoder_config import tensor_name_as_today
from syncline.errors import UnusableRunError
from syncline.files import replacing, sha256, write_json
from syncline.losses import Loss

FOLDER, INDEX = "checkpoint", "checkpoint.json"


@dataclass(frozen=True)
class Parts:
    """The parts of a checkpoint: the encoder, the loss with its parameters, and the optimiser over both."""

    encoder: FrameEncoder
    loss: Loss
    optimizer: torch.optim.Optimizer


def save_checkpoint(
    run: Path, parts: Parts, *, step: int, steps: int, planned: int, seconds: float, identity: Mapping[str, Any]
) -> None:
    """Writes the state after ``step`` of ``steps`` optimiser steps (``planned``: as configured, a budget may cut them).

    ``identity`` must be equal when it is loaded.
    """
    folder = run / FOLDER
    state = folder / f"state-{step:08d}.safetensors"
    tensors = {f"model.{name}": tensor for name, tensor in trained_state(parts.encoder).items()}
    tensors |= {f"loss.{name}": tensor for name, tensor in parts.loss.state_dict().items()}
    for name, parameter in _named_parameters(parts):
        for quantity, value in parts.optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{name}.{quantity}"] = torch.as_tensor(value)
    with replacing(state) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
    described = {
        "format": "syncline checkpoint 1",
        "step": step,
        "steps": steps,
        "planned": planned,
        "seconds": seconds,
        "state": state.name,
        "sha256": sha256(state),
        "identity": dict(identity),
    }
    write_json(folder / INDEX, described)
    for old in folder.glob("state-*.safetensors"):
        if old != state:
            old.unlink(missing_ok=True)


def load_checkpoint(
    run: Path,
    parts: Parts,
    *,
    identity: Mapping[str, Any],
    current: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> dict[str, Any]:
    """Puts the checkpoint of ``run`` into ``parts``; returns its JSON (``step``, ``steps``, ``seconds``).

    ``current`` says what an identity that an earlier version wrote is today.

    Raises:
        UnusableRunError: it is damaged, or of another model.
    """
    folder = run / FOLDER
    described = read_index(run)
    assert described is not None
    difference = _first_difference(_as_read(current(described["identity"])), _as_read(identity))
    if difference is not None:
        key, theirs, ours = difference
        raise UnusableRunError(
            f"{folder} is the checkpoint of another model: its {key} is {theirs!r}, here it is {ours!r}; "
            "train into another folder, or with the settings of this one"
        )
    state = folder / str(described["state"])
    if not state.is_file() or sha256(state) != described["sha256"]:
        raise UnusableRunError(f"{state} is missing or not whole; remove {run} and train again")
    try:
        _fill(parts, {tensor_name_as_today(name): tensor for name, tensor in load_file(state).items()})
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise UnusableRunError(f"{state} does not fit the model: {str(error).splitlines()[0]}") from error
    return described


def read_index(run: Path) -> dict[str, Any] | None:
    """The JSON of the checkpoint of ``run``; None where there is none.

    Raises:
        UnusableRunError: it is damaged.
    """
    path = run / FOLDER / INDEX
    if not path.is_file():
        return None
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        if described["format"] != "syncline checkpoint 1":
            raise ValueError(described["format"])
        int(described["step"]), int(described["steps"]), int(described["planned"]), float(described["seconds"])
        dict(described["identity"])
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableRunError(
            f"{path} is damaged or no checkpoint of syncline's; remove {run} and train again"
        ) from error
    return dict(described)


def _fill(parts: Parts, tensors: dict[str, Tensor]) -> None:
    model = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
    own = trained_state(parts.encoder)
    if set(model) != set(own):
        raise ValueError(f"it lacks or has too much: {sorted(set(model) ^ set(own))[0]}")
    parts.encoder.load_state_dict(model, strict=False)
    parts.loss.load_state_dict(
        {name.removeprefix("loss."): value for name, value in tensors.items() if name.startswith("loss.")}
    )
    for name, parameter in _named_parameters(parts):
        prefix = f"optimizer.{name}."
        kept = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        if kept:
            # moments lie in memory as the parameter does (channels_last): fused Adam walks over both side by side
            parts.optimizer.state[parameter] = {
                key: value.to(parameter.device) if key == "step" else torch.empty_like(parameter).copy_(value)
                for key, value in kept.items()
            }


def trained_state(encoder: FrameEncoder) -> dict[str, Tensor]:
    """The state of an encoder without the backbone, if that is frozen; the tensors are the encoder's own."""
    frozen = encoder.config.trainable == "frozen"
    state = encoder.state_dict()
    return {name: tensor for name, tensor in state.items() if not (frozen and name.startswith("backbone."))}


def _named_parameters(parts: Parts) -> list[tuple[str, nn.Parameter]]:
    named = [(f"model.{name}", p) for name, p in parts.encoder.named_parameters()]
    named += [(f"loss.{name}", p) for name, p in parts.loss.named_parameters()]
    return [(name, p) for name, p in named if p.requires_grad]


def _as_read(value: Any) -> Any:
    """A value as it comes back from JSON."""
    return json.loads(json.dumps(value))


def _first_difference(theirs: Any, ours: Any, key: str = "") -> tuple[str, Any, Any] | None:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted({*theirs, *ours}):
            found = _first_difference(theirs.get(name), ours.get(name), f"{key}.{name}".lstrip("."))
            if found is not None:
                return found
        return None
    return None if theirs == ours else (key, theirs, ours)
